//! Fairness, whoever chooses.

use proptest::prelude::*;

use super::{Smooth, coldness, random, warm};

#[test]
fn turns_are_spread() {
    let mut smooth = Smooth::default();
    let weighed = [("a", 5.0), ("b", 1.0), ("c", 1.0)];
    let order: Vec<_> = (0..7).filter_map(|_| smooth.choose(weighed.iter().copied())).collect();
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(smooth.choose([].into_iter()), None);
}

#[test]
fn who_has_just_started_gets_less() {
    assert_eq!(warm(100.0, coldness(60_000.0, 600_000.0)), 10.0);
    assert_eq!(warm(100.0, coldness(1.0, 600_000.0)), 1.0);
    assert_eq!(warm(100.0, coldness(600_000.0, 600_000.0)), 100.0);
}

proptest! {
    #[test]
    fn chance_is_fair(weights in prop::collection::vec(0..20u32, 1..8)) {
        let total: u32 = weights.iter().sum();
        let mut counts = vec![0; weights.len()];
        for step in 0..total {
            let chance = (f64::from(step) + 0.5) / f64::from(total);
            counts[random(weights.iter().map(|weight| f64::from(*weight)), chance).unwrap()] += 1;
        }
        prop_assert_eq!(counts, weights);
    }
}

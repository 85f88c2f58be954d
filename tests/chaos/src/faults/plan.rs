//! Drawing faults.

use std::{ops::Range, time::Duration};

use fastrand::Rng;

use super::{Kind, Target};

/// A fault to come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    /// How long there is none before it.
    pub(crate) after: Duration,
    pub(crate) kind: Kind,
    /// How long it lasts.
    pub(crate) lasts: Duration,
    /// Whatever else there is to choose follows from it.
    pub(crate) pick: usize,
}

/// Draws faults of these kinds on one target, one after the other, that end within the whole time.
pub(crate) fn draw(rng: &mut Rng, kinds: &[Kind], target: Target, whole: Duration, session: Duration) -> Vec<Planned> {
    let drawn: Vec<Kind> = kinds
        .iter()
        .filter(|kind| kind.target() == target)
        .flat_map(|kind| std::iter::repeat_n(*kind, kind.weight()))
        .collect();
    let mut plan = Vec::new();
    let mut passed = Duration::ZERO;
    // So that a few may fail before it is given up to fit one more into what is left.
    let mut misses = 0;
    while !drawn.is_empty() && misses < 8 {
        let kind = drawn[rng.usize(..drawn.len())];
        let after = Duration::from_millis(rng.u64(pause(target)));
        let tenths = kind.tenths();
        let unit = session.as_millis() as u64 / 10;
        let lasts = Duration::from_millis(rng.u64(tenths.start * unit..tenths.end * unit));
        let pick = rng.usize(..);
        if passed + after + lasts <= whole {
            passed += after + lasts;
            plan.push(Planned { after, kind, lasts, pick });
        } else {
            misses += 1;
        }
    }
    plan
}

/// How long there is no fault on the target between two, in milliseconds.
const fn pause(target: Target) -> Range<u64> {
    match target {
        Target::Members => 1_000..9_000,
        Target::Client => 1_000..14_000,
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    const WHOLE: Duration = Duration::from_secs(60);

    fn drawn(seed: u64, target: Target) -> Vec<Planned> {
        draw(&mut Rng::with_seed(seed), Kind::value_variants(), target, WHOLE, Duration::from_secs(5))
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        assert_eq!(drawn(7, Target::Client), drawn(7, Target::Client));
        assert_ne!(drawn(7, Target::Client), drawn(8, Target::Client));
    }

    #[test]
    fn faults_are_of_their_target_and_end_in_time() {
        for target in [Target::Members, Target::Client] {
            let plan = drawn(7, target);
            assert!(!plan.is_empty());
            assert!(plan.iter().all(|fault| fault.kind.target() == target));
            assert!(plan.iter().map(|fault| fault.after + fault.lasts).sum::<Duration>() <= WHOLE);
        }
    }
}

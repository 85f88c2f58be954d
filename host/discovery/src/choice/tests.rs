//! Who is chosen how often.

use std::{collections::HashMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::ServiceUrl;

const KEYS: [&str; 8] = ["a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "g:1", "h:1"];

fn weighing(weights: &[u32]) -> Vec<Candidate<'static>> {
    let one = |(key, weight): (&&'static str, &u32)| Candidate {
        key,
        weight: f64::from(*weight),
        active: 0,
        response: Duration::ZERO,
    };
    KEYS.iter().zip(weights).map(one).collect()
}

#[test]
fn who_weighs_nothing_is_chosen_only_where_all_do() {
    for policy in Policy::ALL {
        let mut chooser = Chooser::new(policy);
        let mut count = |candidates: &[Candidate<'_>]| {
            let mut counts = vec![0; candidates.len()];
            for step in 0..100 {
                let chosen = chooser.choose(candidates, &format!("key {step}"), f64::from(step) / 100.0);
                counts[chosen.expect("there is one")] += 1;
            }
            counts
        };
        assert_eq!(count(&weighing(&[0, 7])), [0, 100], "{policy}");
        let counts = count(&weighing(&[0, 0]));
        assert!(counts[0] > 25 && counts[1] > 25, "{policy} {counts:?}");
        assert_eq!(Chooser::new(policy).choose(&[], "", 0.5), None);
    }
}

#[test]
fn the_least_burdened_is_chosen() {
    let mut candidates = weighing(&[1, 1, 1]);
    (candidates[0].active, candidates[1].active) = (3, 1);
    assert_eq!(least_active(&candidates, 0.9), Some(2));
    candidates[0].response = Duration::from_millis(1);
    candidates[1].response = Duration::from_millis(3);
    candidates[2].response = Duration::from_millis(9);
    // 1 ms for each of four, 3 ms for each of two, 9 ms.
    assert_eq!(shortest_response(&candidates, 0.0), Some(0));
    assert_eq!(sticky(&candidates, "b:1"), Some(1));
    assert_eq!(sticky(&candidates, "x:1"), None);
}

#[test]
fn the_own_zone_is_preferred_where_there_is_one() {
    let all = [("a", Some("east")), ("b", None), ("c", Some("east"))];
    assert_eq!(in_zone(&all, |(_, zone)| zone == Some("east")), [all[0], all[2]]);
    assert_eq!(in_zone(&all, |(_, zone)| zone == Some("west")), all);
}

#[test]
fn a_weight_is_what_a_rule_says_or_the_url_or_the_usual() {
    let url = ServiceUrl::new("tri", "10.0.0.1", 1, "demo.EchoService");
    let now = 1_796_069_588_328;
    assert_eq!(weight(&url, None, now), 100.0);
    // As dubbo-go writes it where nobody has given one.
    assert_eq!(weight(&url.clone().with("weight", "0"), None, now), 100.0);
    assert_eq!(weight(&url.clone().with("weight", "25"), None, now), 25.0);
    assert_eq!(weight(&url.clone().with("weight", "25"), Some(0), now), 0.0);
}

#[test]
fn a_provider_that_has_just_started_weighs_less() {
    let now = 1_796_069_588_328;
    let url = |started: &str| ServiceUrl::new("tri", "10.0.0.1", 1, "demo.EchoService").with("timestamp", started);
    // A minute ago, in milliseconds as Java writes it and in seconds as Go does.
    assert_eq!(weight(&url("1796069528328"), None, now), 10.0);
    assert_eq!(weight(&url("1796069528"), None, now).round(), 10.0);
    assert_eq!(weight(&url("1796069528328").with("warmup", "120000"), None, now), 50.0);
    assert_eq!(weight(&url("1796069528328").with("warmup", "0"), None, now), 100.0);
    // By a clock that is ahead.
    assert_eq!(weight(&url("1796069999999"), None, now), 1.0);
}

#[test]
fn a_key_moves_only_to_who_comes_or_from_who_goes() {
    let all = weighing(&[1, 1, 2, 1]);
    let mut counts = HashMap::new();
    for key in 0..4_000 {
        let key = key.to_string();
        let chosen = consistent(&all, &key).expect("there is one");
        *counts.entry(chosen).or_insert(0) += 1;
        let fewer: Vec<_> = all.iter().copied().filter(|candidate| candidate.key != "b:1").collect();
        let then = consistent(&fewer, &key).expect("there is one");
        assert!(chosen == 1 || fewer[then].key == all[chosen].key, "{key}");
    }
    assert!((700..900).contains(&counts[&0]) && (1_450..1_750).contains(&counts[&2]), "{counts:?}");
    // The same on all machines, in all versions.
    assert_eq!((0..8).map(|key| consistent(&all, &key.to_string()).expect("one")).collect::<Vec<_>>(), PLACES);
}

const PLACES: [usize; 8] = [0, 2, 2, 1, 0, 2, 3, 0];

proptest! {
    #[test]
    fn turns_by_weight_are_fair(weights in prop::collection::vec(0..20u32, 1..8)) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let candidates = weighing(&weights);
        let mut chooser = Chooser::new(Policy::RoundRobin);
        let mut counts = vec![0; weights.len()];
        for _ in 0..weights.iter().sum() {
            counts[chooser.choose(&candidates, "", 0.0).expect("there is one")] += 1;
        }
        prop_assert_eq!(counts, weights);
    }
}

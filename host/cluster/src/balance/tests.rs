use proptest::prelude::*;
use registry_host::{Entry, SessionId};

use super::*;
use crate::{Heartbeat, Status};

const OLD: i64 = 1_000_000;

fn member(address: &str, heartbeat: &Heartbeat) -> Arc<Member> {
    let key = format!("/nodes/worker/default/{address}");
    Arc::new(Member::of(&Entry::new(key, heartbeat.write(), 1.into(), 1.into(), Some(SessionId(1)))).unwrap())
}

fn beat(cpu: f64, memory: f64, load: f64) -> Heartbeat {
    Heartbeat {
        report_time: OLD,
        cpu_usage: cpu,
        memory_usage: memory,
        load_average: load,
        available_physical_memory_size: 8.0,
        server_status: Some(Status::Normal),
        ..Heartbeat::default()
    }
}

fn weighing(weights: &[i32]) -> Vec<Arc<Member>> {
    let beat = |weight: &i32| Heartbeat { worker_host_weight: Some(*weight), ..beat(0.0, 0.0, 0.0) };
    weights.iter().enumerate().map(|(at, weight)| member(&format!("w{at}:1"), &beat(weight))).collect()
}

fn burdened(loads: &[f64]) -> Vec<Arc<Member>> {
    loads.iter().enumerate().map(|(at, load)| member(&format!("w{at}:1"), &beat(0.0, 0.0, *load))).collect()
}

/// How often each is chosen.
fn count(selector: Selector, members: &[Arc<Member>], choices: usize) -> Vec<usize> {
    let mut balancer = Balancer::new(selector);
    let mut counts = vec![0; members.len()];
    for _ in 0..choices {
        let chosen = balancer.choose("default", members).unwrap();
        counts[members.iter().position(|member| Arc::ptr_eq(member, &chosen)).unwrap()] += 1;
    }
    counts
}

fn order(selector: Selector, members: &[Arc<Member>], choices: usize) -> String {
    let mut balancer = Balancer::new(selector);
    let choose = |_| balancer.choose("default", members).unwrap().address[1..2].to_owned();
    (0..choices).map(choose).collect()
}

const ALL: [Selector; 5] = [
    Selector::Random,
    Selector::RoundRobin,
    Selector::LowerWeight,
    Selector::FixedWeightedRoundRobin,
    Selector::DynamicWeightedRoundRobin,
];

#[test]
fn turns_by_weight_are_spread() {
    assert_eq!(order(Selector::RoundRobin, &weighing(&[5, 1, 1]), 7), "0010200");
    assert_eq!(count(Selector::FixedWeightedRoundRobin, &weighing(&[1, 2, 3]), 600), [100, 200, 300]);
}

#[test]
fn the_less_burdened_is_chosen_more_often() {
    // Burdens of 70 and 140: of three choices two are of the first.
    let counts = count(Selector::LowerWeight, &burdened(&[1.0, 2.0]), 300);
    assert!((199..=201).contains(&counts[0]), "{counts:?}");
    assert_eq!(order(Selector::LowerWeight, &burdened(&[2.0, 1.0]), 1), "1");
}

#[test]
fn burdens_are_weighed_as_dolphinscheduler_does() {
    let member = |beat: &Heartbeat| member("w:1", beat);
    let old = member(&beat(0.5, 0.5, 2.0));
    assert_eq!(Candidate::of(&old).unwrap().burden(), 0.5 * 10.0 + 0.5 * 20.0 + 2.0 * 70.0);
    let young = member(&Heartbeat { startup_time: OLD - 300_000, ..beat(0.5, 0.5, 2.0) });
    assert_eq!(Candidate::of(&young).unwrap().burden(), 2.0 * 155.0);
    assert_eq!(Candidate::of(&young).unwrap().warm_weight(), 50.0);
    let full =
        Heartbeat { worker_waiting_task_count: Some(9), worker_exec_thread_count: Some(4), ..beat(1.0, 1.0, 0.0) };
    let (full, idle) = (member(&full), member(&beat(0.0, 0.0, 0.0)));
    assert_eq!(Candidate::of(&full).unwrap().room(), 100.0 - 100.0 / 3.0);
    assert_eq!(Candidate::of(&idle).unwrap().room(), 100.0);
}

#[test]
fn only_those_with_fewest_waiting_tasks_are_weighed() {
    let waiting = |waiting: &[Option<i32>]| -> Vec<_> {
        let beat = |count: &Option<i32>| Heartbeat { worker_waiting_task_count: *count, ..beat(0.1, 0.1, 0.1) };
        waiting.iter().enumerate().map(|(at, count)| member(&format!("w{at}:1"), &beat(count))).collect()
    };
    for (counts, chosen) in [
        (&[Some(0), Some(5), Some(0)][..], &[50, 0, 50][..]),
        (&[Some(9), Some(5), Some(5)], &[0, 50, 50]),
        // One that doesn't tell is neither preferred nor passed over.
        (&[None, Some(5), Some(9)], &[50, 50, 0]),
        (&[None, Some(0), Some(9)], &[50, 50, 0]),
        (&[None, None], &[50, 50]),
    ] {
        assert_eq!(count(Selector::LowerWeight, &waiting(counts), 100), chosen, "{counts:?}");
    }
    let idle_but_waiting = Heartbeat { worker_waiting_task_count: Some(1), ..beat(0.0, 0.0, 0.0) };
    let loaded = Heartbeat { worker_waiting_task_count: Some(0), ..beat(0.9, 0.9, 9.0) };
    let members = [member("w0:1", &idle_but_waiting), member("w1:1", &loaded)];
    assert_eq!(count(Selector::LowerWeight, &members, 10), [0, 10]);
}

#[test]
fn what_is_not_measured_is_never_better_than_what_is() {
    let unknown = [
        Heartbeat::default(),
        Heartbeat { load_average: -1.0, ..beat(0.0, 0.0, 0.0) },
        Heartbeat { cpu_usage: -1.0, ..beat(0.0, 0.0, 0.0) },
        Heartbeat { memory_usage: -1.0, ..beat(0.0, 0.0, 0.0) },
    ];
    let heavy = Heartbeat { worker_host_weight: Some(7), ..beat(0.8, 0.8, 2.0) };
    for unmeasured in &unknown {
        // Of one that doesn't tell when it started it is not known that it is no longer young.
        let startup_time = if unmeasured.report_time == 0 { OLD - 60_000 } else { 0 };
        let light = Heartbeat { worker_host_weight: Some(5), startup_time, ..beat(0.5, 0.5, 0.5) };
        let members = [member("w0:1", unmeasured), member("w1:1", &light), member("w2:1", &heavy)];
        for selector in ALL {
            let counts = count(selector, &members, 6_000);
            let least = counts[1].min(counts[2]);
            // Chance is not exact.
            let most = if selector == Selector::Random { least + least / 5 } else { least + 1 };
            assert!(counts[0] <= most, "{selector:?} {unmeasured:?} {counts:?}");
        }
        // Where there is no better one, it does.
        assert_eq!(count(Selector::LowerWeight, &members[..1], 3), [3]);
    }
}

#[test]
fn idle_workers_take_turns() {
    for selector in [Selector::RoundRobin, Selector::LowerWeight, Selector::DynamicWeightedRoundRobin] {
        assert_eq!(count(selector, &burdened(&[0.0; 4]), 400), [100; 4], "{selector:?}");
    }
}

#[test]
fn a_worker_that_returns_is_owed_nothing() {
    for selector in ALL {
        let mut balancer = Balancer::new(selector);
        let members = weighing(&[1, 1, 1]);
        for there in [&members[..], &members[..1], &members[1..], &members[..]] {
            for _ in 0..10 {
                let chosen = balancer.choose("default", there).unwrap();
                assert!(there.iter().any(|member| Arc::ptr_eq(member, &chosen)), "{selector:?}");
            }
        }
    }
}

#[test]
fn a_group_without_a_normal_worker_is_named() {
    let status = |status| Heartbeat { server_status: Some(status), ..beat(0.0, 0.0, 0.0) };
    let unwell = [member("a:1", &status(Status::Busy)), member("b:1", &status(Status::Abnormal))];
    for selector in ALL {
        let mut balancer = Balancer::new(selector);
        let refused = balancer.choose("gpu", &[]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotFound);
        assert_eq!(refused.message(), "there is no worker in the group \"gpu\"");
        let refused = balancer.choose("gpu", &unwell).unwrap_err();
        let wanted = "no normal worker in the group \"gpu\": of 2 workers 1 are abnormal, 1 busy, 0 draining, and of 0";
        assert!(refused.message().contains(wanted), "{refused}");
    }
}

#[test]
fn chance_chooses_everyone_and_nobody_else() {
    let members = weighing(&[1, 3]);
    let (_, candidates) = Candidate::all(&members);
    for (chance, chosen) in [(0.0, 0), (0.24, 0), (0.26, 1), (0.999, 1), (1.0, 1), (f64::NAN, 1)] {
        assert_eq!(random(&candidates, chance), Some(chosen), "{chance}");
    }
    assert_eq!(random(&[], 0.5), None);
}

prop_compose! {
    fn any_status()(code in 0u64..3) -> Status { Status::from_code(code).unwrap() }
}

proptest! {
    #[test]
    fn turns_by_weight_are_fair(weights in prop::collection::vec(1..20i32, 1..8)) {
        let total: i32 = weights.iter().sum();
        for selector in [Selector::RoundRobin, Selector::FixedWeightedRoundRobin] {
            let counts = count(selector, &weighing(&weights), 3 * total as usize);
            for (count, weight) in counts.iter().zip(&weights) {
                // The order within a round may differ by one choice of each.
                let fair = i64::from(3 * weight);
                prop_assert!((*count as i64 - fair).abs() <= 1, "{selector:?} {counts:?} {weights:?}");
            }
        }
    }

    #[test]
    fn chance_is_fair(weights in prop::collection::vec(1..20i32, 1..8)) {
        let members = weighing(&weights);
        let (_, candidates) = Candidate::all(&members);
        let total: i32 = weights.iter().sum();
        let mut counts = vec![0; weights.len()];
        for step in 0..total {
            counts[random(&candidates, (f64::from(step) + 0.5) / f64::from(total)).unwrap()] += 1;
        }
        prop_assert_eq!(counts, weights);
    }

    #[test]
    fn less_burden_is_never_chosen_less(loads in prop::collection::vec(0.0..50.0f64, 1..8)) {
        let counts = count(Selector::LowerWeight, &burdened(&loads), 500);
        for (one, other) in (0..loads.len()).flat_map(|one| (0..loads.len()).map(move |other| (one, other))) {
            let less = loads[one] < loads[other];
            prop_assert!(!less || counts[one] + 1 >= counts[other], "{loads:?} {counts:?}");
        }
    }

    #[test]
    fn a_load_of_twice_the_average_is_not_starved(loads in prop::collection::vec(1.0..50.0f64, 1..8)) {
        let counts = count(Selector::LowerWeight, &burdened(&loads), 2_000);
        let total: f64 = loads.iter().sum();
        for (load, count) in loads.iter().zip(counts) {
            let starved = load / total > 1.9 / loads.len() as f64;
            prop_assert!(starved || count > 0, "{loads:?}");
        }
    }

    #[test]
    fn room_starves_nobody(figures in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 1..8)) {
        let beats = figures.iter().enumerate();
        let members: Vec<_> =
            beats.map(|(at, (cpu, memory))| member(&format!("w{at}:1"), &beat(*cpu, *memory, 0.0))).collect();
        let counts = count(Selector::DynamicWeightedRoundRobin, &members, 100 * members.len());
        prop_assert!(counts.iter().all(|count| (60..=150).contains(count)), "{counts:?}");
    }

    #[test]
    fn only_normal_workers_are_chosen(statuses in prop::collection::vec(any_status(), 0..8)) {
        let beats = statuses.iter().enumerate();
        let beats = beats.map(|(at, status)| (at, Heartbeat { server_status: Some(*status), ..beat(0.1, 0.1, 0.1) }));
        let members: Vec<_> = beats.map(|(at, beat)| member(&format!("w{at}:1"), &beat)).collect();
        for selector in ALL {
            let mut balancer = Balancer::new(selector);
            for _ in 0..20 {
                match balancer.choose("default", &members) {
                    Ok(chosen) => prop_assert!(chosen.is_normal()),
                    Err(_) => prop_assert!(!statuses.contains(&Status::Normal)),
                }
            }
        }
    }
}

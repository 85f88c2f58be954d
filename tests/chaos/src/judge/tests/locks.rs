//! Of holders and fencing.

use super::story::{C1, C2, Story};
use crate::history::{Change, Event, State};

fn etcd() -> Story {
    Story::new("etcd")
}

#[test]
fn holders_follow_one_another() {
    etcd()
        .held(C1, 1_000, 1_100, 5)
        .fenced(C1, 1_200, 5, 20)
        .release(C1, 1_500, 5)
        .held(C2, 1_050, 1_510, 6)
        .fenced(C2, 1_600, 6, 21)
        .lost(C2, 1_700, 6)
        .held(C1, 1_600, 1_800, 8)
        .keeps_everything();
}

#[test]
fn two_holders_at_once_are_found() {
    let one = || etcd().held(C1, 1_000, 1_100, 5);
    one().held(C2, 1_050, 1_400, 6).release(C1, 1_500, 5).breaks("6.2", "was held with token 6");
    one().held(C2, 1_050, 1_400, 6).breaks("6.2", "was held with token 6");
    // Also two requests of one client.
    one().held(C1, 1_050, 1_400, 6).breaks("6.2", "was held with token 6");
}

#[test]
fn a_long_hold_is_compared_with_all_within() {
    let story =
        etcd().held(C1, 1_000, 1_100, 5).held(C2, 1_050, 1_200, 6).release(C2, 1_300, 6).held(C2, 1_350, 1_400, 7);
    assert_eq!(story.found().len(), 2);
}

#[test]
fn a_hold_ends_with_lock_session_registry_or_process() {
    let next = |story: Story| story.held(C2, 1_050, 9_000, 6);
    let one = || etcd().held(C1, 1_000, 1_100, 5);
    next(one().lost(C1, 8_000, 5)).keeps_everything();
    next(one().state(C1, 7_000, State::Suspended, 1).state(C1, 8_000, State::Lost, 1)).keeps_everything();
    next(one().state(C1, 8_000, State::Closed, 1)).keeps_everything();
    next(one().process(C1, 8_000, Change::Kill)).keeps_everything();
    next(one().process(C1, 8_000, Change::Stop)).keeps_everything();
    next(one().process(C1, 9_500, Change::Kill)).breaks("6.2", "while");
    next(one().lost(C1, 9_500, 5)).breaks("6.2", "while");
    next(one().lost(C1, 8_000, 4)).breaks("6.2", "while");
}

#[test]
fn a_stopped_waiter_may_hear_late_of_its_loss() {
    let slept = |lost| {
        etcd()
            .process(C1, 1_050, Change::Stop)
            .process(C1, 9_000, Change::Continue)
            .held(C1, 1_000, 9_020, 5)
            .lost(C1, lost, 5)
            .state(C1, 9_020, State::Suspended, 1)
            .state(C1, lost, State::Lost, 1)
            .held(C2, 1_060, 6_000, 6)
            .lives_until(C1, 30_000)
    };
    slept(9_040).keeps_everything();
    slept(10_500).breaks("6.2", "was held with token 5");
}

#[test]
fn tokens_that_do_not_grow_are_found() {
    let one = || etcd().held(C1, 1_000, 1_100, 5).release(C1, 1_200, 5);
    one().held(C2, 1_300, 1_400, 5).breaks("6.3", "after token 5");
    one().held(C2, 1_300, 1_400, 4).breaks("6.3", "after token 5");
    // Who queued before may have the lower one.
    one().held(C2, 1_050, 1_400, 4).keeps_everything();
}

#[test]
fn a_free_lock_that_is_not_given_is_found() {
    let waits = |until| {
        let story = etcd().held(C1, 1_000, 1_100, 5).release(C1, 2_000, 5);
        story.held(C2, 1_500, until, 6).lives_until(C1, 60_000).lives_until(C2, 60_000)
    };
    waits(20_500).keeps_everything();
    waits(21_500).breaks("6.1", "during 19 s in which nobody held it");
    // It was held, the servers or the waiter were disturbed.
    waits(21_500).held(C1, 1_050, 9_100, 7).release(C1, 9_200, 7).keeps_everything();
    waits(21_500).fault("kill-leader", &["member 1"], 9_000, 12_000).keeps_everything();
    waits(21_500).fault("cut", &["client 2", "member 1"], 9_000, 12_000).keeps_everything();
    waits(21_500).fault("reset", &["client 1", "member 1"], 9_000, 12_000).breaks("6.1", "during 19 s");
    waits(21_500).process(C2, 9_000, Change::Stop).process(C2, 9_500, Change::Continue).keeps_everything();
    // A request that is never answered waits, too.
    let lock = || crate::history::Action::Lock { lock: "/lock".to_owned() };
    let never = |story: Story| story.line(1_000, C2, Event::Called { call: 99, action: lock(), deadline_ms: None });
    never(etcd()).lives_until(C2, 19_000).keeps_everything();
    never(etcd()).lives_until(C2, 21_000).breaks("6.1", "during 19 s");
    never(etcd()).line(15_000, C2, Event::Dropped { call: 99 }).lives_until(C2, 60_000).keeps_everything();
}

#[test]
fn an_accepted_write_of_a_former_holder_is_found() {
    let story = || {
        let first = etcd().held(C1, 1_000, 1_100, 5).fenced(C1, 1_200, 5, 20).release(C1, 1_500, 5);
        first.held(C2, 1_050, 1_510, 6).fenced(C2, 1_600, 6, 21)
    };
    story().keeps_everything();
    // After its release nobody has to have the lock.
    let released = |at| etcd().held(C1, 1_000, 1_100, 5).release(C1, 1_200, 5).fenced(C1, at, 5, 20);
    released(1_205).keeps_everything();
    released(1_220).breaks("6.5", "began when it was released");
    // By the clock alone, as its version fits; by the version alone, as it began in time.
    etcd()
        .held(C1, 1_000, 1_100, 5)
        .lost(C1, 1_200, 5)
        .held(C2, 1_050, 1_300, 6)
        .fenced(C1, 1_400, 5, 20)
        .breaks("6.5", "began when");
    let late = |from| {
        let action = crate::history::Action::Fenced {
            lock: "/lock".to_owned(),
            token: 5,
            key: "/fenced".to_owned(),
            value: "late".to_owned(),
        };
        story().call(C1, from, 1_900, action, crate::history::Answer::Written { version: 22 })
    };
    late(1_450).breaks("6.5", "was accepted as version 22");
    assert_eq!(late(1_700).found().len(), 3);
}

//! Of sessions, their loss, and deadlines.

use super::story::{C1, C2, Story, put};
use crate::history::{Answer, Change, Event, State};

fn etcd() -> Story {
    Story::new("etcd")
}

fn states(told: &[(State, u64)]) -> Story {
    let lines = told.iter().zip(1..);
    lines.fold(etcd(), |story, ((state, session), second)| story.state(C1, second * 1_000, *state, *session))
}

use State::{Closed, Connected, Lost, Suspended};

#[test]
fn states_follow_one_another() {
    states(&[(Connected, 1), (Suspended, 1), (Connected, 1), (Suspended, 1), (Lost, 1), (Connected, 3), (Closed, 3)])
        .keeps_everything();
    states(&[(Connected, 1), (Lost, 1), (Connected, 3)]).keeps_everything();
    states(&[(Connected, 1), (Suspended, 1), (Closed, 1)]).keeps_everything();
    states(&[(Connected, 1), (Lost, 1), (Closed, 1)]).keeps_everything();
}

#[test]
fn states_that_do_not_follow_are_found() {
    states(&[(Connected, 1), (Connected, 1)]).breaks("4.3", "Connected was told after Connected");
    states(&[(Connected, 1), (Suspended, 1), (Suspended, 1)]).breaks("4.3", "Suspended was told after Suspended");
    states(&[(Connected, 1), (Lost, 1), (Suspended, 1)]).breaks("4.3", "Suspended was told after Lost");
    states(&[(Connected, 1), (Lost, 1), (Lost, 1)]).breaks("4.3", "Lost was told after Lost");
    states(&[(Connected, 1), (Lost, 1), (Connected, 1)]).breaks("4.3", "is connected again");
    states(&[(Connected, 1), (Suspended, 1), (Connected, 3)]).breaks("4.3", "was not lost");
    states(&[(Connected, 1), (Closed, 1), (Connected, 3)]).breaks("4.3", "Connected was told after Closed");
    states(&[(Connected, 1), (Closed, 1), (Closed, 1)]).breaks("4.3", "Closed was told after Closed");
}

#[test]
fn a_process_stopped_for_long_learns_of_its_loss() {
    let slept = || etcd().process(C1, 2_000, Change::Stop).process(C1, 8_000, Change::Continue).lives_until(C1, 30_000);
    slept().state(C1, 8_050, Suspended, 1).state(C1, 8_060, Lost, 1).keeps_everything();
    slept().breaks("4.3", "not at all");
    slept().state(C1, 8_050, Suspended, 1).state(C1, 11_010, Lost, 1).breaks("4.3", "3000 ms late");
    // Not long enough; killed before it could; ended by itself.
    etcd()
        .process(C1, 2_000, Change::Stop)
        .process(C1, 5_000, Change::Continue)
        .lives_until(C1, 30_000)
        .keeps_everything();
    etcd().process(C1, 2_000, Change::Stop).process(C1, 8_000, Change::Kill).keeps_everything();
    slept().state(C1, 8_060, Closed, 1).keeps_everything();
}

#[test]
fn a_cut_off_client_gives_its_session_up_in_time() {
    for kind in ["cut", "cut-and-compact", "silent"] {
        let cut = || etcd().fault(kind, &["client 1", "member 0"], 2_000, 12_000).lives_until(C1, 30_000);
        cut().state(C1, 4_000, Suspended, 1).state(C1, 5_600, Lost, 1).keeps_everything();
        cut().breaks("4.3", "not at all");
        cut().state(C1, 4_000, Suspended, 1).state(C1, 7_700, Lost, 1).breaks("4.3", "2100 ms late");
    }
    // As late as its timers were.
    let busy = |stalled_ms| {
        let cut = etcd().fault("cut", &["client 1", "member 0"], 2_000, 12_000).begun(C1, 5_000, put("/k", "a"));
        let answer = crate::judge::tests::story::failed("unknown");
        let cut = cut.line(7_000, C1, Event::Answered { call: 0, answer, stalled_ms });
        cut.state(C1, 4_000, Suspended, 1).state(C1, 8_200, Lost, 1).lives_until(C1, 30_000)
    };
    busy(700).keeps_everything();
    busy(500).breaks("4.3", "2600 ms late");
    let kind = |kind, to| etcd().fault(kind, &["client 1", "member 0"], 2_000, to).lives_until(C1, 30_000);
    kind("cut", 5_000).keeps_everything();
    kind("cut-one", 12_000).keeps_everything();
    etcd().fault("cut", &["client 2", "member 0"], 2_000, 12_000).lives_until(C1, 30_000).keeps_everything();
}

#[test]
fn a_lock_is_lost_with_its_session() {
    let held = || etcd().held(C1, 1_000, 1_100, 5).state(C1, 5_000, Suspended, 1).state(C1, 6_000, Lost, 1);
    held().lost(C1, 6_001, 5).lives_until(C1, 30_000).keeps_everything();
    held().lost(C1, 7_100, 5).lives_until(C1, 30_000).breaks("6.4", "but not /lock, held with token 5");
    held().release(C1, 6_500, 5).lives_until(C1, 30_000).keeps_everything();
    held().lives_until(C1, 30_000).breaks("6.4", "but not /lock, held with token 5");
    held().lives_until(C1, 6_500).keeps_everything();
    held().process(C1, 6_500, Change::Kill).keeps_everything();
}

fn answered(after: u64, stalled_ms: u64) -> Story {
    let called = etcd().begun(C1, 1_000, put("/k", "a"));
    called.line(1_000 + after, C1, Event::Answered { call: 0, answer: Answer::Written { version: 5 }, stalled_ms })
}

#[test]
fn a_call_past_its_deadline_is_found() {
    answered(2_900, 0).keeps_everything();
    answered(3_100, 0).breaks("4.5", "took 3.1 s");
    answered(3_100, 500).keeps_everything();
    answered(9_000, 500).breaks("4.5", "took 9.0 s");
    // Standing still does not count.
    let paused = |after| answered(after, 0).process(C1, 1_500, Change::Stop).process(C1, 4_000, Change::Continue);
    paused(5_300).keeps_everything();
    paused(5_700).breaks("4.5", "took 3.2 s");
}

#[test]
fn a_call_without_an_end_is_found() {
    let called = || etcd().begun(C1, 1_000, put("/k", "a"));
    called().lives_until(C2, 60_000).keeps_everything();
    called().lives_until(C1, 7_900).keeps_everything();
    called().lives_until(C1, 8_100).breaks("4.5", "was not answered in 7.1 s");
    called().line(1_100, C1, Event::Dropped { call: 0 }).lives_until(C1, 60_000).keeps_everything();
}

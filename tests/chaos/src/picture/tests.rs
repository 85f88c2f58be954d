//! That what is to be seen is in the picture.

use crate::{
    history::{Action, Answer, Change, Event, Nanos, Record, State, Who},
    judge::judge,
    picture::picture,
};

/// A short run with all that there is to be seen; times in milliseconds.
pub(super) fn run() -> Vec<Record> {
    let mut records = Vec::new();
    let mut line = |ms: Nanos, who, event| records.push(Record { at: ms * 1_000_000, who, event });
    let (chaos, one, two) = (Who::Chaos, Who::Client(0, 0), Who::Client(1, 0));
    let (clients, faults) = (2, Vec::new());
    line(
        0,
        chaos,
        Event::Run { backend: "etcd".into(), seed: 7, members: 3, clients, seconds: 20, faults, timeout_ms: 4_000 },
    );
    line(100, chaos, Event::Leader { member: Some("member 1".into()) });
    for (who, session) in [(one, 1), (two, 2)] {
        line(500, who, Event::Opened { session, timeout_ms: 4_000 });
    }
    let lock = || "/c/locks/0".to_owned();
    let mut held = |who, call, from, to, token| {
        line(from, who, Event::Called { call, action: Action::Lock { lock: lock() }, deadline_ms: None });
        line(to, who, Event::Answered { call, answer: Answer::Held { token }, stalled_ms: 0 });
    };
    held(one, 1, 1_000, 1_100, 11);
    held(two, 2, 1_500, 5_000, 12);
    line(4_000, one, Event::Called { call: 3, action: Action::Release { lock: lock(), token: 11 }, deadline_ms: None });
    line(9_500, two, Event::Lost { lock: lock(), token: 12 });
    let mut fault = |fault, kind: &str, whom: &[&str], from, to| {
        let whom = whom.iter().map(|name| (*name).to_owned()).collect();
        line(from, chaos, Event::Fault { fault, kind: kind.into(), whom });
        line(from, chaos, Event::Made { fault });
        line(to, chaos, Event::Undone { fault });
    };
    fault(1, "kill-leader", &["member 1"], 3_000, 6_000);
    fault(2, "pause-member", &["member 2"], 7_000, 9_000);
    fault(3, "cut", &["client 1", "member 0", "member 1", "member 2"], 5_500, 12_000);
    line(3_600, chaos, Event::Leader { member: None });
    line(4_100, chaos, Event::Leader { member: Some("member 0".into()) });
    line(7_500, two, Event::Session { state: State::Suspended, session: 2 });
    line(9_400, two, Event::Session { state: State::Lost, session: 2 });
    line(12_200, two, Event::Session { state: State::Connected, session: 3 });
    for (ms, change) in [(8_000, Change::Stop), (10_000, Change::Continue), (15_000, Change::Kill)] {
        for (ms, done) in [(ms, false), (ms + 10, true)] {
            line(ms, chaos, Event::Process { client: 0, life: 0, change, done });
        }
    }
    line(14_000, two, Event::Wrong { what: "a <strange> thing & another".into() });
    line(20_000, two, Event::Ended { error: None });
    records
}

#[test]
fn all_that_is_to_be_seen_is_in_the_picture() {
    let run = run();
    let drawn = picture(&run, &judge(&run));
    for words in [
        "seed 7: 1 finding",
        "member 2",
        "kill-leader",
        "pause-member",
        "leads",
        "client 1",
        "cut: client 1, member 0, member 1, member 2",
        "session 2 lost",
        "session 3 connected",
        "stopped",
        "the process is killed",
        "/c/locks/0",
        "client 0, life 0, token 11",
        "#12",
        "20 s",
        "1. at 14.00 s, 7.1: a &lt;strange&gt; thing &amp; another",
    ] {
        assert!(drawn.contains(words), "{words} is missing in {drawn}");
    }
}

#[test]
fn a_run_without_lines_is_drawn() {
    assert!(picture(&[], &[]).contains("nothing found"));
}

use registry_cluster::Heartbeat;
use registry_host::{Entry, SessionId};

use super::*;

fn incarnation(number: i64) -> Incarnation {
    Incarnation { startup_time: number, process_id: 7 }
}

fn member(number: i64) -> Arc<Member> {
    let Incarnation { startup_time, process_id } = incarnation(number);
    let value = Heartbeat { startup_time, process_id, ..Heartbeat::default() }.write();
    let key = format!("/nodes/worker/default/a:{number}");
    Arc::new(Member::of(&Entry::new(key, value, 1.into(), 1.into(), Some(SessionId(1)))).unwrap())
}

/// Servers that all see each other.
fn board(count: i64) -> Board {
    let mut board = Board::new((1..=count).map(|number| (format!("a:{number}"), incarnation(number))));
    for seeing in 0..board.own.len() {
        for seen in 1..=count {
            board.seen(seeing, MemberChange::Joined(member(seen)));
        }
    }
    board
}

fn rows(board: &Board) -> Vec<(String, String, usize, bool)> {
    board.rows().map(|row| (row.address.clone(), row.state.clone(), row.seen_by, row.is_well())).collect()
}

fn row(address: &str, state: &str, seen_by: usize, is_well: bool) -> (String, String, usize, bool) {
    (address.to_owned(), state.to_owned(), seen_by, is_well)
}

#[test]
fn a_stopping_server_stays_listed_with_its_cause() {
    let mut board = board(2);
    let told = board.standing(1, MembershipState::Stopped(Arc::new(Stop::DeclaredDead))).unwrap();
    assert_eq!((told.what, told.address.as_str(), told.members), ("stopped", "a:2", 2));
    assert_eq!(told.cause.as_deref(), Some("the server was declared dead"));
    assert_eq!(rows(&board), [row("a:1", "connected", 2, true), row("a:2", "stopped", 2, false)]);
    board.seen(0, MemberChange::Left(member(2)));
    assert_eq!(rows(&board), [row("a:1", "connected", 2, true), row("a:2", "stopped", 0, false)]);
    assert_eq!(board.stopped().map(|(address, _)| address).collect::<Vec<_>>(), ["a:2"]);
    assert!(board.over().is_none(), "one is left");
    board.standing(0, MembershipState::Stopped(Arc::new(Stop::FailedOver)));
    assert!(board.over().is_some());
}

#[test]
fn a_server_without_a_session_is_shown_as_waiting() {
    let mut board = board(1);
    let mut told = Vec::new();
    told.extend(board.session(0, SessionState::Connected));
    told.extend(board.session(0, SessionState::Suspended));
    assert_eq!(rows(&board), [row("a:1", "suspended", 1, false)]);
    told.extend(board.session(0, SessionState::Lost));
    told.extend(board.standing(0, MembershipState::Waiting));
    told.extend(board.standing(0, MembershipState::Waiting));
    assert_eq!(rows(&board), [row("a:1", "lost, waiting", 1, false)]);
    board.seen(0, MemberChange::Left(member(1)));
    assert_eq!(rows(&board), [row("a:1", "lost, waiting", 0, false)]);
    told.extend(board.session(0, SessionState::Connected));
    told.extend(board.standing(0, MembershipState::Serving));
    board.seen(0, MemberChange::Joined(member(1)));
    assert_eq!(rows(&board), [row("a:1", "connected", 1, true)]);
    let told: Vec<_> = told.iter().map(|change| change.what).collect();
    assert_eq!(told, ["suspended", "lost", "waiting", "connected", "serving"]);
}

#[test]
fn an_abandoned_server_is_shown_while_others_see_it() {
    let mut board = board(3);
    assert_eq!(board.abandoned("a:3").members, 3);
    assert!(board.session(2, SessionState::Closed).is_none());
    assert!(board.seen(2, MemberChange::Left(member(1))).is_none());
    assert_eq!((board.alive(), rows(&board).last()), (2, Some(&row("a:3", "abandoned", 2, false))));
    board.seen(0, MemberChange::Left(member(3)));
    assert_eq!(board.rows().count(), 2);
    for number in [0, 1] {
        board.standing(number, MembershipState::Stopped(Arc::new(Stop::DeclaredDead)));
    }
    assert!(board.over().is_some());
}

#[test]
fn an_abnormal_server_is_told_with_cause_and_recovery() {
    let mut board = board(2);
    let beat = |load_average| {
        let Incarnation { startup_time, process_id } = incarnation(2);
        let (max_cpuload_avg, reserved_memory, available_physical_memory_size) = (4.0, 0.3, 8.0);
        let value = Heartbeat {
            startup_time,
            process_id,
            load_average,
            max_cpuload_avg,
            reserved_memory,
            available_physical_memory_size,
            ..Heartbeat::default()
        };
        let entry = Entry::new("/nodes/worker/default/a:2", value.write(), 2.into(), 1.into(), Some(SessionId(1)));
        MemberChange::Changed(Arc::new(Member::of(&entry).unwrap()))
    };
    assert!(board.seen(0, beat(1.0)).is_none(), "a mere beat");
    let told = board.seen(0, beat(9.1)).unwrap();
    assert_eq!((told.what, &*told.address, told.cause.as_deref()), ("abnormal", "a:2", Some("load 9.1 > 4")));
    assert!(board.seen(1, beat(1.0)).is_none(), "the first one's eyes are the table's");
    let told = board.seen(0, beat(1.0)).unwrap();
    assert_eq!((told.what, told.cause), ("normal", None));
}

#[test]
fn another_process_at_a_servers_address_is_another_server() {
    let mut board = board(1);
    let other = Heartbeat { startup_time: 9, process_id: 9, ..Heartbeat::default() }.write();
    let other = Entry::new("/nodes/worker/default/a:1", other, 2.into(), 1.into(), Some(SessionId(2)));
    board.seen(0, MemberChange::Left(member(1)));
    board.seen(0, MemberChange::Joined(Arc::new(Member::of(&other).unwrap())));
    let replaced = Stop::Replaced { key: other.key.clone(), by: None };
    board.standing(0, MembershipState::Stopped(Arc::new(replaced)));
    assert_eq!(rows(&board), [row("a:1", "elsewhere", 1, true), row("a:1", "stopped", 0, false)]);
}

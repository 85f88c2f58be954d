//! Every way that a task can go, by chance.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use registry_cluster::Incarnation;

use super::*;

/// What somebody does to a task, or tells of it.
#[derive(Clone, Debug)]
enum Step {
    Send {
        worker: u8,
    },
    SendBack,
    Accept {
        worker: u8,
    },
    Run,
    Gone {
        worker: u8,
    },
    Expire,
    Cancel,
    Retry,
    /// The result of one of those who have accepted, which may be asked for any number of times.
    Report {
        of: prop::sample::Index,
        outcome: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u8..3).prop_map(|worker| Step::Send { worker }),
        1 => Just(Step::SendBack),
        6 => (0u8..3).prop_map(|worker| Step::Accept { worker }),
        2 => Just(Step::Run),
        2 => (0u8..3).prop_map(|worker| Step::Gone { worker }),
        1 => Just(Step::Expire),
        1 => Just(Step::Cancel),
        1 => Just(Step::Retry),
        4 => (any::<prop::sample::Index>(), 0u8..7).prop_map(|(of, outcome)| Step::Report { of, outcome }),
    ];
    prop::collection::vec(step, 0..60)
}

fn worker(number: u8) -> WorkerRef {
    let incarnation = Incarnation { startup_time: 1, process_id: number.into() };
    WorkerRef { address: format!("w{number}:1"), incarnation }
}

fn outcome(number: u8) -> Outcome {
    match number {
        0 => Outcome::Exited { code: 0 },
        1 => Outcome::Exited { code: 7 },
        2 => Outcome::Signalled { signal: 9 },
        3 => Outcome::TimedOut,
        4 => Outcome::Cancelled,
        5 => Outcome::HandedBack { started: true, why: "it drains".to_owned() },
        _ => Outcome::Lost { why: "it was restarted".to_owned() },
    }
}

fn result(record: &Record, outcome: Outcome) -> TaskResult {
    TaskResult {
        id: record.id.clone(),
        attempt: record.attempt,
        worker: record.worker.clone().unwrap(),
        outcome,
        tail: "the end".to_owned(),
        started: 1,
        ended: 2,
        output_bytes: 0,
        dropped_bytes: 0,
    }
}

fn submitted(spec: Spec) -> Record {
    Record::submitted(TaskId::new("a").unwrap(), spec, 0)
}

fn underway(spec: Spec) -> Record {
    submitted(spec).sent(worker(1), 1).unwrap().accepted(&worker(1), 2).unwrap()
}

fn counts(finished: Finished) -> Record {
    match finished {
        Finished::Counts(record) => record,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn an_attempt_is_accepted_once_and_takes_its_own_result(
        steps in steps(), retries in 0u32..3, at_most_once: bool,
    ) {
        let retries = if at_most_once { 0 } else { retries };
        let mut record = submitted(Spec { retries, at_most_once, ..Spec::new(["true"]) });
        let (mut accepted, mut retried, mut results) = (BTreeMap::new(), 0, Vec::new());
        for (now, step) in (1i64..).zip(steps) {
            let before = record.clone();
            let next = match &step {
                Step::Send { worker: to } => record.sent(worker(*to), now).ok(),
                Step::SendBack => record.sent_back("full", Duration::ZERO, now).ok(),
                Step::Accept { worker: by } => record.accepted(&worker(*by), now).ok(),
                Step::Run => before.worker.as_ref().and_then(|by| record.running(record.attempt, by, now, now).ok()),
                Step::Gone { worker: gone } => {
                    let gone = worker(*gone);
                    record.bereft(&gone.address, gone.incarnation, now).ok()
                }
                Step::Expire => record.expired(now).ok(),
                Step::Cancel => record.cancelled(Cancel { signal: 15, grace: 10 }, now).ok(),
                Step::Retry => record.retried(now).ok(),
                Step::Report { of, outcome: number } if !results.is_empty() => {
                    let (of, attempt): &(Record, u32) = of.get(&results);
                    let finished = record.finished(&result(of, outcome(*number)), now);
                    match finished {
                        Finished::Counts(next) => {
                            prop_assert_eq!(before.attempt, *attempt, "a result counts for its own attempt alone");
                            Some(next)
                        }
                        Finished::IsRecorded => None,
                        Finished::Superseded(kept) => {
                            if let Some(kept) = &kept {
                                let but = |record: &Record| Record { earlier: Vec::new(), ..record.clone() };
                                prop_assert_eq!(but(kept), but(&before));
                            }
                            kept
                        }
                    }
                }
                Step::Report { .. } => None,
            };
            let Some(next) = next else { continue };
            record = next;
            prop_assert!(record.attempt >= before.attempt && record.attempt <= before.attempt + 1);
            if before.state.has_ended() && before.state != State::Unknown && record.state != before.state {
                prop_assert!(matches!(step, Step::Retry), "{before:?} became {record:?}");
            }
            if let Step::Accept { .. } = step {
                prop_assert_eq!(before.state, State::Sent);
                let by = record.worker.clone().unwrap();
                prop_assert_eq!(accepted.insert(record.attempt, by), None, "accepted twice: {:?}", record);
                results.push((record.clone(), record.attempt));
            }
            if let Step::Retry = step {
                retried += 1;
            }
            prop_assert!(!at_most_once || record.state != State::Lost);
            prop_assert!(record.earlier.len() <= EARLIER);
            prop_assert_eq!(Record::parse(&record.write()), Ok(record.clone()));
        }
        // HandedBack says for certain that nothing was started, or that all was ended: only before a start again.
        prop_assert!(!at_most_once || accepted.len() <= 1 + retried, "{:?}", accepted);
    }

    #[test]
    fn no_value_is_too_strange(value in prop::collection::vec(any::<u8>(), 0..200), key in "(/[a-z]{0,6}){0,4}") {
        let _ = Record::read(&key, &value);
    }
}

#[test]
fn a_failed_command_is_retried_with_growing_pauses() {
    let first = underway(Spec { retries: 1, ..Spec::new(["false"]) });
    let again = counts(first.finished(&result(&first, Outcome::Exited { code: 1 }), 1_000));
    assert_eq!((again.state, again.attempt, again.not_before), (State::Waiting, 2, Some(2_000)));
    let second = again.sent(worker(2), 3_000).unwrap().accepted(&worker(2), 3_001).unwrap();
    let failed = counts(second.finished(&result(&second, Outcome::Exited { code: 1 }), 4_000));
    assert_eq!((failed.state, failed.attempt, failed.exit_code), (State::Failed, 2, Some(1)));
    assert_eq!(failed.earlier.len(), 1);
}

#[test]
fn a_lost_task_is_retried_unless_at_most_once() {
    let gone = worker(1);
    let lost = underway(Spec::new(["true"])).bereft(&gone.address, gone.incarnation, 5).unwrap();
    assert_eq!((lost.state, lost.attempt), (State::Lost, 1));
    assert_eq!(lost.sent(worker(2), 6).unwrap().attempt, 2);
    // It was not lost after all, and nobody has it yet.
    assert_eq!(counts(lost.finished(&result(&lost, Outcome::Exited { code: 0 }), 6)).state, State::Succeeded);

    let once = Spec { at_most_once: true, ..Spec::new(["true"]) };
    let unknown = underway(once.clone()).bereft(&gone.address, gone.incarnation, 5).unwrap();
    assert_eq!(unknown.state, State::Unknown);
    assert_eq!(counts(unknown.finished(&result(&unknown, Outcome::Exited { code: 3 }), 6)).state, State::Failed);
    // Sent and not accepted: nobody can have started it.
    let sent = submitted(once).sent(worker(1), 1).unwrap();
    assert_eq!(sent.bereft(&gone.address, gone.incarnation, 5).unwrap().state, State::Waiting);
    let other = Incarnation { startup_time: 2, ..gone.incarnation };
    assert!(sent.bereft(&gone.address, other, 5).is_err());
}

#[test]
fn a_superseded_result_is_kept_and_changes_nothing() {
    let first = underway(Spec::new(["true"]));
    let lost = first.bereft("w1:1", worker(1).incarnation, 5).unwrap();
    let second = lost.sent(worker(2), 6).unwrap().accepted(&worker(2), 7).unwrap();
    let late = result(&first, Outcome::Exited { code: 9 });
    let Finished::Superseded(Some(kept)) = second.finished(&late, 8) else { panic!() };
    assert_eq!((kept.state, kept.attempt, kept.exit_code), (State::Accepted, 2, None));
    assert_eq!((kept.earlier[0].superseded, kept.earlier[0].exit_code), (true, Some(9)));
    assert_eq!(kept.finished(&late, 9), Finished::Superseded(None));
}

#[test]
fn waiting_tasks_are_cancelled_at_once_running_by_workers() {
    let cancel = Cancel { signal: 15, grace: 10_000 };
    let waiting = submitted(Spec::new(["true"]));
    assert_eq!(waiting.cancelled(cancel, 1).unwrap().state, State::Cancelled);
    let asked = underway(Spec { retries: 5, ..Spec::new(["true"]) }).cancelled(cancel, 3).unwrap();
    assert_eq!((asked.state, asked.cancel), (State::Accepted, Some(cancel)));
    // It had ended by itself before the signal came: that is the truth, and it is not run again.
    for (outcome, state) in [
        (Outcome::Exited { code: 0 }, State::Succeeded),
        (Outcome::Exited { code: 1 }, State::Failed),
        (Outcome::Cancelled, State::Cancelled),
        (Outcome::HandedBack { started: true, why: String::new() }, State::Cancelled),
    ] {
        assert_eq!(counts(asked.finished(&result(&asked, outcome), 4)).state, state);
    }
    let ended = counts(asked.finished(&result(&asked, Outcome::Cancelled), 4));
    assert!(ended.cancelled(cancel, 5).unwrap_err().to_string().contains("is cancelled, attempt 1"));
}

#[test]
fn a_record_keeps_what_a_later_version_has_written() {
    let mut value: Value = serde_json::from_slice(&submitted(Spec::new(["true"])).write()).unwrap();
    value["colour"] = "red".into();
    let record = Record::parse(value.to_string().as_bytes()).unwrap();
    let sent: Value = serde_json::from_slice(&record.sent(worker(1), 1).unwrap().write()).unwrap();
    assert_eq!((sent["colour"].as_str(), sent["state"].as_str()), (Some("red"), Some("sent")));
    assert_eq!(sent["worker"], serde_json::json!({"address": "w1:1", "startupTime": 1, "processId": 1}));
}

#[test]
fn nonsense_is_told_apart_and_names_what_is_wrong() {
    let record = submitted(Spec::new(["true"]));
    let key = record.id.key();
    let edit = |name: &str, with: Value| {
        let mut value: Value = serde_json::from_slice(&record.write()).unwrap();
        value[name] = with;
        Record::read(&key, value.to_string().as_bytes()).unwrap().unwrap_err()
    };
    for (name, with, says) in [
        ("v", 2.into(), "v is 2"),
        ("id", "b".into(), "of the task \"b\""),
        ("id", "../b".into(), "not an id"),
        ("state", "happy".into(), "happy"),
        ("state", "running".into(), "names no worker"),
        ("attempt", 0.into(), "attempt is 0"),
        ("priority", 9.into(), "priority is 9"),
        ("command", Value::Array(Vec::new()), "command is empty"),
        ("group", "a/b".into(), "group"),
    ] {
        let unreadable = edit(name, with);
        assert!(unreadable.why.contains(says) && unreadable.id == "a", "{unreadable:?}");
    }
    assert_eq!(Record::read("/tasks/aa", b""), None);
    assert!(Record::read("/tasks/aa/x", b"\xff").unwrap().is_err());
}

#[test]
fn too_large_parts_are_refused_and_history_is_bounded() {
    let large = Spec::new(["echo".to_owned(), "x".repeat(200_000)]).check().unwrap_err();
    assert!(large.message().contains("131072"), "{large}");
    let first = underway(Spec::new(["\u{1}".repeat(128 * 1024)]));
    let long = TaskResult { tail: "é".repeat(100_000), ..result(&first, Outcome::Exited { code: 0 }) };
    let ended = counts(first.finished(&long, 4));
    assert_eq!(ended.tail.as_ref().unwrap().len(), TAIL);
    assert!(ended.write().len() < 1_000_000);
}

#[test]
fn ids_are_one_segment_and_spread() {
    for wrong in ["", "a/b", ".", "..", ".a", "a b", "é", &"a".repeat(129)] {
        assert!(TaskId::new(wrong).unwrap_err().message().contains("not an id"), "{wrong}");
    }
    let id = TaskId::random();
    assert_eq!(id.as_str().len(), 16);
    assert_eq!(id.key().len(), "/tasks/00/".len() + 16);
    let folders: std::collections::BTreeSet<_> = (0..1_000).map(|_| TaskId::random().key()[..9].to_owned()).collect();
    assert!(folders.len() > 200);
}

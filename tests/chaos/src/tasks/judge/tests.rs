//! Each rule by what breaks it, and by what does not.

use registry_cluster::Incarnation;
use registry_tasks::record::{Earlier, Spec, TaskId, WorkerRef};

use super::super::Kind;
use super::*;

const SECOND: Nanos = 1_000 * MILLI;

/// A run of one worker, and one task that ran from 10 s to 11 s and ended with 0.
struct Run {
    submitted: Submitted,
    marks: Vec<Mark>,
    faults: Vec<Fault>,
    record: Record,
}

fn worker() -> WorkerRef {
    WorkerRef { address: "w:1".to_owned(), incarnation: Incarnation { startup_time: 1, process_id: 2 } }
}

fn mark(attempt: u32, from: Nanos, to: Nanos, code: Option<i32>) -> Mark {
    let pid = 100 + attempt;
    let (started, alive) = (from * SECOND, to * SECOND);
    Mark { id: "t".to_owned(), attempt, pid, is_child: false, started, alive, code }
}

fn fault(kind: Kind, from: Nanos, until: Nanos) -> Fault {
    Fault { server: "worker-0".to_owned(), kind, from: from * SECOND, until: until * SECOND }
}

impl Run {
    fn good() -> Self {
        let id = TaskId::new("t").expect("an id");
        let record = Record::submitted(id, Spec::new(["true"]), 0);
        let run = Run {
            submitted: Submitted { id: "t".to_owned(), at: SECOND, at_most_once: false, retries: 0 },
            marks: vec![mark(1, 10, 11, Some(0))],
            faults: Vec::new(),
            record: Record { worker: Some(worker()), ..record },
        };
        run.ended(State::Succeeded, 1)
    }

    /// Its record says what the command of an attempt has written.
    fn ended(mut self, state: State, attempt: u32) -> Self {
        let mark = self.marks.iter().find(|mark| mark.attempt == attempt).expect("its mark");
        let (exit_code, tail) = (mark.code, Some(line(mark)));
        self.record = Record { state, attempt, exit_code, tail, ..self.record };
        self
    }

    fn unknown(mut self) -> Self {
        self.submitted.at_most_once = true;
        self.record = Record { state: State::Unknown, exit_code: None, tail: None, ..self.record };
        self
    }

    fn gave_up(mut self, attempt: u32) -> Self {
        let worker = Some(worker());
        let (state, why) = (State::Lost, Some("the worker is gone".to_owned()));
        self.record.earlier.push(Earlier { attempt, worker, state, exit_code: None, why, superseded: false });
        self
    }

    fn rules(&self) -> Vec<String> {
        let servers = vec![("worker-0".to_owned(), "w:1".to_owned())];
        let mut seen = vec![Observation::Run { backend: "etcd".to_owned(), seed: 1, servers, session_ms: 5_000 }];
        seen.push(Observation::Submitted(self.submitted.clone()));
        seen.extend(self.marks.iter().cloned().map(Observation::Process));
        seen.extend(self.faults.iter().cloned().map(Observation::Fault));
        seen.push(Observation::Record(Box::new(self.record.clone())));
        judge(&seen).into_iter().map(|finding| finding.rule).collect()
    }
}

#[test]
fn a_good_run_is_found_to_be_good() {
    assert_eq!(Run::good().rules(), [""; 0]);
    let mut failed = Run::good();
    failed.marks[0].code = Some(3);
    assert_eq!(failed.ended(State::Failed, 1).rules(), [""; 0]);
}

#[test]
fn a_task_that_has_not_ended_is_found() {
    let mut run = Run::good();
    run.record.state = State::Sent;
    assert_eq!(run.rules(), ["finished"]);
    run.record.state = State::Cancelled;
    assert_eq!(run.rules(), ["finished"], "nobody has cancelled it");
    let submitted = vec![Observation::Submitted(run.submitted)];
    assert_eq!(judge(&submitted)[0].rule, "finished", "it has no record");
}

#[test]
fn a_result_that_is_not_the_commands_own_is_found() {
    let mut other_code = Run::good();
    other_code.record.exit_code = Some(1);
    let mut of_another_attempt = Run::good();
    of_another_attempt.marks.push(mark(2, 12, 13, Some(0)));
    of_another_attempt.faults.push(fault(Kind::Kill, 10, 12));
    of_another_attempt.record.attempt = 2;
    let mut never_began = Run::good();
    never_began.marks.clear();
    let mut never_ended = Run::good();
    never_ended.marks[0].code = None;
    for run in [other_code, of_another_attempt, never_began, never_ended] {
        assert_eq!(run.rules(), ["true-result"]);
    }
}

#[test]
fn two_commands_of_one_attempt_are_found() {
    let mut run = Run::good();
    let again = Mark { pid: 7, ..mark(1, 12, 13, Some(0)) };
    run.marks.push(again);
    assert_eq!(run.rules(), ["one-command"]);
    run.submitted.at_most_once = true;
    assert_eq!(run.rules(), ["one-command", "at-most-once"]);
}

#[test]
fn a_former_attempt_that_is_still_alive_is_found() {
    let mut run = Run::good().gave_up(1);
    run.faults.push(fault(Kind::Pause, 10, 20));
    run.marks.push(mark(2, 15, 16, Some(0)));
    let run = run.ended(State::Succeeded, 2);
    assert_eq!(run.rules(), [""; 0]);
    let mut beside = Run { marks: run.marks.clone(), ..run };
    beside.marks[0].alive = 15 * SECOND + MILLI;
    assert_eq!(beside.rules(), ["alone"]);
    // A child that the command has left counts as well.
    beside.marks[0].alive = 11 * SECOND;
    beside.marks.push(Mark { is_child: true, pid: 9, ..mark(1, 11, 30, None) });
    assert_eq!(beside.rules(), ["alone"]);
}

#[test]
fn unknown_is_excused_only_by_what_was_done_to_the_worker() {
    let mut cut_off = Run::good().unknown();
    cut_off.marks[0].code = None;
    assert_eq!(cut_off.rules(), ["unknown"]);
    cut_off.faults.push(fault(Kind::CutFromRegistry, 10, 20));
    assert_eq!(cut_off.rules(), [""; 0]);
    cut_off.submitted.at_most_once = false;
    assert_eq!(cut_off.rules(), ["unknown"], "it could have run again");

    let mut has_ended = Run::good().unknown();
    has_ended.faults.push(fault(Kind::Kill, 15, 16));
    assert_eq!(has_ended.rules(), ["unknown"], "its result was on the disk for long");
    has_ended.faults.push(fault(Kind::Kill, 12, 14));
    assert_eq!(has_ended.rules(), [""; 0], "its result may not have come so far");

    let mut never_began = Run::good().unknown();
    never_began.marks.clear();
    assert_eq!(never_began.rules(), ["unknown"]);
    never_began.faults.push(fault(Kind::Kill, 1, 2));
    assert_eq!(never_began.rules(), [""; 0]);
}

#[test]
fn an_attempt_that_is_given_up_for_nothing_is_found() {
    let mut run = Run::good().gave_up(1);
    run.marks.push(mark(2, 15, 16, Some(0)));
    let mut run = run.ended(State::Succeeded, 2);
    assert_eq!(run.rules(), ["again"]);
    run.faults.push(Fault { server: "registry-0".to_owned(), ..fault(Kind::Kill, 10, 12) });
    assert_eq!(run.rules(), ["again"], "one of the registry's servers is nobody's session");
    run.faults.push(fault(Kind::Kill, 10, 12));
    assert_eq!(run.rules(), [""; 0]);
}

#[test]
fn what_is_left_and_what_is_wrong_are_told_as_they_are() {
    let seen = ["a", "b"].map(str::to_owned);
    let [what, other] = seen;
    let findings = judge(&[Observation::Left { what }, Observation::Wrong { what: other }]);
    let told: Vec<_> = findings.iter().map(|finding| (finding.rule.as_str(), finding.what.as_str())).collect();
    assert_eq!(told, [("left", "a"), ("wrong", "b")]);
}

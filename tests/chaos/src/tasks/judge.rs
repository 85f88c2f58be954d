//! Whether the promises made for tasks were kept.
//!
//! | rule | a finding |
//! |---|---|
//! | finished | a task that was submitted has not ended, has no record, or one that nobody asked for |
//! | true-result | a record says something else than the command of its last attempt has written |
//! | one-command | the command of one attempt was started twice |
//! | alone | a process of a former attempt was alive when the command of a later one was started |
//! | at-most-once | the command of a task that may run once at most was started twice |
//! | unknown | a task is unknown though the command's end is known, or though nothing was done to its worker |
//! | again | an attempt was given up for lost though nothing was done to its worker |
//! | left | a process, a registration, a lock or a result is left when all servers have gone |
//! | wrong | whatever else should not be, such as a server that ended by itself |

use std::collections::{BTreeMap, HashMap, HashSet};

use registry_tasks::record::{Record, State};
use serde::{Deserialize, Serialize};

use super::{Fault, Mark, Observation, Submitted};
use crate::history::Nanos;

#[cfg(test)]
mod tests;

const MILLI: Nanos = 1_000_000;

/// How long a worker may take from a command's end until the result is on its disk, on a busy machine.
const KEPT: Nanos = 2_000 * MILLI;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub rule: String,
    /// What is wrong.
    pub what: String,
}

/// All that is known of one task.
#[derive(Default)]
struct Task<'a> {
    submitted: Option<&'a Submitted>,
    is_cancelled: bool,
    /// Its processes, by when they began.
    processes: Vec<&'a Mark>,
    record: Option<&'a Record>,
}

struct Judge<'a> {
    faults: Vec<&'a Fault>,
    /// The names of servers, by their addresses.
    names: HashMap<&'a str, &'a str>,
    session: Nanos,
    findings: Vec<Finding>,
}

/// Holds what was seen to what is promised.
pub fn judge(seen: &[Observation]) -> Vec<Finding> {
    let mut judge = Judge { faults: Vec::new(), names: HashMap::new(), session: 0, findings: Vec::new() };
    let mut tasks: BTreeMap<&str, Task> = BTreeMap::new();
    for observation in seen {
        match observation {
            Observation::Run { servers, session_ms, .. } => {
                judge.names = servers.iter().map(|(name, address)| (address.as_str(), name.as_str())).collect();
                judge.session = session_ms * MILLI;
            }
            Observation::Submitted(submitted) => {
                tasks.entry(&submitted.id).or_default().submitted = Some(submitted);
            }
            Observation::CancelAsked { id, .. } => tasks.entry(id).or_default().is_cancelled = true,
            Observation::Process(mark) => tasks.entry(&mark.id).or_default().processes.push(mark),
            Observation::Record(record) => tasks.entry(record.id.as_str()).or_default().record = Some(record),
            Observation::Fault(fault) => judge.faults.push(fault),
            Observation::Left { what } => judge.find("left", what.clone()),
            Observation::Wrong { what } => judge.find("wrong", what.clone()),
        }
    }
    for (id, mut task) in tasks {
        task.processes.sort_by_key(|mark| mark.started);
        judge.task(id, &task);
    }
    judge.findings
}

impl Task<'_> {
    fn commands(&self) -> impl Iterator<Item = &Mark> {
        self.processes.iter().copied().filter(|mark| !mark.is_child)
    }

    fn command_of(&self, attempt: u32) -> Option<&Mark> {
        self.commands().find(|mark| mark.attempt == attempt)
    }
}

impl Judge<'_> {
    fn find(&mut self, rule: &str, what: String) {
        self.findings.push(Finding { rule: rule.to_owned(), what });
    }

    fn task(&mut self, id: &str, task: &Task) {
        self.commands(id, task);
        let (Some(submitted), Some(record)) = (task.submitted, task.record) else {
            let missing = if task.submitted.is_none() { "was never submitted" } else { "has no record" };
            return self.find("finished", format!("{id} {missing}"));
        };
        if submitted.at_most_once && task.commands().count() > 1 {
            self.find("at-most-once", format!("{id} may run once at most, and was started: {}", told(task)));
        }
        match record.state {
            State::Succeeded | State::Failed => self.result(id, task, record),
            State::Cancelled if task.is_cancelled => {}
            State::Unknown => self.unknown(id, task, submitted, record),
            state => self.find("finished", format!("{id} is {state} at the end: {}", why(record))),
        }
        self.given_up(id, task, record);
    }

    /// That no command was started twice for one attempt, and none beside another.
    fn commands(&mut self, id: &str, task: &Task) {
        let mut started = HashSet::new();
        for mark in task.commands() {
            if !started.insert(mark.attempt) {
                self.find("one-command", format!("attempt {} of {id} was started again: {}", mark.attempt, told(task)));
            }
            let beside = task.processes.iter().find(|other| {
                other.started < mark.started && other.alive > mark.started && other.attempt != mark.attempt
            });
            if let Some(other) = beside {
                let more = (other.alive - mark.started) / MILLI;
                let what = format!(
                    "attempt {} of {id} was started at {}, and process {} of attempt {} was alive {more} ms later",
                    mark.attempt,
                    seconds(mark.started),
                    other.pid,
                    other.attempt
                );
                self.find("alone", what);
            }
        }
    }

    fn result(&mut self, id: &str, task: &Task, record: &Record) {
        let Some(mark) = task.command_of(record.attempt) else {
            let what = format!("{id} is {} by attempt {}, whose command never began", record.state, record.attempt);
            return self.find("true-result", what);
        };
        let is_success = record.state == State::Succeeded;
        if mark.code.is_none() || record.exit_code != mark.code || is_success != (mark.code == Some(0)) {
            let what = format!(
                "{id} is {} with {:?} by attempt {}, whose command came to {:?}: {}",
                record.state,
                record.exit_code,
                record.attempt,
                mark.code,
                why(record)
            );
            self.find("true-result", what);
        } else if record.tail.as_deref() != Some(line(mark).as_str()) {
            let what = format!("{id} is said to have written {:?}, and wrote {:?}", record.tail, line(mark));
            self.find("true-result", what);
        }
    }

    fn unknown(&mut self, id: &str, task: &Task, submitted: &Submitted, record: &Record) {
        if !submitted.at_most_once && !task.is_cancelled {
            return self.find("unknown", format!("{id} is unknown, and could have run again: {}", why(record)));
        }
        let worker = record.worker.as_ref().map_or("", |worker| self.name(&worker.address)).to_owned();
        let Some(mark) = task.command_of(record.attempt) else {
            if !self.faults.iter().any(|fault| fault.server == worker) {
                self.find(
                    "unknown",
                    format!("{id} is unknown, and nothing was ever done to {worker}: {}", why(record)),
                );
            }
            return;
        };
        if mark.code.is_some() {
            // It wrote that after the last time that it was alive, and its worker has to hear of it and write it down.
            let (from, until) = (mark.alive.saturating_sub(KEPT), mark.alive + KEPT);
            let is_excused =
                self.faults.iter().any(|fault| fault.server == worker && fault.from < until && fault.until > from);
            if !is_excused {
                let what = format!(
                    "{id} is unknown, though its command came to {:?} at {}, and nothing was done to {worker} then: {}",
                    mark.code,
                    seconds(mark.alive),
                    why(record)
                );
                self.find("unknown", what);
            }
        } else if !self.may_have_lost(&worker, mark) {
            let what = format!("{id} is unknown, and nothing was done to {worker} while it ran: {}", why(record));
            self.find("unknown", what);
        }
    }

    /// That an attempt was given up only where something was done to its worker.
    fn given_up(&mut self, id: &str, task: &Task, record: &Record) {
        for earlier in record.earlier.iter().filter(|earlier| earlier.state == State::Lost) {
            let worker = earlier.worker.as_ref().map_or("", |worker| self.name(&worker.address)).to_owned();
            let is_excused = match task.command_of(earlier.attempt) {
                Some(mark) => self.may_have_lost(&worker, mark),
                None => self.faults.iter().any(|fault| fault.server == worker),
            };
            if !is_excused {
                let what = format!(
                    "attempt {} of {id} was given up, and nothing was done to {worker}: {}",
                    earlier.attempt,
                    earlier.why.as_deref().unwrap_or_default()
                );
                self.find("again", what);
            }
        }
    }

    /// Whether a fault may have cost a worker a command: one that was made while it ran, or was undone too short a time
    /// before for the worker to have recovered. What is done to one of the registry's servers costs nobody a session.
    fn may_have_lost(&self, worker: &str, mark: &Mark) -> bool {
        let (from, until) = (mark.started.saturating_sub(self.session), mark.alive + self.session);
        self.faults.iter().any(|fault| fault.server == worker && fault.from <= until && fault.until >= from)
    }

    fn name<'n>(&'n self, address: &'n str) -> &'n str {
        self.names.get(address).copied().unwrap_or(address)
    }
}

/// What a command writes to its output, which the record keeps.
pub fn line(mark: &Mark) -> String {
    format!("{} {} {}\n", mark.id, mark.attempt, mark.pid)
}

fn told(task: &Task) -> String {
    let each = task
        .commands()
        .map(|mark| format!("attempt {} from {} to {}", mark.attempt, seconds(mark.started), seconds(mark.alive)));
    each.collect::<Vec<_>>().join(", ")
}

fn why(record: &Record) -> &str {
    record.why.as_deref().unwrap_or("no reason is given")
}

fn seconds(at: Nanos) -> String {
    format!("{}.{:03}", at / (1_000 * MILLI), at / MILLI % 1_000)
}

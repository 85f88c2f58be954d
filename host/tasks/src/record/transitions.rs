//! How a task comes from one state to another: pure, so that every way can be tried.

use std::fmt;
use std::time::Duration;

use registry_cluster::Incarnation;
use serde_json::Map;

use super::{Cancel, EARLIER, Earlier, Outcome, Record, Spec, State, TAIL, TaskId, TaskResult, VERSION, WorkerRef};
use super::{end_of, why};

/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why a task can't be changed so, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a result comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Finished {
    /// It counts: this is to be written.
    Counts(Record),
    /// The record says it already.
    IsRecorded,
    /// Another attempt has taken its place: this is to be written, if anything.
    Superseded(Option<Record>),
}

impl Record {
    /// A task that was submitted just now.
    pub fn submitted(id: TaskId, spec: Spec, now: i64) -> Self {
        Record {
            v: VERSION,
            id,
            state: State::Waiting,
            attempt: 1,
            since: now,
            submitted: now,
            queued: now,
            spec,
            failures: 0,
            not_before: None,
            worker: None,
            started: None,
            ended: None,
            exit_code: None,
            why: None,
            tail: None,
            cancel: None,
            alerted: None,
            earlier: Vec::new(),
            more: Map::new(),
        }
    }

    /// A master has chosen a worker.
    ///
    /// # Errors
    ///
    /// It doesn't wait.
    pub fn sent(&self, worker: WorkerRef, now: i64) -> Result<Self, Refused> {
        self.only(self.state.is_queued(), "be sent")?;
        let attempt = self.attempt + u32::from(self.state == State::Lost);
        let sent = Record { attempt, worker: Some(worker), not_before: None, why: None, ..self.clone() };
        Ok(sent.came_to(State::Sent, now))
    }

    /// The worker did not take it: it waits again, as the same attempt. A worker that takes it all the same finds the
    /// entry at another version.
    ///
    /// # Errors
    ///
    /// It was not sent, or is accepted by now.
    pub fn sent_back(&self, reason: impl Into<String>, pause: Duration, now: i64) -> Result<Self, Refused> {
        self.only(self.state == State::Sent, "be sent back")?;
        let back = Record { worker: None, why: why(reason), not_before: later(now, pause), ..self.clone() };
        Ok(back.came_to(State::Waiting, now))
    }

    /// The worker has accepted it.
    ///
    /// # Errors
    ///
    /// It was not sent to this worker.
    pub fn accepted(&self, worker: &WorkerRef, now: i64) -> Result<Self, Refused> {
        self.only(self.state == State::Sent && self.worker.as_ref() == Some(worker), "be accepted here")?;
        Ok(self.clone().came_to(State::Accepted, now))
    }

    /// The worker has seen it run for a while.
    ///
    /// # Errors
    ///
    /// The attempt is not this worker's, or is not the last one.
    pub fn running(&self, attempt: u32, worker: &WorkerRef, started: i64, now: i64) -> Result<Self, Refused> {
        self.only(self.state == State::Accepted && self.is_of(attempt, worker), "be running there")?;
        Ok(Record { started: Some(started), ..self.clone() }.came_to(State::Running, now))
    }

    /// The incarnation of a worker that had it is gone.
    ///
    /// # Errors
    ///
    /// It was not there.
    pub fn bereft(&self, address: &str, incarnation: Incarnation, now: i64) -> Result<Self, Refused> {
        let there = |worker: &WorkerRef| worker.address == address && worker.incarnation == incarnation;
        self.only(self.state.is_held() && self.worker.as_ref().is_some_and(there), "be lost there")?;
        let reason = format!("the worker {address} is gone");
        match self.state {
            // Not accepted: nobody can any more.
            State::Sent => self.sent_back(reason, Duration::ZERO, now),
            _ => Ok(self.lost(&reason, now)),
        }
    }

    /// It has waited for longer than it may.
    ///
    /// # Errors
    ///
    /// It doesn't wait.
    pub fn expired(&self, now: i64) -> Result<Self, Refused> {
        self.only(self.state.is_queued(), "time out in the queue")?;
        let reason = match &self.why {
            Some(before) => format!("no worker took it within --queue-timeout; {before}"),
            None => "no worker took it within --queue-timeout".to_owned(),
        };
        Ok(self.ended_as(State::TimedOut, why(reason), now))
    }

    /// It is to be cancelled: at once if no command can have been started, else by its worker.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn cancelled(&self, cancel: Cancel, now: i64) -> Result<Self, Refused> {
        if self.state.is_queued() || self.state == State::Sent {
            return Ok(self.ended_as(State::Cancelled, why("it was cancelled before it ran"), now));
        }
        self.only(self.state.is_underway(), "be cancelled")?;
        Ok(Record { cancel: Some(cancel), ..self.clone() })
    }

    /// It is to be run once more.
    ///
    /// # Errors
    ///
    /// It has not ended.
    pub fn retried(&self, now: i64) -> Result<Self, Refused> {
        self.only(self.state.has_ended(), "be retried")?;
        Ok(Record { failures: 0, cancel: None, ..self.clone() }.again(None, Duration::ZERO, now))
    }

    /// Somebody is about to be alerted of its end.
    ///
    /// # Errors
    ///
    /// There is nothing to be alerted of, or somebody was.
    pub fn alerted(&self) -> Result<Self, Refused> {
        let is_bad = matches!(self.state, State::Failed | State::Unknown);
        self.only(is_bad && self.alerted != Some(self.attempt), "be a reason for an alert")?;
        Ok(Record { alerted: Some(self.attempt), ..self.clone() })
    }

    /// The result of an attempt.
    pub fn finished(&self, result: &TaskResult, now: i64) -> Finished {
        if !self.is_of(result.attempt, &result.worker) {
            return Finished::Superseded(self.superseded(result));
        }
        match self.state {
            // What was given up for lost or unknown has a true result after all.
            State::Accepted | State::Running | State::Lost | State::Unknown => {
                let come_to = self.come_to(result, now);
                if come_to == *self { Finished::IsRecorded } else { Finished::Counts(come_to) }
            }
            State::Waiting | State::Sent => Finished::Superseded(None),
            State::Succeeded | State::Failed | State::Cancelled | State::TimedOut => Finished::IsRecorded,
        }
    }

    fn come_to(&self, result: &TaskResult, now: i64) -> Self {
        let outcome = &result.outcome;
        if let Outcome::Lost { why } = outcome {
            // Known already, if it is lost or unknown by now.
            return if self.state.is_underway() { self.lost(why, now) } else { self.clone() };
        }
        let told = Record {
            started: Some(result.started),
            ended: Some(result.ended),
            exit_code: outcome.exit_code(),
            why: outcome.why().and_then(why),
            tail: Some(end_of(&result.tail, TAIL).to_owned()).filter(|tail| !tail.is_empty()),
            earlier: self.earlier_but(result.attempt),
            ..self.clone()
        };
        let is_cancelled = self.cancel.is_some();
        match outcome {
            Outcome::HandedBack { .. } if is_cancelled => told.came_to(State::Cancelled, now),
            Outcome::HandedBack { started, .. } if !started || !self.spec.at_most_once => {
                told.came_to(State::Lost, now).again(outcome.why(), Duration::ZERO, now)
            }
            _ if outcome.state() == State::Failed && !is_cancelled && self.failures < self.spec.retries => {
                let failures = self.failures + 1;
                let again = Record { failures, ..told }.came_to(State::Failed, now);
                again.again(outcome.why(), pause(failures), now)
            }
            _ => told.came_to(outcome.state(), now),
        }
    }

    /// Its worker is gone, or doesn't know how it ended.
    fn lost(&self, reason: &str, now: i64) -> Self {
        if self.cancel.is_some() {
            let reason = format!("it was to be cancelled, but {reason} before it said that all has ended");
            return self.ended_as(State::Unknown, why(reason), now);
        }
        if self.spec.at_most_once {
            let reason = format!("{reason}, and it may have run");
            return self.ended_as(State::Unknown, why(reason), now);
        }
        let losses = self.earlier.iter().filter(|earlier| earlier.state == State::Lost).count();
        // The first time somebody waits for it; a task that ends its workers must not end them all.
        let pause = if losses == 0 { Duration::ZERO } else { pause(u32::try_from(losses).unwrap_or(u32::MAX)) };
        let reason = format!("{reason}, it is tried again");
        let mut lost = Record { why: why(reason), not_before: later(now, pause), queued: now, ..self.clone() };
        lost = lost.came_to(State::Lost, now);
        lost.remember();
        lost
    }

    /// Queued as another attempt.
    fn again(mut self, reason: Option<String>, pause: Duration, now: i64) -> Self {
        self.remember();
        let again = Record {
            attempt: self.attempt + 1,
            queued: now,
            not_before: later(now, pause),
            worker: None,
            started: None,
            ended: None,
            exit_code: None,
            why: reason.and_then(why),
            tail: None,
            ..self
        };
        again.came_to(State::Waiting, now)
    }

    /// Writes the attempt down among the former ones.
    fn remember(&mut self) {
        self.earlier.retain(|earlier| earlier.attempt != self.attempt);
        self.earlier.push(Earlier {
            attempt: self.attempt,
            worker: self.worker.clone(),
            state: self.state,
            exit_code: self.exit_code,
            why: self.why.clone(),
            superseded: false,
        });
        let most = self.earlier.len().saturating_sub(EARLIER);
        self.earlier.drain(..most);
    }

    /// Keeps the result of a former attempt; `None` if it is kept already, or if there was no such attempt.
    fn superseded(&self, result: &TaskResult) -> Option<Self> {
        let mut record = self.clone();
        let is_it = |earlier: &&mut Earlier| {
            earlier.attempt == result.attempt && earlier.worker.as_ref() == Some(&result.worker) && !earlier.superseded
        };
        let earlier = record.earlier.iter_mut().find(is_it)?;
        // Those that ended in order have been recorded when they did.
        if earlier.state != State::Lost {
            return None;
        }
        earlier.superseded = true;
        earlier.exit_code = result.outcome.exit_code();
        earlier.why = result.outcome.why().and_then(why);
        Some(record)
    }

    fn earlier_but(&self, attempt: u32) -> Vec<Earlier> {
        self.earlier.iter().filter(|earlier| earlier.attempt != attempt).cloned().collect()
    }

    fn ended_as(&self, state: State, why: Option<String>, now: i64) -> Self {
        Record { ended: Some(now), why, not_before: None, ..self.clone() }.came_to(state, now)
    }

    fn came_to(self, state: State, now: i64) -> Self {
        Record { state, since: now, ..self }
    }

    fn only(&self, may: bool, what: &str) -> Result<(), Refused> {
        match may {
            true => Ok(()),
            false => Err(Refused(format!(
                "the task {} is {}, attempt {}: it can't {what}",
                self.id, self.state, self.attempt
            ))),
        }
    }
}

/// When a pause ends; `None` without one.
fn later(now: i64, pause: Duration) -> Option<i64> {
    (!pause.is_zero()).then(|| now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
}

/// The pause after so many failures: 1 s, and twice as long each time.
fn pause(failures: u32) -> Duration {
    let doubled = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(LONGEST_PAUSE)
}

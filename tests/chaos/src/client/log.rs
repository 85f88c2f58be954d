//! What a client tells: its history, a line at a time, and how far it has come.

use std::{
    io::{self, Write as _},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use registry_chaos::history::{Action, Answer, Event, Record, Who, now};
use registry_conformance::pace::slowdown;
use registry_host::{Error, ErrorKind};

use super::stalls::Stalls;
use crate::message::{Message, Reached};

/// By how much a machine is slowed down on which deadlines are not to be relied on.
const BUSY: f64 = 2.0;

/// Writes lines to the standard output, each whole before the call returns: a call is told before it is made, even if
/// the process is killed in it.
#[derive(Clone)]
pub(crate) struct Log(Arc<Inner>);

struct Inner {
    who: Who,
    calls: AtomicU64,
    stalls: Stalls,
    /// Held while a line gets its time and is written, so that the lines are in the order of their times.
    turn: Mutex<()>,
}

impl Log {
    /// A log of this client; it needs a runtime for as long as it is there.
    pub(crate) fn new(who: Who) -> Self {
        Log(Arc::new(Inner { who, calls: AtomicU64::new(0), stalls: Stalls::measure(), turn: Mutex::new(()) }))
    }

    /// Tells of something that happened, or is about to.
    pub(crate) fn tell(&self, event: Event) {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        write(&Message::Record(Record { at: now(), who: self.0.who, event }));
    }

    /// Tells of something that should not be at all.
    pub(crate) fn wrong(&self, what: impl Into<String>) {
        self.tell(Event::Wrong { what: what.into() });
    }

    /// Tells of a call that failed though no fault disturbs the servers any more.
    ///
    /// # Behavior
    ///
    /// On a machine that is busy with other things the servers may be too slow for a call's deadline, and the call is
    /// right to fail. It is then only a line on standard error.
    pub(crate) async fn failed_undisturbed(&self, what: &str, error: &Error) {
        let slowdown = if unanswered(error) { slowdown().await } else { 1.0 };
        if slowdown < BUSY {
            self.wrong(format!("{what} though all is quiet: {error}"));
        } else {
            eprintln!("{what}, on a machine that is slowed down by {slowdown:.1}: {error}");
        }
    }

    /// Tells how far the client has come.
    pub(crate) fn reached(&self, reached: Reached) {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        write(&Message::Reached(reached));
    }

    /// Makes a call, told of before and after, also if its future is dropped.
    pub(crate) async fn call<T>(
        &self,
        action: Action,
        deadline: Option<Duration>,
        made: impl Future<Output = Result<T, Error>>,
        answer: impl FnOnce(&T) -> Answer,
    ) -> Result<T, Error> {
        let calling = self.begin(action, deadline);
        let answered = made.await;
        match &answered {
            Ok(value) => calling.end(answer(value)),
            Err(error) => {
                if !can_be(error) {
                    self.wrong(format!("{} is not an answer to what was asked: {error:?}", error.kind()));
                }
                calling.end(failed(error));
            }
        }
        answered
    }

    fn begin(&self, action: Action, deadline: Option<Duration>) -> Calling<'_> {
        let call = self.0.calls.fetch_add(1, Ordering::Relaxed);
        let stalled = self.0.stalls.total();
        let deadline_ms = deadline.map(|deadline| deadline.as_millis() as u64);
        self.tell(Event::Called { call, action, deadline_ms });
        Calling { log: self, call, stalled, ended: false }
    }
}

/// A call that was told of and has not ended.
struct Calling<'a> {
    log: &'a Log,
    call: u64,
    /// The stalls before it.
    stalled: Duration,
    ended: bool,
}

impl Calling<'_> {
    fn end(mut self, answer: Answer) {
        let stalled = self.log.0.stalls.total().saturating_sub(self.stalled);
        self.log.tell(Event::Answered { call: self.call, answer, stalled_ms: stalled.as_millis() as u64 });
        self.ended = true;
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.log.tell(Event::Dropped { call: self.call });
        }
    }
}

/// An error as an answer.
fn failed(error: &Error) -> Answer {
    Answer::Failed {
        kind: error.kind().name().to_owned(),
        outcome: error.outcome().name().to_owned(),
        message: error.to_string(),
    }
}

/// Whether a server that is too slow can lead to such an error.
fn unanswered(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable)
}

/// Whether any fault can lead to such an error.
pub(crate) fn can_be(error: &Error) -> bool {
    let full = error.kind() == ErrorKind::Other && error.message().contains("database is full");
    let usual = matches!(
        error.kind(),
        ErrorKind::ConditionFailed
            | ErrorKind::VersionRace
            | ErrorKind::NotAcquired
            | ErrorKind::LockLost
            | ErrorKind::Timeout
            | ErrorKind::Unavailable
            | ErrorKind::SessionLost
    );
    usual || full
}

fn write(told: &Message) {
    let written = serde_json::to_string(told).map_err(io::Error::other).and_then(|line| {
        let mut out = io::stdout().lock();
        out.write_all((line + "\n").as_bytes())?;
        out.flush()
    });
    if written.is_err() {
        // The reader is gone, and nobody would see a reason.
        process::exit(1);
    }
}

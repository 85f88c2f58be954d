//! An attempt at a worker, from the offer to its result.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use registry_host::{Version, panic_message};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Shared;
use super::accepting::Accepted;
use super::counts;
use super::table::{Attempt, Stage};
use crate::record::{Outcome, Record, TaskResult, now};
use crate::run::{Finished, How, Job, Reason, Stop};
use crate::spool::Spooled;
use crate::trace::Step;

/// How long a command runs before its record says so. What ends earlier costs no Txn for that.
const SHORT: Duration = Duration::from_secs(1);

/// Works at an attempt until its result is kept.
pub(super) async fn work(shared: Arc<Shared>, attempt: Arc<Attempt>, record: Record, version: Version, master: String) {
    let key = (record.id.clone(), record.attempt);
    let worked = AssertUnwindSafe(run(&shared, &attempt, &record, version, &master)).catch_unwind().await;
    let result = worked.unwrap_or_else(|panic| {
        let message = panic_message(&*panic);
        tracing::error!(task = %record.id, panic = message, "the code that runs a task panicked, report it");
        let why = format!("the worker's own code panicked: {message}");
        Some(result(&shared, &record, not_run(Outcome::Lost { why })))
    });
    if let Some(result) = result {
        counts::ended(&result);
        let (spool, spooled) = (Arc::clone(&shared.spool), Spooled { master, result });
        if spawn_blocking(move || spool.put(spooled)).await.is_ok() {
            shared.results.notify_one();
        }
    }
    shared.table.remove(&key);
}

/// Accepts and runs it; `None` if it is not accepted.
async fn run(
    shared: &Arc<Shared>,
    attempt: &Attempt,
    record: &Record,
    version: Version,
    master: &str,
) -> Option<TaskResult> {
    let (spool, id, number) = (&shared.spool, &record.id, record.attempt);
    let begun = {
        let (spool, id, me, master) = (Arc::clone(spool), id.clone(), shared.me.clone(), master.to_owned());
        // It writes to a disk, which may be slow.
        spawn_blocking(move || spool.begin(&id, number, &me, &master)).await
    };
    if let Err(error) = begun.unwrap_or_else(|error| Err(error.into())) {
        attempt.come_to(Stage::Refused(format!("its disk doesn't take what it has to keep: {error}")));
        return None;
    }
    match shared.accept(record, version).await {
        Accepted::Yes => attempt.come_to(Stage::Accepted),
        Accepted::No(why) => {
            spool.done(id, number);
            attempt.come_to(Stage::Refused(why));
            return None;
        }
        Accepted::Unknown(why) => {
            attempt.come_to(Stage::Refused(why.clone()));
            return Some(result(shared, record, not_run(Outcome::HandedBack { started: false, why })));
        }
    }
    let mut stops = attempt.stops();
    let _slot = match shared.slot(&mut stops).await {
        Ok(slot) => slot,
        Err(stop) => {
            attempt.come_to(Stage::NeverStarted);
            return Some(result(shared, record, not_run(not_started(stop.reason))));
        }
    };
    let step = Step::running(record);
    let running = Arc::new(shared.executor.start(job(record)));
    attempt.come_to(Stage::Started(Arc::clone(&running)));
    let finished = running.finished();
    let lasting = async {
        sleep(SHORT).await;
        shared.tell_running(record, running.pid()).await;
        std::future::pending::<()>().await;
    };
    tokio::pin!(finished, lasting);
    let finished = loop {
        tokio::select! {
            biased;
            finished = &mut finished => break finished,
            Ok(()) = stops.changed() => if let Some(stop) = *stops.borrow_and_update() { running.stop(stop) },
            () = &mut lasting => {}
        }
    };
    match &finished.how {
        How::Exited(0) => drop(step),
        How::Exited(code) => step.with("process.exit.code", i64::from(*code)).failed("the command has failed"),
        how => step.failed(format!("{how:?}")),
    }
    if let How::NotStarted(why) = &finished.how {
        tracing::error!(task = %record.id, why, "a task can't be started, it is handed back");
        // A worker that can't start anything must not be offered the same task again and again at full speed.
        sleep(SHORT).await;
    }
    Some(result(shared, record, (*finished).clone().into()))
}

impl Shared {
    /// Waits for a slot, unless the attempt is to be stopped before.
    async fn slot(&self, stops: &mut watch::Receiver<Option<Stop>>) -> Result<OwnedSemaphorePermit, Stop> {
        // What was asked before counts as well.
        stops.mark_changed();
        let stopped = async {
            loop {
                match stops.changed().await {
                    Ok(()) => {}
                    Err(_) => std::future::pending().await,
                }
                if let Some(stop) = *stops.borrow_and_update() {
                    return stop;
                }
            }
        };
        let waiting = Waiting::begin(self);
        let slot = tokio::select! {
            biased;
            stop = stopped => Err(stop),
            Ok(slot) = Arc::clone(&self.slots).acquire_owned() => Ok(slot),
        };
        drop(waiting);
        slot
    }

    /// Writes that a command runs, which is for those who look.
    async fn tell_running(&self, record: &Record, pid: Option<u32>) {
        let (me, started) = (&self.me, now() - i64::try_from(SHORT.as_millis()).unwrap_or_default());
        let told =
            self.store.change(&record.id, None, |found| found.running(record.attempt, me, started, now()).map(Some));
        if let Err(error) = told.await {
            tracing::debug!(task = %record.id, ?pid, %error, "the record doesn't say that the command runs");
        }
    }
}

/// Counts an attempt among those that wait for a slot.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.waiting.send_modify(|waiting| *waiting += 1);
        Waiting(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

fn job(record: &Record) -> Job {
    let spec = &record.spec;
    Job {
        id: record.id.to_string(),
        attempt: record.attempt,
        command: spec.command.clone(),
        environment: spec.env.clone().into_iter().collect(),
        folder: spec.dir.as_ref().map(Into::into),
        timeout: spec.timeout.map(Duration::from_millis),
    }
}

/// What became of a command, in a result's words.
struct Ran {
    outcome: Outcome,
    tail: String,
    started: i64,
    ended: i64,
    output_bytes: u64,
    dropped_bytes: u64,
}

impl From<Finished> for Ran {
    fn from(finished: Finished) -> Self {
        let outcome = match finished.how {
            How::Exited(code) => Outcome::Exited { code },
            How::Signalled(signal) => Outcome::Signalled { signal },
            How::NotRun { code, why } => Outcome::NotRun { code, why },
            How::NotStarted(why) => Outcome::HandedBack { started: false, why },
            How::Stopped(Reason::TimedOut) => Outcome::TimedOut,
            How::Stopped(Reason::Cancelled) => Outcome::Cancelled,
            // Others may run it already: whether it counts is for the record to say.
            How::Stopped(Reason::CutOff) => Outcome::Lost { why: why(Reason::CutOff).to_owned() },
            How::Stopped(reason) => Outcome::HandedBack { started: true, why: why(reason).to_owned() },
            How::Unknown(why) => Outcome::Lost { why },
        };
        let Finished { tail, output_bytes, dropped_bytes, started, ended, .. } = finished;
        Ran { outcome, tail, started, ended, output_bytes, dropped_bytes }
    }
}

/// The outcome of an attempt that was stopped before its command was started.
fn not_started(reason: Reason) -> Outcome {
    match reason {
        Reason::Cancelled => Outcome::Cancelled,
        reason => Outcome::HandedBack { started: false, why: why(reason).to_owned() },
    }
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::CutOff => "the worker has lost its place in the cluster, and has ended what it ran",
        _ => "the worker leaves",
    }
}

fn not_run(outcome: Outcome) -> Ran {
    Ran { outcome, tail: String::new(), started: now(), ended: now(), output_bytes: 0, dropped_bytes: 0 }
}

fn result(shared: &Shared, record: &Record, ran: Ran) -> TaskResult {
    let Ran { outcome, tail, started, ended, output_bytes, dropped_bytes } = ran;
    let (id, attempt, worker) = (record.id.clone(), record.attempt, shared.me.clone());
    TaskResult { id, attempt, worker, outcome, tail, started, ended, output_bytes, dropped_bytes }
}

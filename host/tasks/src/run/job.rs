//! One command, from its folder to its result.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use registry_supervisor::{
    Cause, CommandCgroup, Ended, Order, OutputFiles, Patience, Report, Start, Supervised, Survivors, end_adopted,
    supervisor,
};
use rustix::process::Signal;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use super::folders::AttemptFolders;
use super::{Executor, GRACE, Job, Reason, Stop};
use crate::record::now;

/// The `PATH` of a command whose worker has none.
pub const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How long processes may take that a command leaves when it ends, or that the worker leaves when it is killed.
const LEFT_GRACE: Duration = Duration::from_secs(1);

/// How a command has ended, after all that it had started.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// How.
    pub how: How,
    /// The end of its output.
    pub tail: String,
    /// How many bytes it has written.
    pub output_bytes: u64,
    /// How many of them are not kept.
    pub dropped_bytes: u64,
    /// When it was started, in ms since 1970; when that was tried, if it can't be.
    pub started: i64,
    /// When it had ended.
    pub ended: i64,
}

/// How a command has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// With this code.
    Exited(i32),
    /// By this signal, which nobody here has sent.
    Signalled(i32),
    /// It can't be run.
    NotRun {
        /// 127 if there is no such program, else 126.
        code: i32,
        /// Why.
        why: String,
    },
    /// The worker could not start it, which says nothing of the command.
    NotStarted(String),
    /// It was ended.
    Stopped(Reason),
    /// It is gone, and nobody knows how it ended.
    Unknown(String),
}

impl Finished {
    pub(super) fn unknown(why: &str) -> Self {
        Finished::of(How::Unknown(why.to_owned()), now())
    }

    fn of(how: How, started: i64) -> Self {
        Finished { how, tail: String::new(), output_bytes: 0, dropped_bytes: 0, started, ended: now() }
    }
}

/// Runs a command to its end.
pub(super) async fn drive(
    executor: &Arc<Executor>,
    job: &Job,
    patience: Option<Patience>,
    stops: mpsc::UnboundedReceiver<Stop>,
    tell_started: &watch::Sender<Option<u32>>,
) -> Finished {
    let begun = now();
    let not_started = |what: &str, error: io::Error| Finished::of(How::NotStarted(format!("{what}: {error}")), begun);
    let made = {
        let (executor, id, attempt) = (Arc::clone(executor), job.id.clone(), job.attempt);
        spawn_blocking(move || executor.folders.make(&id, attempt)).await
    };
    let folders = match made.unwrap_or_else(|error| Err(error.into())) {
        Ok(folders) => folders,
        Err(error) => return not_started("the task's folder can't be made", error),
    };
    let cgroup = executor.cgroups.as_ref().and_then(|cgroups| cgroups.make().ok());
    let mut held = executor.held.subscribe();
    let supervised = match spawn(job).await {
        Ok(supervised) => supervised,
        Err(error) if error.kind() == io::ErrorKind::ArgumentListTooLong => {
            return Finished::of(How::NotRun { code: 126, why: error.to_string() }, begun);
        }
        Err(error) => return not_started("the command can't be supervised", error),
    };
    // The supervisor judges by this whether it may let the command run.
    supervised.tell(&Order::Held(*held.borrow_and_update()));
    let mut driven = Driven { supervised, stops, held, reason: None, finished: Finished::of(How::Exited(0), begun) };
    let start = start(executor, job, &folders, cgroup, patience);
    if driven.supervised.order(&Order::Start(start)).await.is_err() {
        return not_started("the command can't be supervised", io::ErrorKind::BrokenPipe.into());
    }
    driven.until_its_end(job.timeout, tell_started).await
}

async fn spawn(job: &Job) -> io::Result<Supervised> {
    let command: Vec<OsString> = job.command.iter().map(OsString::from).collect();
    let mut supervisor = supervisor(&command);
    // Nothing of the worker's goes to the command, which gets its own by the order to start.
    supervisor.env_clear().stdout(Stdio::null());
    Supervised::spawn(supervisor, File::open("/dev/null")?).await
}

fn start(
    executor: &Executor,
    job: &Job,
    folders: &AttemptFolders,
    cgroup: Option<CommandCgroup>,
    patience: Option<Patience>,
) -> Start {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let given = job.environment.iter().map(|(name, value)| (name.into(), value.into()));
    let own = [
        ("REGISTRY_TASK_ID".into(), OsString::from(&job.id)),
        ("REGISTRY_TASK_ATTEMPT".into(), job.attempt.to_string().into()),
    ];
    Start {
        own_session: true,
        environment: [("PATH".into(), path)].into_iter().chain(given).chain(own).collect(),
        folder: Some(job.folder.clone().unwrap_or_else(|| folders.work.clone())),
        output: Some(OutputFiles { folder: folders.output.clone(), limit: executor.output_limit }),
        cgroup,
        patience,
        survivors: Survivors::Ended(LEFT_GRACE),
        orphan_grace: LEFT_GRACE,
        group: None,
    }
}

/// A command that is being looked after.
struct Driven {
    supervised: Supervised,
    stops: mpsc::UnboundedReceiver<Stop>,
    held: watch::Receiver<Duration>,
    /// Why it was asked to end.
    reason: Option<Reason>,
    finished: Finished,
}

impl Driven {
    async fn until_its_end(mut self, timeout: Option<Duration>, tell_started: &watch::Sender<Option<u32>>) -> Finished {
        let mut ended = None;
        let mut limit = None;
        loop {
            tokio::select! {
                biased;
                report = self.supervised.next() => match report {
                    Some(Report::Started(pid)) => {
                        self.finished.started = now();
                        limit = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
                        tell_started.send_replace(u32::try_from(pid).ok());
                    }
                    Some(Report::Refused { missing, why }) => {
                        ended = Some(How::NotRun { code: if missing { 127 } else { 126 }, why });
                        break;
                    }
                    Some(Report::Ended(how)) => ended = Some(self.how(how)),
                    Some(Report::Output { bytes, dropped, tail }) => {
                        (self.finished.output_bytes, self.finished.dropped_bytes) = (bytes, dropped);
                        self.finished.tail = tail;
                    }
                    Some(Report::Gone) => break,
                    Some(Report::Paused) => tracing::warn!(
                        "a command was stopped for a while, as this process did not run, or has no session"
                    ),
                    Some(Report::Ready | Report::Stopped(_) | Report::Left(_)) => {}
                    None => {
                        // Whatever it has left comes to this process when it has ended.
                        let _ = self.supervised.ended().await;
                        if !end_adopted().await {
                            tracing::error!("processes of a command can't be ended, they may be another user's");
                        }
                        break;
                    }
                },
                Some(stop) = self.stops.recv() => self.stop(stop),
                Ok(()) = self.held.changed() => {
                    let moment = *self.held.borrow_and_update();
                    self.supervised.tell(&Order::Held(moment));
                }
                () = sleep_until(limit.unwrap_or_else(Instant::now)), if limit.is_some() => {
                    limit = None;
                    self.stop(Stop { reason: Reason::TimedOut, signal: Signal::TERM.as_raw(), grace: GRACE });
                }
            }
        }
        let killed = || How::Unknown("the process that watches over the command was killed".to_owned());
        Finished { how: ended.unwrap_or_else(killed), ended: now(), ..self.finished }
    }

    fn stop(&mut self, Stop { reason, signal, grace }: Stop) {
        match (self.reason, reason) {
            // It was wanted to end for good, and has ended: nobody need run it again.
            (Some(Reason::CutOff | Reason::Leaving), Reason::Cancelled) => self.reason = Some(reason),
            _ => drop(self.reason.get_or_insert(reason)),
        }
        self.supervised.tell(&Order::End { signal, grace });
    }

    fn how(&self, ended: Ended) -> How {
        match (ended.cause, self.reason) {
            (Cause::Silence, _) => How::Stopped(Reason::CutOff),
            (Cause::Ordered, Some(reason)) => How::Stopped(reason),
            _ => match (ended.code, ended.signal) {
                (Some(code), _) => How::Exited(code),
                (None, Some(signal)) => How::Signalled(signal),
                (None, None) => How::Unknown("the system does not say how the command ended".to_owned()),
            },
        }
    }
}

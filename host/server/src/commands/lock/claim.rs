//! A command that runs under a lock, or while it leads: the same thing in other words.

use std::ffi::OsString;
use std::time::Duration;

use registry_host::{Error, ErrorKind, Guard, Registry};
use registry_supervisor::{Ended, Report};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::holder;
use super::job::{Job, not_run};
use crate::context::{Context, check_key};
use crate::exit::{Done, Failure, LOST, of_signal};
use crate::signals::Signals;

/// How the two commands speak.
pub(super) struct Words {
    /// The command's own name.
    pub(super) command: &'static str,
    /// What is held.
    pub(super) held: &'static str,
    /// What the variables begin with that the command finds in its environment.
    pub(super) variables: &'static str,
}

pub(super) const LOCK: Words = Words { command: "lock", held: "the lock", variables: "REGISTRY_LOCK" };

pub(super) const LEADERSHIP: Words = Words { command: "elect", held: "the leadership", variables: "REGISTRY_ELECTION" };

/// What is to be held, and what runs meanwhile.
pub(super) struct Claim {
    pub(super) words: &'static Words,
    pub(super) key: String,
    /// What others read of the holder; None for what this program says of itself.
    pub(super) value: Option<Vec<u8>>,
    pub(super) try_once: bool,
    pub(super) command: Vec<OsString>,
}

/// How long it is not worth a word that something is left of a command which has ended.
const UNREMARKABLE: Duration = Duration::from_secs(1);

impl Claim {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key(self.words.command, &self.key)?;
        let deadline = context.deadline();
        let work = context.standing(async |registry, _, signals| {
            let guard = tokio::select! {
                guard = self.acquire(registry, deadline) => guard?,
                ending = signals.next() => return Ok(ending.code()),
            };
            let done = self.hold(&guard, patience(registry.session().timeout()), signals).await;
            // What was lost there is nothing left of to release.
            if !guard.is_lost()
                && let Err(error) = guard.release().await
            {
                tracing::warn!(%error, "{} was not released, it goes with the session", self.words.held);
            }
            done
        });
        work.await
    }

    async fn acquire(&self, registry: &Registry, deadline: Option<Instant>) -> registry_host::Result<Guard> {
        let value = self.value.clone().unwrap_or_else(|| holder::describe_this(self.words.command).into_bytes());
        let lock = if self.try_once { registry.try_lock(&self.key) } else { registry.lock(&self.key) };
        let mut lock = lock.value(&value);
        if let Some(deadline) = deadline.filter(|_| !self.try_once) {
            lock = lock.within(deadline.saturating_duration_since(Instant::now()));
        }
        match lock.await {
            Err(error) if error.kind() == ErrorKind::NotAcquired => Err(holder::name(registry, &self.key, error).await),
            acquired => acquired,
        }
    }

    async fn hold(&self, guard: &Guard, patience: Duration, signals: &mut Signals) -> Done {
        let failed = |error| Error::new(ErrorKind::Other, "can't listen for signals").with_cause(&error);
        let mut goes_on = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw())).map_err(failed)?;
        let mut job = Job::start(&self.command, self.words, guard, patience).await?;
        let mut beats = interval(patience / 3);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut code, mut left, mut remark) = (None, Vec::new(), None);
        let lost = guard.lost();
        tokio::pin!(lost);
        loop {
            tokio::select! {
                biased;
                error = &mut lost => return Err(self.end(&mut job, error).await),
                report = job.next() => match report {
                    Some(Report::Ended(ended)) => code = Some(code_of(ended)),
                    Some(Report::Gone) => break,
                    Some(Report::Refused { missing, why }) => {
                        return Err(not_run(&self.command[0], self.words, &self.key, missing, &why));
                    }
                    Some(Report::Stopped(signal)) => job.was_stopped(signal),
                    Some(Report::Left(pids)) => (left, remark) = (pids, Some(Box::pin(sleep(UNREMARKABLE)))),
                    Some(Report::Paused) => tracing::warn!(
                        "the command was stopped for a while: this program did not run for so long that {} may have \
                         been lost",
                        self.words.held
                    ),
                    Some(Report::Ready | Report::Started(_) | Report::Output { .. }) => {}
                    None => return Err(job.died().await),
                },
                // The terminal has told the command itself, if they share it.
                ending = signals.next() => if !(ending.by_key && job.shares_keys) { job.signal(ending.number) },
                _ = goes_on.recv() => {
                    if guard.is_lost() {
                        continue;
                    }
                    job.still_held(guard);
                    job.go_on();
                }
                _ = beats.tick() => job.still_held(guard),
                () = async { remark.as_mut().expect("there is one").await }, if remark.is_some() => {
                    remark = None;
                    tracing::warn!(
                        processes = ?left,
                        "the command has ended; {} is held until the processes that it has left have ended too",
                        self.words.held
                    );
                }
            }
        }
        match code {
            _ if guard.is_lost() => Err(Failure::Coded(LOST, lost.await)),
            Some(code) => Ok(code),
            None => Err(job.died().await),
        }
    }

    /// Ends what has lost its lock.
    async fn end(&self, job: &mut Job, lost: Error) -> Failure {
        let gone = job.end().await;
        let left = "some of the processes that the command has started could not be ended, they may be another user's";
        Failure::Coded(LOST, if gone { lost } else { lost.with_cause_text(left) })
    }
}

/// The exit code of a command that has ended.
fn code_of(ended: Ended) -> u8 {
    let code = ended.code.and_then(|code| u8::try_from(code).ok());
    code.or(ended.signal.map(of_signal)).unwrap_or(u8::MAX)
}

/// How long after the lock was last known to be held everything has to have ended. It may be another's a tenth of the
/// session's timeout after that at the earliest, as the session is given up that much early; a quarter of this is for
/// the killing.
fn patience(session_timeout: Duration) -> Duration {
    const LEAST: Duration = Duration::from_millis(50);
    const MOST: Duration = Duration::from_secs(10);
    (session_timeout * 3 / 40).clamp(LEAST, MOST)
}

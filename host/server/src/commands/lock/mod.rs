//! `registry lock`.

mod holder;
mod job;
mod messages;
mod processes;
mod supervisor;
mod terminal;

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use registry_host::{Error, ErrorKind, Guard, Registry};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use self::job::{Job, not_run};
use self::messages::Report;
pub(crate) use self::supervisor::supervisor_main;
use crate::context::{Context, check_key};
use crate::exit::{Done, Failure, LOST};
use crate::signals::Signals;

/// Runs a command while holding a lock
///
/// It waits in the lock's queue, without a limit unless --timeout or --try gives
/// one (then it exits with 1). What --timeout gives counts from the start until
/// the lock is acquired, opening the registry included. Once the command and all
/// that it has started have ended the lock is released, and the exit code is the
/// command's own, 128 + n if signal n ended it. What has a session of its own
/// (setsid, a daemon) is not waited for. Signals that would end this program are
/// passed on to the command, which runs in a process group of its own, except in a
/// pipeline or a script on a terminal.
///
/// If the lock is lost meanwhile, because the session ended or somebody deleted
/// the entry in the queue, everything that the command has started gets SIGTERM,
/// and SIGKILL before the lock can be another's: 3/40 of the session's timeout T
/// (and at most 10 s) after the lock was last known to be held, which is 2.25 s
/// with the default of 30 s. The exit code is 75. The same is done if this program
/// is killed. While it is stopped itself (Ctrl-Z, kill -STOP) so is the command;
/// after T the lock is lost.
///
/// The command finds in its environment:
///   REGISTRY_LOCK_KEY    the lock's key
///   REGISTRY_LOCK_ENTRY  the holder's own entry in the queue
///   REGISTRY_LOCK_TOKEN  the fencing token
/// A write that a former holder must not make checks entry and token, see
/// registry txn --help. The value of the queue entry tells others of host, process
/// and time; registry list KEY --values shows the
/// queue.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  registry lock /lock/backup --timeout 30s -- pg_dump -f backup.sql
  registry lock /lock/nightly --try -- ./nightly.sh"
)]
pub(crate) struct Lock {
    /// The lock's key
    key: String,
    /// Does not wait: takes the lock only if nobody holds it or waits for it
    #[arg(long = "try")]
    try_once: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// How long it is not worth a word that something is left of a command which has ended.
const UNREMARKABLE: Duration = Duration::from_secs(1);

impl Lock {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("lock", &self.key)?;
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
                tracing::warn!(%error, "the lock was not released, it goes with the session");
            }
            done
        });
        work.await
    }

    async fn acquire(&self, registry: &Registry, deadline: Option<Instant>) -> registry_host::Result<Guard> {
        let value = holder::describe_this();
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
        let mut job = Job::start(&self.command, guard, patience).await?;
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
                    Some(Report::Ended(ended)) => code = Some(ended),
                    Some(Report::Gone) => break,
                    Some(Report::Refused { missing, why }) => {
                        return Err(not_run(&self.command[0], &self.key, missing, &why));
                    }
                    Some(Report::Stopped(signal)) => job.was_stopped(signal),
                    Some(Report::Left(pids)) => (left, remark) = (pids, Some(Box::pin(sleep(UNREMARKABLE)))),
                    Some(Report::Paused) => tracing::warn!(
                        "the command was stopped for a while: this program did not run for so long that the lock \
                         may have been lost"
                    ),
                    Some(Report::Ready) => {}
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
                        "the command has ended; the lock is held until the processes that it has left have ended too"
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

/// How long after the lock was last known to be held all has to be over. It may be another's a tenth of the session's
/// timeout after that at the earliest, as the session is given up that much early; a quarter of this is for the
/// killing.
fn patience(session_timeout: Duration) -> Duration {
    const LEAST: Duration = Duration::from_millis(50);
    const MOST: Duration = Duration::from_secs(10);
    (session_timeout * 3 / 40).clamp(LEAST, MOST)
}

//! `registry lock`.

mod child;

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use registry_host::{Guard, Registry};

use self::child::{Child, Ended};
use super::duration;
use crate::context::{Context, check_key};
use crate::exit::{Done, Failure, LOST};
use crate::signals::Signals;

/// Runs a command while holding a lock
///
/// It waits in the lock's queue, without a limit unless --timeout or --try gives one (then it
/// exits with 1). Once the command has ended the lock is released, and the exit code is the
/// command's own, 128 + n if signal n ended it. SIGINT and SIGTERM are passed on to the command.
///
/// If the lock is lost meanwhile, because the session ended or somebody deleted the entry in the
/// queue, the command gets SIGTERM, after 5 s SIGKILL, and the exit code is 75. What the command
/// has started is its own to end: a shell should exec the last program.
///
/// The command finds in its environment:
///   REGISTRY_LOCK_KEY    the lock's key
///   REGISTRY_LOCK_ENTRY  the holder's own entry in the queue
///   REGISTRY_LOCK_TOKEN  the fencing token
/// A write that a former holder must not make checks entry and token, see registry txn --help.
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
    /// Waits no longer than this
    #[arg(long, value_parser = duration, value_name = "DURATION", conflicts_with = "try_once")]
    timeout: Option<Duration>,
    /// Does not wait: takes the lock only if nobody holds it or waits for it
    #[arg(long = "try")]
    try_once: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Lock {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("lock", &self.key)?;
        let work = context.standing(async |registry, _, signals| {
            let guard = tokio::select! {
                guard = self.acquire(registry) => guard?,
                ending = signals.next() => return Ok(ending.code()),
            };
            let done = self.hold(&guard, signals).await;
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

    async fn acquire(&self, registry: &Registry) -> registry_host::Result<Guard> {
        let mut lock = if self.try_once { registry.try_lock(&self.key) } else { registry.lock(&self.key) };
        if let Some(limit) = self.timeout {
            lock = lock.within(limit);
        }
        lock.await
    }

    async fn hold(&self, guard: &Guard, signals: &mut Signals) -> Done {
        let mut child = Child::spawn(&self.command, guard)?;
        let lost = guard.lost();
        tokio::pin!(lost);
        let ended = loop {
            tokio::select! {
                biased;
                lost = &mut lost => break Ended::Lost(lost),
                code = child.wait() => break Ended::Itself(code?),
                // The terminal has told the command itself.
                ending = signals.next() => if !ending.by_key { child.signal(ending.number) },
            }
        };
        match ended {
            Ended::Itself(_) if guard.is_lost() => Err(Failure::Coded(LOST, lost.await)),
            Ended::Itself(code) => Ok(code),
            Ended::Lost(error) => {
                child.end().await;
                Err(Failure::Coded(LOST, error))
            }
        }
    }
}

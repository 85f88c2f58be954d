//! `registry lock` and `registry elect`.

mod claim;
mod holder;
mod job;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use clap::Args;

use self::claim::{Claim, LEADERSHIP, LOCK};
pub(crate) use self::holder::said_since;
use crate::context::Context;
use crate::exit::Done;

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
/// If the lock is lost meanwhile, because the session ended or somebody deleted the
/// entry in the queue, everything that the command has started gets SIGTERM.
/// SIGKILL follows before the lock can be another's: 3/40 of the session's timeout
/// T (and at most 10 s) after the lock was last known to be held, which is 2.25 s
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
/// and time; registry locks KEY shows the queue.
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

/// Runs a command while leading
///
/// It waits until it is elected: a campaign is a place in the queue of a lock, and
/// the leader holds that lock. All that 'registry lock --help' says of a command
/// under a lock holds of a command that leads: limits, exit codes, what is ended
/// when the leadership is lost, signals.
///
/// The command finds in its environment:
///   REGISTRY_ELECTION_KEY    the election's key
///   REGISTRY_ELECTION_ENTRY  the leader's own entry in the queue
///   REGISTRY_ELECTION_TOKEN  the fencing token
/// A write that a former leader must not make checks entry and token, see registry
/// txn --help. Others see who leads by registry locks KEY, and programs by the
/// value of the leader's entry.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  registry elect /leader/billing -- ./billing --serve
  registry elect /leader/billing --value 10.0.0.7:8080 -- ./billing --serve"
)]
pub(crate) struct Elect {
    /// The election's key
    key: String,
    /// What others can read of the leader, such as its address [default: host, process and time]
    #[arg(long, value_name = "VALUE")]
    value: Option<OsString>,
    /// Does not wait: leads only if nobody does or waits to
    #[arg(long = "try")]
    try_once: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Lock {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let Lock { key, try_once, command } = self;
        Claim { words: &LOCK, key, value: None, try_once, command }.run(context).await
    }
}

impl Elect {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let Elect { key, value, try_once, command } = self;
        let value = value.map(OsString::into_vec);
        Claim { words: &LEADERSHIP, key, value, try_once, command }.run(context).await
    }
}

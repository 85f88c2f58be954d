//! The command that runs under a lock.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use registry_host::{Error, ErrorKind, Guard};
use rustix::process::{Pid, Signal, kill_process};

use crate::exit::{Failure, NOT_FOUND, NOT_RUN, of_signal};

/// How long a command that has lost its lock may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// How the holding of a lock ended.
pub(super) enum Ended {
    /// The command is through, with this exit code.
    Itself(u8),
    /// The lock is gone while the command runs.
    Lost(Error),
}

/// A running command.
pub(super) struct Child(tokio::process::Child);

impl Child {
    /// Starts a command that knows of the lock it runs under.
    ///
    /// # Errors
    ///
    /// With the code that shells give for a program that is not there, or can't be run.
    pub(super) fn spawn(command: &[OsString], guard: &Guard) -> Result<Self, Failure> {
        let (program, arguments) = command.split_first().ok_or(Failure::Usage("lock needs a command".to_owned()))?;
        let spawned = tokio::process::Command::new(program)
            .args(arguments)
            .env("REGISTRY_LOCK_KEY", guard.key())
            .env("REGISTRY_LOCK_ENTRY", guard.entry())
            .env("REGISTRY_LOCK_TOKEN", guard.token().to_string())
            .spawn();
        spawned.map(Child).map_err(|error| {
            let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN };
            let message = format!("the command {program:?} can't be run");
            let failed = Error::new(ErrorKind::Other, message).with_operation("lock").with_key(guard.key());
            Failure::Coded(code, failed.with_cause(&error))
        })
    }

    /// Waits until it has ended; gives its exit code.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn wait(&mut self) -> Result<u8, Failure> {
        let status = self.0.wait().await.map_err(|error| {
            Error::new(ErrorKind::Other, "the command can't be waited for").with_operation("lock").with_cause(&error)
        })?;
        Ok(code(status))
    }

    /// Sends it a signal, unless it has ended.
    pub(super) fn signal(&self, number: i32) {
        let child = self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let (Some(child), Some(signal)) = (child, Signal::from_named_raw(number)) {
            // It may have ended this moment.
            let _ = kill_process(child, signal);
        }
    }

    /// Ends it: politely first.
    pub(super) async fn end(mut self) {
        self.signal(Signal::TERM.as_raw());
        if tokio::time::timeout(GRACE, self.0.wait()).await.is_err() {
            // Only one that can't be reached by any signal is left behind.
            let _ = tokio::time::timeout(GRACE, self.0.kill()).await;
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.or(status.signal().map(of_signal)).unwrap_or(u8::MAX)
}

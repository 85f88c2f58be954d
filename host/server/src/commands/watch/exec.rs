//! A command that is run for each change.

use std::process::Stdio;

use registry_host::{Error, ErrorKind, Event};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::exit::{Failure, NOT_RUN};
use crate::signals::Signals;

/// What is run with a shell.
pub(super) struct Exec<'a> {
    command: &'a str,
}

/// How a run ended.
pub(super) enum Ran {
    Through,
    /// A signal has asked this program to end, and the command was ended with it.
    Ended,
}

impl<'a> Exec<'a> {
    pub(super) fn new(command: &'a str) -> Self {
        Exec { command }
    }

    /// Runs the command for a put or a delete, and waits for it.
    pub(super) async fn run(&self, event: &Event, signals: &mut Signals) -> Result<Ran, Failure> {
        let (what, entry) = match event {
            Event::Put { entry, .. } => ("put", entry),
            Event::Delete { last } => ("delete", last),
            _ => return Ok(Ran::Through),
        };
        let failed = |error: &std::io::Error| {
            let error = Error::new(ErrorKind::Other, "sh can't be run for --exec").with_cause(error);
            Failure::Coded(NOT_RUN, error.or_operation("watch").or_key(&entry.key))
        };
        let mut child = Command::new("sh")
            .args(["-c", self.command])
            .env("REGISTRY_EVENT_TYPE", what)
            .env("REGISTRY_EVENT_KEY", &entry.key)
            .env("REGISTRY_EVENT_VERSION", entry.version.to_string())
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        let stdin = child.stdin.take();
        let value = async {
            if let Some(mut stdin) = stdin {
                // A command that doesn't read it closes it.
                let _ = stdin.write_all(&entry.value).await;
            }
        };
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let through = async { tokio::join!(child.wait(), value).0 };
        tokio::pin!(through);
        let status = tokio::select! {
            status = &mut through => status.map_err(|error| failed(&error))?,
            ending = signals.next() => {
                // The terminal has told the command itself.
                if let Some(pid) = pid.filter(|_| !ending.by_key) {
                    let _ = kill_process(pid, Signal::TERM);
                }
                tokio::select! {
                    _ = through => {}
                    // A second signal means: don't wait.
                    _ = signals.next() => {}
                }
                return Ok(Ran::Ended);
            }
        };
        if !status.success() {
            tracing::warn!(key = entry.key, "the command of --exec failed: {status}");
        }
        Ok(Ran::Through)
    }
}

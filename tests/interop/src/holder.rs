//! Commands that hold a lock for as long as they run: `etcdctl lock` and `registry lock`.

use std::{process::Stdio, time::Duration};

use registry_suite::{beside, within};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
};

use crate::{backend::etcd, namespace::Namespace};

/// Far beyond what a turn takes, for machines under load.
const LIMIT: Duration = Duration::from_secs(60);

/// A command that takes a lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockCommand {
    /// `etcdctl lock KEY`, until it is interrupted.
    Etcdctl,
    /// `registry lock KEY -- cat`, until its input ends.
    Registry,
}

/// Such a command, holding the lock.
pub(crate) struct Holder {
    command: LockCommand,
    process: Child,
    // Closed before it ends, it would have nowhere to print to.
    _output: BufReader<ChildStdout>,
    entry: String,
}

impl LockCommand {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Etcdctl => "etcdctl lock",
            Self::Registry => "registry lock",
        }
    }

    /// Starts the command and waits until it has the lock.
    pub(crate) async fn lock(self, namespace: &Namespace, key: &str) -> Holder {
        let mut command = self.command(namespace, key);
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{} can't be started: {error}", self.name()));
        let mut output = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let mut line = String::new();
        let read = within(format!("{} has the lock", self.name()), LIMIT, output.read_line(&mut line)).await;
        read.unwrap_or_else(|error| panic!("{} can't be read: {error}", self.name()));
        let entry = line.strip_suffix('\n').unwrap_or_else(|| panic!("{} ended without the lock", self.name()));
        let entry = match self {
            Self::Etcdctl => entry.strip_prefix(&namespace.of("")).expect("a key in the namespace"),
            Self::Registry => entry,
        };
        Holder { command: self, process, _output: output, entry: entry.to_owned() }
    }

    fn command(self, namespace: &Namespace, key: &str) -> Command {
        match self {
            Self::Etcdctl => {
                let mut command = etcd().etcdctl_command().expect("etcdctl is there");
                command.arg("lock").arg(namespace.of(key));
                command.into()
            }
            Self::Registry => {
                let mut command = Command::new(beside().join("registry"));
                // It is configured by what it is told here alone.
                command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
                command.arg("--plugin-dir").arg(beside());
                command.args(namespace.settings().iter().map(|setting| format!("--set={setting}")));
                command.args(["lock", key, "--", "sh", "-c", "echo \"$REGISTRY_LOCK_ENTRY\"; exec cat"]);
                command.stdin(Stdio::piped());
                command
            }
        }
    }
}

impl Holder {
    /// The holder's entry in the queue.
    pub(crate) fn entry(&self) -> &str {
        &self.entry
    }

    /// Ends the command, which releases the lock.
    pub(crate) async fn release(mut self) {
        match self.command {
            LockCommand::Etcdctl => {
                let id = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs");
                kill_process(id, Signal::INT).expect("it can be interrupted");
            }
            LockCommand::Registry => drop(self.process.stdin.take()),
        }
        let name = self.command.name();
        let ended = within(format!("{name} ends"), LIMIT, self.process.wait()).await.expect("it can be waited for");
        assert!(ended.success(), "{name} ended with {ended}");
    }
}

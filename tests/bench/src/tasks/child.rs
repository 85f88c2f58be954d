//! This program once more as a master or worker, so that it can be killed and looked at from outside.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::site::{SOON, Site};
use crate::measure::Failure;

/// What it is to be.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    Master,
    Worker,
}

/// Serves until it is killed.
pub(crate) async fn serve(role: Role, site: Site) -> Result<(), Failure> {
    let (mut master, mut worker) = (None, None);
    let address = match role {
        Role::Master => master.insert(site.master().await?).address().to_owned(),
        Role::Worker => worker.insert(site.worker().await?).address.clone(),
    };
    println!("{address}");
    std::future::pending::<()>().await;
    drop((master, worker));
    Ok(())
}

/// A server as a process of its own; dropping it kills it.
pub(super) struct Server {
    child: Child,
    pub(super) address: String,
}

/// What a process has used so far.
#[derive(Clone, Copy)]
pub(super) struct Used {
    pub(super) cpu: Duration,
    /// In bytes.
    pub(super) memory: u64,
    at: Instant,
}

impl Server {
    pub(super) async fn start(role: Role, site: &Site) -> Result<Self, Failure> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("--serve").arg(format!("{role:?}").to_lowercase());
        for set in site.assignments() {
            command.arg("--set").arg(set);
        }
        if let Some(folder) = &site.plugin_dir {
            command.arg("--plugin-dir").arg(folder);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let line = timeout(SOON, BufReader::new(stdout).lines().next_line()).await??;
        Ok(Server { child, address: line.ok_or("the server has ended")? })
    }

    /// `kill -9`.
    pub(super) async fn kill(mut self) -> Result<Instant, Failure> {
        self.child.start_kill()?;
        let at = Instant::now();
        self.child.wait().await?;
        Ok(at)
    }

    pub(super) fn used(&self) -> Result<Used, Failure> {
        let pid = self.child.id().ok_or("the server has ended")?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields: Vec<&str> = stat.rsplit_once(") ").ok_or("no stat")?.1.split(' ').collect();
        let number = |at: usize| -> Result<u64, Failure> { Ok(fields.get(at).ok_or("no such field")?.parse()?) };
        // In ticks of 10 ms, and pages of 4 KiB: both are the same on all machines that this runs on.
        let ticks = number(11)? + number(12)?;
        Ok(Used { cpu: Duration::from_millis(ticks * 10), memory: number(21)? * 4096, at: Instant::now() })
    }
}

impl Used {
    /// The CPU that was used since then, and in how long a time.
    pub(super) fn since(self, before: Used) -> (Duration, Duration) {
        (self.cpu.saturating_sub(before.cpu), self.at - before.at)
    }
}

/// Waits until something is there.
pub(super) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> Result<T, Failure> {
    let until = Instant::now() + SOON;
    loop {
        if let Some(found) = look().await {
            return Ok(found);
        }
        if Instant::now() > until {
            return Err(format!("it never came: {what}").into());
        }
        sleep(Duration::from_millis(5)).await;
    }
}

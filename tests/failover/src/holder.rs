//! A holder of a lock is killed: how long the next in the queue waits.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use registry_interop::{Lives, Process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use crate::{
    Failure, Wanted,
    ours::{self, Written},
    report::Round,
    servers::Servers,
};

const LOCK: &str = "/lock";
const THEIR_LOCK: &str = "/their-lock";

/// How long a lock may take beyond the session's timeout.
const LATE: Duration = Duration::from_secs(60);

pub(crate) async fn round(servers: &dyn Servers, wanted: &Wanted) -> Result<Round, Failure> {
    let ours = Written { longest: ours(servers, wanted).await?, failed: 0 };
    let theirs = match &wanted.peers {
        None => None,
        Some(_) => Some(Written { longest: theirs(servers, wanted).await?, failed: 0 }),
    };
    Ok(Round { ours, theirs, length: wanted.session() + LATE })
}

async fn ours(servers: &dyn Servers, wanted: &Wanted) -> Result<Duration, Failure> {
    let settings = ours::settings(servers, wanted);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("hold").args(&settings).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut holder = command.spawn()?;
    let output = holder.stdout.take().ok_or("the holder has no output")?;
    let told = timeout(LATE, BufReader::new(output).lines().next_line()).await??;
    told.ok_or("the holder ended instead of holding the lock")?;
    let registry = ours::open(&settings).await?;
    let waiting = registry.lock(LOCK).within(wanted.session() + LATE).into_future();
    let killing = async {
        wait_for_queue(&registry, LOCK).await?;
        holder.kill().await?;
        Ok::<_, Failure>(Instant::now())
    };
    let (guard, killed) = tokio::join!(async { waiting.await.map(|guard| (guard, Instant::now())) }, killing);
    let ((guard, held), killed) = (guard?, killed?);
    guard.release().await?;
    registry.close().await?;
    Ok(held.saturating_duration_since(killed))
}

/// Waits until a second request is in the queue.
async fn wait_for_queue(registry: &registry_host::Registry, lock: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + LATE;
    while registry.children(lock).await?.len() < 2 {
        if Instant::now() >= deadline {
            return Err("nobody waits for the lock".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn theirs(servers: &dyn Servers, wanted: &Wanted) -> Result<Duration, Failure> {
    let built = wanted.peers.as_ref().ok_or("there are no drivers")?;
    let backend = servers.backend();
    let start = || Process::start(backend.peer(), built, Lives::Minutes, &servers.addresses(), wanted.session());
    let (mut holder, mut next) = (start()?, start()?);
    holder.ask("lock", &[THEIR_LOCK], LATE).await?;
    // It can't tell that it waits before it has waited, but its place in the queue is seen.
    let killing = async {
        let mut settings = servers.settings();
        settings.push("registry.namespace=".to_owned());
        settings.extend(ours::plugin_dirs(wanted));
        let registry = ours::open(&settings).await?;
        wait_for_queue(&registry, THEIR_LOCK).await?;
        registry.close().await?;
        holder.kill().await?;
        Ok::<_, Failure>(Instant::now())
    };
    let limit = wanted.session() + LATE;
    let waiting = async { next.ask("lock", &[THEIR_LOCK], limit).await.map(|_| Instant::now()) };
    let (held, killed) = tokio::join!(waiting, killing);
    let lasted = held?.saturating_duration_since(killed?);
    next.ask("unlock", &[], LATE).await?;
    next.close(LATE).await?;
    Ok(lasted)
}

/// Holds the lock, says so, and waits to be killed.
pub(crate) async fn hold(settings: &[String]) -> Result<(), Failure> {
    let registry = ours::open(settings).await?;
    let guard = registry.lock(LOCK).await?;
    println!("held");
    guard.lost().await;
    Err("the lock was lost".into())
}

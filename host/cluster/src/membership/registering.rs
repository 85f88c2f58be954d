//! Registration: from nothing to the first heartbeat that all can see.

use std::time::Duration;

use registry_host::{Backoff, Error, ErrorKind, Guard, Result};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Entries, Tasks, beats::Beats, readers};
use crate::{
    Cluster, Incarnation, Role, Server, compat::dolphinscheduler::layout::STARTUP_LOCK, gauge::Reading, record::Record,
};

/// The pauses before the entries are put again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Registers a server, and waits until it is seen; gives what it takes to beat.
pub(super) async fn register(cluster: &Cluster, server: &Server) -> Result<(Beats, Reading)> {
    let registry = cluster.registry();
    let limit = registry.operation_timeout();
    let deadline = Instant::now() + 3 * limit;
    let reading = Reading::begin(cluster.options().of_role(server.role()).max_heartbeat_interval).await?;
    let lock = match server.role() {
        Role::Master => Some(registry.lock(STARTUP_LOCK).within(2 * limit).await?),
        Role::Worker => None,
    };
    let incarnation = begin(cluster, server).await?;
    let mut beats = Beats::new(cluster, server, incarnation);
    let heartbeat = beats.heartbeat(&reading.now(), Tasks::default());
    let put = put(cluster, server, incarnation, &heartbeat, lock.as_ref(), deadline).await;
    let mut released = Released(Some(put?));
    let seen = seen(cluster, server, incarnation, deadline).await;
    if let Some(lock) = lock
        && let Err(error) = lock.release().await
    {
        // It goes on in the background, or the lock goes with the session.
        tracing::debug!(%error, "the lock for starting masters is not released yet");
    }
    seen?;
    readers::warn(cluster, server);
    if let Some(entries) = released.0.take() {
        beats.begin(entries, heartbeat);
    }
    Ok((beats, reading))
}

/// Starts an incarnation that no other process at the address has started.
///
/// Milliseconds tell two apart. Whole seconds don't if both have the same number of a process, as in containers.
async fn begin(cluster: &Cluster, server: &Server) -> Result<Incarnation> {
    let format = cluster.options().heartbeat_format;
    loop {
        let incarnation = Incarnation::begin(format);
        let record = Record::new(server.role(), server.address(), Vec::new(), incarnation);
        if !format.has_dates() || cluster.registry().get(&record.key()).await?.is_none() {
            return Ok(incarnation);
        }
    }
}

/// Puts the entries, again until it is known that they are there.
async fn put(
    cluster: &Cluster,
    server: &Server,
    incarnation: Incarnation,
    heartbeat: &crate::Heartbeat,
    lock: Option<&Guard>,
    deadline: Instant,
) -> Result<Entries> {
    let registry = cluster.registry();
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        // A second time is the same as the first: it is this incarnation's whatever came of that.
        match Entries::put(registry, server, incarnation, heartbeat, lock, registry.operation_timeout()).await {
            Err(error) if error.is_retryable() && Instant::now() < deadline => {
                tracing::debug!(%server, %error, "not registered yet");
                sleep(backoff.next_pause()).await;
            }
            put => return put,
        }
    }
}

/// Waits until the server's own view shows it.
async fn seen(cluster: &Cluster, server: &Server, incarnation: Incarnation, deadline: Instant) -> Result<()> {
    let (board, keys) = (cluster.board(), server.keys());
    let mut moved = board.moved();
    let there =
        || keys.iter().all(|key| board.member(key).and_then(|member| member.incarnation()) == Some(incarnation));
    let wait = async {
        while !there() {
            if board.has_ended() || moved.changed().await.is_err() {
                return Err(Error::new(ErrorKind::Closed, "the registry was closed"));
            }
        }
        Ok(())
    };
    let late = |_| {
        let message = format!("{server} is registered, but its view doesn't show it");
        Err(Error::new(ErrorKind::Timeout, message).or_key(&keys[0]))
    };
    timeout_at(deadline, wait).await.unwrap_or_else(late)
}

/// Entries that are removed unless they are kept.
struct Released(Option<Entries>);

impl Drop for Released {
    fn drop(&mut self) {
        if let Some(mut entries) = self.0.take() {
            tokio::spawn(async move {
                // Nothing was done yet that could be taken over.
                if let Err(error) = entries.leave().await {
                    tracing::debug!(server = %entries.server, %error, "what was registered is left to its session");
                }
            });
        }
    }
}

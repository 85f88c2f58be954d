//! Hosts of a cluster: each has a registry, members that beat, and a watch on all members.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use registry_host::{Event, Registry, Scope};
use tokio::time::{Instant, sleep, timeout};

use super::server::Server;
use crate::run::Failure;

/// Where all members are.
const MEMBERS: &str = "/nodes";
/// How many members a host has; they stand for as many small hosts.
pub(super) const EACH: usize = 5;
/// How long anything may take on a machine that is busy with other things.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// One host.
pub(super) struct Host {
    pub(super) registry: Registry,
    number: usize,
    watching: tokio::task::JoinHandle<()>,
    seen: Arc<Seen>,
}

/// What a host has been told of the members.
#[derive(Default)]
struct Seen {
    values: Mutex<BTreeMap<String, String>>,
    events: AtomicU64,
    /// Why there is nothing more to be told.
    ended: Mutex<Option<String>>,
}

impl Host {
    /// Opens the registry and watches all members.
    pub(super) async fn open(server: &Server, plugin_dir: &Path, number: usize) -> Result<Self, Failure> {
        let registry = Registry::open(server.settings(plugin_dir).build()?).await?;
        let mut watch = registry.watch(MEMBERS, Scope::Subtree).await?;
        let seen = Arc::new(Seen::default());
        let told = Arc::clone(&seen);
        let watching = tokio::spawn(async move {
            while let Some(event) = watch.next().await {
                told.events.fetch_add(1, Ordering::Relaxed);
                match event {
                    Ok(Event::Put { entry, .. }) => {
                        let value = String::from_utf8_lossy(&entry.value).into_owned();
                        locked(&told.values).insert(entry.key, value);
                    }
                    Ok(Event::Delete { last }) => {
                        locked(&told.values).remove(&last.key);
                    }
                    Ok(_) => {}
                    Err(error) => *locked(&told.ended) = Some(error.to_string()),
                }
            }
        });
        Ok(Host { registry, number, watching, seen })
    }

    /// All its members beat once, at the same time; again until they have, as the network may have broken.
    pub(super) async fn beat(&self, beat: u64) -> Result<(), Failure> {
        let value = &value(beat);
        let beats = (0..EACH).map(|member| async move {
            let key = self.member(member);
            loop {
                match self.registry.put(&key, value).ephemeral().await {
                    Err(error) if error.is_retryable() => sleep(Duration::from_millis(20)).await,
                    beaten => return beaten,
                }
            }
        });
        timeout(LONG, try_join_all(beats)).await??;
        Ok(())
    }

    /// Waits until this host knows of everybody's last beat.
    pub(super) async fn knows(&self, hosts: &[Host], beat: u64) -> Result<(), Failure> {
        let (deadline, expected) = (Instant::now() + LONG, value(beat));
        let keys: Vec<_> = hosts.iter().flat_map(|host| (0..EACH).map(|member| host.member(member))).collect();
        loop {
            if let Some(error) = locked(&self.seen.ended).clone() {
                return Err(format!("the watch of host {} has ended: {error}", self.number).into());
            }
            let missing = {
                let values = locked(&self.seen.values);
                keys.iter()
                    .find(|key| values.get(*key) != Some(&expected))
                    .map(|key| (key.clone(), values.get(key).cloned()))
            };
            let Some((key, value)) = missing else { return Ok(()) };
            if Instant::now() >= deadline {
                let number = self.number;
                return Err(format!(
                    "host {number} knows {key} as {value:?}, but it has been {expected:?} for {LONG:?}"
                )
                .into());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many events its watch has told.
    pub(super) fn events(&self) -> u64 {
        self.seen.events.load(Ordering::Relaxed)
    }

    /// Closes the registry; everything of this host is gone then.
    pub(super) async fn close(self) -> Result<(), Failure> {
        self.registry.close().await?;
        // It ends with its registry.
        timeout(LONG, self.watching).await??;
        Ok(())
    }

    fn member(&self, member: usize) -> String {
        format!("{MEMBERS}/{}-{member}", self.number)
    }
}

/// What a member says of itself, in the length that schedulers have for it.
fn value(beat: u64) -> String {
    format!(
        "{{\"beat\":{beat},\"cpuUsage\":0.31,\"memoryUsage\":0.54,\"diskAvailable\":101.5,\"threadPoolUsage\":{}}}",
        beat % 100
    )
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

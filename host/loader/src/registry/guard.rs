//! Held locks (contract 6.2 to 6.6).

use std::{sync::Arc, time::Duration};

use registry_api::{Error, FencingToken, Held, Key, Result};

use crate::layers::{Layers, Operation, failed};

/// A held lock: a value, owned by its holder. Dropping it, on any thread, releases the lock in the background.
///
/// # Behavior
///
/// The lock is lost when the session ends, the registry is closed, or somebody deletes the queue entry;
/// [`lost`](Guard::lost) tells. A write that must not come from a former holder goes through
/// [`check_held`](super::Txn::check_held).
#[must_use = "a lock is released when its guard is dropped"]
pub struct Guard {
    raw: registry_abi::Guard,
    held: Held,
    key: String,
    layers: Arc<Layers>,
    timeout: Duration,
}

impl Guard {
    pub(super) fn new(raw: registry_abi::Guard, key: &str, layers: &Arc<Layers>, timeout: Duration) -> Self {
        let held = Held::new(raw.entry().as_str(), raw.token().into());
        Guard { raw, held, key: key.to_owned(), layers: Arc::clone(layers), timeout }
    }

    /// The lock's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The holder's own entry in the queue.
    pub fn entry(&self) -> &str {
        &self.held.entry
    }

    /// The fencing token: it only grows from one holder of the lock to the next.
    pub fn token(&self) -> FencingToken {
        self.held.token
    }

    /// The lock as data, for another process's checks.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Whether the lock is known to be lost.
    pub fn is_lost(&self) -> bool {
        self.raw.is_lost()
    }

    /// Waits until the lock is lost, and says why.
    pub fn lost(&self) -> impl Future<Output = Error> + Send + 'static {
        let lost = self.raw.lost();
        let (key, layers) = (self.key.clone(), Arc::clone(&self.layers));
        async move { failed(lost.await.into(), Operation::Lock, Some(Key::from_checked(&key)), layers.plugin()) }
    }

    /// Releases the lock and waits until that is done; one that was lost is not an error.
    ///
    /// # Errors
    ///
    /// `Timeout`, `Unavailable`: the release goes on in the background.
    ///
    /// # Cancellation
    ///
    /// The release goes on in the background.
    pub async fn release(self) -> Result<()> {
        let (key, releasing) = (Key::from_checked(&self.key), self.raw.release(self.timeout.into()));
        self.layers.run(Operation::Release, Some(key), Some(self.timeout), releasing).await
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("key", &self.key).field("held", &self.held).finish_non_exhaustive()
    }
}

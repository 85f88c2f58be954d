//! The registry for programs that are not async: each call waits on the thread that makes it.
//!
//! ```no_run
//! use registry_host::{Settings, blocking::Registry};
//!
//! # fn example() -> registry_host::Result<()> {
//! let registry = Registry::open(Settings::load("registry.yaml")?)?;
//! registry.put("/jobs/7", "waiting")?;
//!
//! // Whatever the async registry offers can be waited for.
//! let job = registry.asynchronous();
//! registry.wait(job.txn().check_present("/jobs/7").put("/jobs/7", "taken").commit())?;
//!
//! let guard = registry.lock("/locks/jobs")?;
//! registry.wait(guard.release())?;
//! registry.close()
//! # }
//! ```

mod runtime;
mod watch;

use std::time::Duration;

use registry_api::{Entry, Result, Scope, Version};

use self::runtime::Runtime;
pub use self::watch::Watch;
use crate::{Guard, Settings};

/// A [`Registry`](crate::Registry) whose calls block.
///
/// # Behavior
///
/// It has one thread of its own, for timers and for the upkeep of ephemeral entries. A call is made on the thread that
/// asks for it and blocks that thread, by its deadline at the latest. Clones share the session; dropping the last one
/// closes it in the background.
#[derive(Clone, Debug)]
pub struct Registry {
    registry: crate::Registry,
    runtime: Runtime,
}

impl Registry {
    /// Loads the plugin that `registry.type` names and opens a session with it.
    ///
    /// # Errors
    ///
    /// As [`Registry::open`](crate::Registry::open); `Other` when no thread can be started.
    pub fn open(settings: Settings) -> Result<Self> {
        let runtime = Runtime::start()?;
        let registry = runtime.wait(crate::Registry::open(settings))?;
        Ok(Registry { registry, runtime })
    }

    /// The same registry for async code. Its futures may be polled on any executor.
    pub fn asynchronous(&self) -> &crate::Registry {
        &self.registry
    }

    /// Waits for a call of the [async registry](Registry::asynchronous), such as a Txn or the release of a lock.
    pub fn wait<F: IntoFuture>(&self, call: F) -> F::Output {
        self.runtime.wait(call.into_future())
    }

    /// Reads one entry; `None` if there is no such entry.
    ///
    /// # Errors
    ///
    /// As [`Registry::get`](crate::Registry::get).
    pub fn get(&self, key: &str) -> Result<Option<Entry>> {
        self.wait(self.registry.get(key))
    }

    /// Whether there is an entry, also if this user may not read it.
    ///
    /// # Errors
    ///
    /// As [`Registry::exists`](crate::Registry::exists).
    pub fn exists(&self, key: &str) -> Result<bool> {
        self.wait(self.registry.exists(key))
    }

    /// Names the direct children of a key, sorted by bytes.
    ///
    /// # Errors
    ///
    /// As [`Registry::children`](crate::Registry::children).
    pub fn children(&self, key: &str) -> Result<Vec<String>> {
        self.wait(self.registry.children(key))
    }

    /// Reads the key's own entry and all below it, sorted by bytes.
    ///
    /// # Errors
    ///
    /// As [`Registry::list`](crate::Registry::list).
    pub fn list(&self, key: &str) -> Result<Vec<Entry>> {
        self.wait(self.registry.list(key))
    }

    /// Writes a persistent entry and gives its version.
    ///
    /// # Errors
    ///
    /// As [`Registry::put`](crate::Registry::put).
    pub fn put(&self, key: &str, value: impl AsRef<[u8]> + Send + Sync) -> Result<Version> {
        self.wait(self.registry.put(key, value))
    }

    /// Writes an entry that goes with this registry's session, and gives its version.
    ///
    /// # Errors
    ///
    /// As [`Registry::put`](crate::Registry::put).
    pub fn put_ephemeral(&self, key: &str, value: impl AsRef<[u8]> + Send + Sync) -> Result<Version> {
        self.wait(self.registry.put(key, value).ephemeral())
    }

    /// Removes one entry and gives the number of deleted entries, 0 or 1.
    ///
    /// # Errors
    ///
    /// As [`Registry::delete`](crate::Registry::delete).
    pub fn delete(&self, key: &str) -> Result<u64> {
        self.wait(self.registry.delete(key))
    }

    /// Removes an entry and all below it, and gives the number of deleted entries.
    ///
    /// # Errors
    ///
    /// As [`Registry::delete_recursive`](crate::Registry::delete_recursive).
    pub fn delete_recursive(&self, key: &str) -> Result<u64> {
        self.wait(self.registry.delete_recursive(key))
    }

    /// Waits in the lock's queue, however long it takes.
    ///
    /// # Errors
    ///
    /// As [`Registry::lock`](crate::Registry::lock).
    pub fn lock(&self, key: &str) -> Result<Guard> {
        self.wait(self.registry.lock(key))
    }

    /// Waits in the lock's queue for no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As [`Registry::lock`](crate::Registry::lock): `NotAcquired` when the limit runs out.
    pub fn lock_within(&self, key: &str, limit: Duration) -> Result<Guard> {
        self.wait(self.registry.lock(key).within(limit))
    }

    /// Takes the lock if nobody holds it or waits for it.
    ///
    /// # Errors
    ///
    /// As [`Registry::try_lock`](crate::Registry::try_lock): `NotAcquired` at once otherwise.
    pub fn try_lock(&self, key: &str) -> Result<Guard> {
        self.wait(self.registry.try_lock(key))
    }

    /// Watches a key: the present state, then every change, as an iterator.
    ///
    /// # Errors
    ///
    /// As [`Registry::watch`](crate::Registry::watch).
    pub fn watch(&self, key: &str, scope: Scope) -> Result<Watch> {
        let watch = self.wait(self.registry.watch(key, scope))?;
        Ok(Watch::new(watch, self.runtime.clone()))
    }

    /// Ends the session. Its ephemeral entries and locks are gone when this returns.
    ///
    /// # Errors
    ///
    /// As [`Registry::close`](crate::Registry::close).
    pub fn close(&self) -> Result<()> {
        self.wait(self.registry.close())
    }
}

//! Transactions (contract 3.1).

mod added;
mod committed;
mod parts;
mod sending;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use registry_api::{FencingToken, Mode, Result, Version};

use self::parts::{OwnedCheck, OwnedWrite, TxnParts};
pub use self::{
    added::{Added, DeleteHandle, PutHandle},
    committed::Committed,
};
use super::{Guard, Registry};

impl Registry {
    /// Begins a Txn: checks and operations, all applied or none.
    pub fn txn(&self) -> Txn {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Txn { registry: self.clone(), number, parts: Arc::default() }
    }
}

/// Checks and operations, all applied or none. It owns its keys and values, so it can be kept, moved to another task
/// and [committed](Txn::commit) again.
///
/// # Behavior
///
/// Checks are judged first, on the state before; then the operations in order, each seeing the former ones. A key that
/// is invalid is refused by `commit`.
///
/// # Examples
///
/// In a chain, where only the success matters:
///
/// ```no_run
/// # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
/// registry.txn().check_absent("/task/7").put("/task/7", "taken").commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// Step by step, where parts are conditional, or an answer is needed:
///
/// ```no_run
/// # async fn example(registry: registry_host::Registry, ready: bool) -> registry_host::Result<()> {
/// let mut txn = registry.txn();
/// let task = txn.put("/task/7", "taken").handle();
/// if ready {
///     txn.put("/workers/a", "ready").ephemeral();
/// }
/// let committed = txn.commit().await?;
/// registry.put("/task/7", "done").if_version(committed.version_of(task)).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a Txn does nothing until it is committed"]
#[derive(Clone, Debug)]
pub struct Txn {
    registry: Registry,
    /// The same for clones, whose handles are the same.
    number: u64,
    parts: Arc<TxnParts>,
}

impl Txn {
    /// The key must have no entry.
    pub fn check_absent(&mut self, key: &str) -> &mut Self {
        self.check(OwnedCheck::Absent(key.to_owned()))
    }

    /// The key must have an entry.
    pub fn check_present(&mut self, key: &str) -> &mut Self {
        self.check(OwnedCheck::Present(key.to_owned()))
    }

    /// The key's entry must be at this version.
    ///
    /// Where versions are not [exact](registry_api::Capability::ExactVersions) that may hold by mistake of an entry
    /// that was recreated, or taken over and written, just before (contract 3.7). What has to be known for certain is
    /// asked of the version of another entry, which is persistent, stays, and is written in the same Txns.
    pub fn check_version(&mut self, key: &str, version: Version) -> &mut Self {
        self.check(OwnedCheck::Version(key.to_owned(), version))
    }

    /// The lock must still be held: a write by a former holder is refused by the backend.
    pub fn check_held(&mut self, guard: &Guard) -> &mut Self {
        self.check_held_entry(guard.entry(), guard.token())
    }

    /// The same, by the holder's entry in the queue and its fencing token.
    pub fn check_held_entry(&mut self, entry: &str, token: FencingToken) -> &mut Self {
        self.check(OwnedCheck::Held { entry: entry.to_owned(), token })
    }

    /// Writes an entry, persistent unless it is made [ephemeral](Added::ephemeral).
    pub fn put(&mut self, key: &str, value: impl AsRef<[u8]>) -> Added<'_, PutHandle> {
        let value = Bytes::copy_from_slice(value.as_ref());
        self.write(OwnedWrite::Put { key: key.to_owned(), value, mode: Mode::Persistent, recreates: false })
    }

    /// Removes one entry; a missing one is no failure.
    pub fn delete(&mut self, key: &str) -> Added<'_, DeleteHandle> {
        self.write(OwnedWrite::Delete(key.to_owned()))
    }

    /// Removes an entry and all below it; it must be the only operation.
    pub fn delete_recursive(&mut self, key: &str) -> Added<'_, DeleteHandle> {
        self.write(OwnedWrite::DeleteRecursive(key.to_owned()))
    }

    /// Replaces the deadline, `registry.operation-timeout`.
    pub fn timeout(&mut self, timeout: Duration) -> &mut Self {
        self.parts().timeout = Some(timeout);
        self
    }

    /// Applies the Txn whole or not at all, as it is now; gives an answer for each operation.
    ///
    /// # Behavior
    ///
    /// It may be committed again: after an error whose [outcome](registry_api::Error::outcome) is `NotApplied` and
    /// which [can pass](registry_api::Error::is_retryable), or at any time if applying it twice does no harm.
    ///
    /// # Errors
    ///
    /// `InvalidKey`, `ValueTooLarge`, `InvalidTxn` before anything is sent; `ConditionFailed` with the
    /// [checks](registry_api::Error::failed_checks) that did not hold, `HasChildren`, `EphemeralParent`, `Timeout`,
    /// `Unavailable`, `Closed`. The outcome says whether it may have been applied.
    ///
    /// # Cancellation
    ///
    /// A Txn that was sent may still be applied.
    pub fn commit(&self) -> impl Future<Output = Result<Committed>> + Send + use<> {
        let Txn { registry, number, parts } = self.clone();
        async move { Ok(Committed::new(number, parts.commit(&registry).await?)) }
    }

    fn check(&mut self, check: OwnedCheck) -> &mut Self {
        self.parts().checks.push(check);
        self
    }

    fn write<H: From<OperationId> + Copy>(&mut self, write: OwnedWrite) -> Added<'_, H> {
        let place = OperationId { txn: self.number, at: self.parts.operations.len() };
        self.parts().operations.push(write);
        Added::new(self, place.into())
    }

    /// The parts, for this Txn alone.
    fn parts(&mut self) -> &mut TxnParts {
        Arc::make_mut(&mut self.parts)
    }
}

/// Which operation of which Txn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct OperationId {
    txn: u64,
    at: usize,
}

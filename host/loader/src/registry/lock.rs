//! Taking locks (contract 6).

use std::{future::IntoFuture, pin::Pin, time::Duration};

use registry_abi::{ROption, RawLockRequest};
use registry_api::{Result, Txn};

use super::{Guard, Registry};
use crate::layers::{Operation, failed};

impl Registry {
    /// Waits in the lock's queue, without a limit unless it is given one.
    ///
    /// # Errors
    ///
    /// `NotAcquired` when the limit runs out, `HasChildren` when the key has descendants that are no queue entries,
    /// `LockLost` when somebody deletes the waiter's entry, `SessionLost`, `InvalidKey`, `Closed`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the queue, in the background.
    pub fn lock<'a>(&'a self, key: &'a str) -> Lock<'a> {
        Lock { registry: self, operation: Operation::Lock, key, value: &[], wait: true, limit: None }
    }

    /// Takes the lock if nobody holds it or waits for it; else gives `NotAcquired` at once.
    pub fn try_lock<'a>(&'a self, key: &'a str) -> Lock<'a> {
        Lock { operation: Operation::TryLock, wait: false, ..self.lock(key) }
    }

    /// Waits to be the leader of a key: a lock with a value that [observers](Registry::observe) read (6.8).
    pub fn campaign<'a, V: AsRef<[u8]> + ?Sized>(&'a self, key: &'a str, value: &'a V) -> Lock<'a> {
        Lock { operation: Operation::Campaign, value: value.as_ref(), ..self.lock(key) }
    }
}

/// A lock in the making; await it.
#[must_use = "a lock is not asked for until it is awaited"]
#[derive(Clone, Debug)]
pub struct Lock<'a> {
    registry: &'a Registry,
    operation: Operation,
    key: &'a str,
    value: &'a [u8],
    wait: bool,
    limit: Option<Duration>,
}

impl<'a> Lock<'a> {
    /// Gives up with `NotAcquired` after this long.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets the value of the queue entry, which others can read.
    pub fn value<V: AsRef<[u8]> + ?Sized>(mut self, value: &'a V) -> Self {
        self.value = value.as_ref();
        self
    }
}

impl<'a> IntoFuture for Lock<'a> {
    type Output = Result<Guard>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Guard>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let inner = &*self.registry.0;
            let key = self.registry.entry_key(self.operation, self.key)?;
            // The queue entry is a put like any other.
            let entry = key.child("0123456789abcdef-01234567890123456789");
            let refused = |error| failed(error, self.operation, Some(key), inner.plugin.name());
            let entry = registry_api::Key::new(&entry).map_err(|invalid| refused(invalid.into()))?;
            let put =
                registry_api::Operation::Put { key: entry, value: self.value, mode: registry_api::Mode::Ephemeral };
            Txn::new(&[], &[put]).validate(&inner.namespace).map_err(refused)?;
            let request = RawLockRequest {
                key: key.as_str().into(),
                value: self.value.into(),
                wait: self.wait,
                limit: self.limit.map_or(ROption::RNone, |limit| ROption::RSome(limit.into())),
            };
            // The plugin ends it by the limit, one that does not wait by the operation's; the request that leaves the
            // queue has a deadline of its own.
            let limit = self.limit.or((!self.wait).then_some(inner.timeout));
            let backstop = limit.map(|limit| limit.saturating_add(inner.timeout));
            let raw = inner.layers.run(self.operation, Some(key), backstop, inner.connection.lock(request)).await?;
            Ok(Guard::new(raw, key.as_str(), &inner.layers, inner.timeout))
        })
    }
}

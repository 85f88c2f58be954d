//! One delete (contract 3.5).

use std::{future::IntoFuture, pin::Pin, time::Duration};

use registry_api::{Check, Operation as Write, Result, Txn, Version};

use super::Registry;
use crate::layers::Operation;

impl Registry {
    /// Removes one entry; gives the number of deleted entries, which is 0 for a missing one.
    ///
    /// # Errors
    ///
    /// `HasChildren` if it has any, `ConditionFailed`, `InvalidKey`, `Timeout`, `Unavailable`, `Closed`.
    pub fn delete<'a>(&'a self, key: &'a str) -> Delete<'a> {
        Delete { registry: self, key, recursive: false, version: None, timeout: None }
    }

    /// Removes an entry and all below it; gives the number of deleted entries.
    ///
    /// # Errors
    ///
    /// As [`delete`](Registry::delete), without `HasChildren`. Where the backend can't do it atomically (capability), a
    /// failure may leave part of it deleted.
    pub fn delete_recursive<'a>(&'a self, key: &'a str) -> Delete<'a> {
        Delete { recursive: true, ..self.delete(key) }
    }
}

/// A delete in the making; await it.
#[must_use = "a delete does nothing until it is awaited"]
#[derive(Clone, Debug)]
pub struct Delete<'a> {
    registry: &'a Registry,
    key: &'a str,
    recursive: bool,
    version: Option<Version>,
    timeout: Option<Duration>,
}

impl Delete<'_> {
    /// Deletes only if the entry is at this version, with the same reservation as
    /// [`check_version`](super::Txn::check_version).
    pub fn if_version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Replaces the deadline, `registry.operation-timeout`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl<'a> IntoFuture for Delete<'a> {
    type Output = Result<u64>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let operation = if self.recursive { Operation::DeleteRecursive } else { Operation::Delete };
            let key = self.registry.entry_key(operation, self.key)?;
            let write = if self.recursive { Write::DeleteRecursive(key) } else { Write::Delete(key) };
            let check = self.version.map(|version| Check::Version(key, version));
            let txn = Txn::new(check.as_slice(), std::slice::from_ref(&write));
            Ok(self.registry.0.commit(operation, Some(key), txn, self.timeout, |_| false).await?.deleted())
        })
    }
}

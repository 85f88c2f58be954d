//! Transactions (contract 3.1).

use std::time::Duration;

use registry_abi::{RSlice, RawCheck, RawOperation, RawTxn};
use registry_api::{
    Applied, Check, Committed, Error, ErrorKind, FencingToken, Key, Mode, Operation as Write, Outcome, Result, Txn,
    Version,
};

use super::{Guard, Inner, Registry};
use crate::layers::{Operation, failed};

impl Registry {
    /// Begins a Txn: checks and operations, all applied or none.
    pub fn txn<'a>(&'a self) -> TxnBuilder<'a> {
        TxnBuilder { registry: self, checks: Vec::new(), operations: Vec::new(), refused: None, timeout: None }
    }
}

/// A Txn in the making; [`commit`](TxnBuilder::commit) it.
///
/// # Behavior
///
/// Checks are judged first, on the state before; then the operations in order, each seeing the former ones. A key that
/// is no key is told of by `commit`.
#[must_use = "a Txn does nothing until it is committed"]
#[derive(Debug)]
pub struct TxnBuilder<'a> {
    registry: &'a Registry,
    checks: Vec<Check<'a>>,
    operations: Vec<Write<'a>>,
    refused: Option<Error>,
    timeout: Option<Duration>,
}

impl<'a> TxnBuilder<'a> {
    /// The key must have no entry.
    pub fn check_absent(self, key: &'a str) -> Self {
        self.check(key, Check::Absent)
    }

    /// The key must have an entry.
    pub fn check_present(self, key: &'a str) -> Self {
        self.check(key, Check::Present)
    }

    /// The key's entry must be at this version.
    ///
    /// Where versions are not [exact](registry_api::Capability::ExactVersions) that may hold by mistake of an entry
    /// that was recreated, or taken over and written, just before (contract 3.7). What has to be known for certain is
    /// asked of the version of another entry, which is persistent, stays, and is written in the same Txns.
    pub fn check_version(self, key: &'a str, version: Version) -> Self {
        self.check(key, |key| Check::Version(key, version))
    }

    /// The lock must still be held: a write by a former holder is refused by the backend.
    pub fn check_held(self, guard: &'a Guard) -> Self {
        self.check_held_entry(guard.entry(), guard.token())
    }

    /// The same, by the holder's entry in the queue and its fencing token.
    pub fn check_held_entry(self, entry: &'a str, token: FencingToken) -> Self {
        self.check(entry, |entry| Check::Held { entry, token })
    }

    /// Writes a persistent entry.
    pub fn put<V: AsRef<[u8]> + ?Sized>(self, key: &'a str, value: &'a V) -> Self {
        self.operation(key, |key| Write::Put { key, value: value.as_ref(), mode: Mode::Persistent })
    }

    /// Writes an entry that goes with this registry's session.
    pub fn put_ephemeral<V: AsRef<[u8]> + ?Sized>(self, key: &'a str, value: &'a V) -> Self {
        self.operation(key, |key| Write::Put { key, value: value.as_ref(), mode: Mode::Ephemeral })
    }

    /// Removes one entry.
    pub fn delete(self, key: &'a str) -> Self {
        self.operation(key, Write::Delete)
    }

    /// Removes an entry and all below it; it must be the only operation.
    pub fn delete_recursive(self, key: &'a str) -> Self {
        self.operation(key, Write::DeleteRecursive)
    }

    /// Replaces the deadline, `registry.operation-timeout`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Applies the Txn whole or not at all; gives an answer for each operation, in order.
    ///
    /// # Errors
    ///
    /// `InvalidKey`, `ValueTooLarge`, `InvalidTxn` before anything is sent; `ConditionFailed` with the
    /// [checks](Error::failed_checks) that did not hold, `HasChildren`, `EphemeralParent`, `Timeout`, `Unavailable`,
    /// `Closed`. The [outcome](Error::outcome) says whether it may have been applied.
    pub async fn commit(self) -> Result<Committed> {
        let inner = &*self.registry.0;
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let txn = Txn::new(&self.checks, &self.operations);
        inner.commit(Operation::Commit, None, txn, self.timeout).await
    }

    fn check(mut self, key: &'a str, check: impl FnOnce(Key<'a>) -> Check<'a>) -> Self {
        match self.registry.entry_key(Operation::Commit, key) {
            Ok(key) => self.checks.push(check(key)),
            Err(error) => {
                self.refused.get_or_insert(error);
            }
        }
        self
    }

    fn operation(mut self, key: &'a str, operation: impl FnOnce(Key<'a>) -> Write<'a>) -> Self {
        match self.registry.entry_key(Operation::Commit, key) {
            Ok(key) => self.operations.push(operation(key)),
            Err(error) => {
                self.refused.get_or_insert(error);
            }
        }
        self
    }
}

impl Inner {
    /// Holds a Txn against the limits and sends it; what it does to ephemeral entries is remembered.
    pub(super) async fn commit(
        &self,
        operation: Operation,
        key: Option<Key<'_>>,
        txn: Txn<'_>,
        timeout: Option<Duration>,
    ) -> Result<Committed> {
        txn.validate(&self.namespace)
            .map_err(|error| at_first(failed(error, operation, key, self.plugin.name()), &txn))?;
        let sent = self.send(operation, key, txn, timeout);
        self.upkeep.remembering(self, txn, sent).await
    }

    /// Sends a Txn.
    pub(super) async fn send(
        &self,
        operation: Operation,
        key: Option<Key<'_>>,
        txn: Txn<'_>,
        timeout: Option<Duration>,
    ) -> Result<Committed> {
        let plugin = self.plugin.name();
        let timeout = timeout.unwrap_or(self.timeout);
        let applied = if let ([], [write]) = (txn.checks, txn.operations) {
            // By far the most Txns are one operation, and need no list.
            let raw = [RawOperation::from(*write)];
            let raw = RawTxn { checks: RSlice::EMPTY, operations: RSlice::from_slice(&raw) };
            let sent = self.connection.commit(raw, timeout.into());
            self.layers.run(operation, key, Some(timeout), sent).await.map_err(|error| at_first(error, &txn))?
        } else {
            let checks: Vec<_> = txn.checks.iter().map(|check| RawCheck::from(*check)).collect();
            let operations: Vec<_> = txn.operations.iter().map(|write| RawOperation::from(*write)).collect();
            let raw = RawTxn { checks: RSlice::from_slice(&checks), operations: RSlice::from_slice(&operations) };
            let sent = self.connection.commit(raw, timeout.into());
            self.layers
                .run(operation, key, Some(timeout), sent)
                .await
                .map_err(|error| at_first(at_failed_check(error, txn.checks), &txn))?
        };
        let applied = applied.into_iter().map(Applied::try_from).collect::<Result<Vec<_>>>();
        Ok(Committed::new(applied.map_err(|error| failed(error, operation, key, plugin))?))
    }

    /// What a plugin must have answered.
    pub(super) fn answer<T>(&self, operation: Operation, key: Key<'_>, answer: Option<T>) -> Result<T> {
        answer.ok_or_else(|| {
            let error = Error::new(ErrorKind::Other, "the plugin's answer is not one to this operation, report it")
                .with_outcome(Outcome::Unknown);
            failed(error, operation, Some(key), self.plugin.name())
        })
    }
}

/// Names the key of the first check that failed, unless a key is named already.
fn at_failed_check(error: Error, checks: &[Check<'_>]) -> Error {
    match error.failed_checks().first().and_then(|failed| checks.get(*failed)) {
        Some(check) => {
            let key = check.key();
            error.with_key(key).with_key_in_message()
        }
        None => error,
    }
}

/// Names the first key of a Txn that has failed as a whole, unless a key is named already.
fn at_first(error: Error, txn: &Txn<'_>) -> Error {
    let first = txn.operations.first().map(Write::key).or_else(|| txn.checks.first().map(Check::key));
    match first {
        Some(key) => error.with_key(key).with_key_in_message(),
        None => error,
    }
}

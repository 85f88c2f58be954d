//! Sending a Txn, and what comes back.

use std::time::Duration;

use registry_abi::{RSlice, RawCheck, RawOperation, RawTxn};
use registry_api::{Applied, Check, Committed, Error, ErrorKind, Key, Operation as Write, Outcome, Result, Txn};

use crate::{
    layers::{Operation, failed},
    registry::Inner,
};

impl Inner {
    /// Holds a Txn against the limits and sends it; what it does to ephemeral entries is remembered. `recreates` says
    /// of an ephemeral put, by its number, whether its entry is recreated when somebody deletes it.
    pub(in crate::registry) async fn commit(
        &self,
        operation: Operation,
        key: Option<Key<'_>>,
        txn: Txn<'_>,
        timeout: Option<Duration>,
        recreates: impl Fn(usize) -> bool,
    ) -> Result<Committed> {
        txn.validate(&self.namespace)
            .map_err(|error| at_first(failed(error, operation, key, self.plugin.name()), &txn))?;
        let sent = async {
            let looked_out_for = self.watching.sending(&txn);
            let sent = self.send(operation, key, txn, timeout).await;
            if looked_out_for {
                self.watching.sent(sent.as_ref().ok());
            }
            sent
        };
        self.upkeep.remembering(self, txn, sent, recreates).await
    }

    /// Sends a Txn.
    pub(in crate::registry) async fn send(
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

    /// The answers to a Txn's operations, which must be what they are answers to.
    pub(in crate::registry) fn answers(&self, txn: &Txn<'_>, committed: Committed) -> Result<Vec<Applied>> {
        let applied = committed.applied;
        let answers = |(write, applied): (&Write<'_>, &Applied)| {
            matches!(write, Write::Put { .. }) == matches!(applied, Applied::Put { .. })
        };
        let all = applied.len() == txn.operations.len() && txn.operations.iter().zip(&applied).all(answers);
        all.then_some(applied).ok_or_else(|| at_first(self.no_answer(Operation::Commit, None), txn))
    }

    /// What a plugin must have answered.
    pub(in crate::registry) fn answer<T>(&self, operation: Operation, key: Key<'_>, answer: Option<T>) -> Result<T> {
        answer.ok_or_else(|| self.no_answer(operation, Some(key)))
    }

    fn no_answer(&self, operation: Operation, key: Option<Key<'_>>) -> Error {
        let error = Error::new(ErrorKind::Other, "the plugin's answer is not one to this operation, report it")
            .set_outcome(Outcome::Unknown);
        failed(error, operation, key, self.plugin.name())
    }
}

/// Names the key of the first check that failed, unless a key is named already.
fn at_failed_check(error: Error, checks: &[Check<'_>]) -> Error {
    match error.failed_checks().first().and_then(|failed| checks.get(*failed)) {
        Some(check) => {
            let key = check.key();
            error.or_key(key).with_key_in_message()
        }
        None => error,
    }
}

/// Names the first key of a Txn that has failed as a whole, unless a key is named already.
fn at_first(error: Error, txn: &Txn<'_>) -> Error {
    let first = txn.operations.first().map(Write::key).or_else(|| txn.checks.first().map(Check::key));
    match first {
        Some(key) => error.or_key(key).with_key_in_message(),
        None => error,
    }
}

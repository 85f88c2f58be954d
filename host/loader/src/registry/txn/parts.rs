//! What a Txn consists of, owned.

use std::time::Duration;

use bytes::Bytes;
use registry_api::{Applied, Check, FencingToken, Key, Mode, Operation as Write, Result, Txn, Version};

use crate::{layers::Operation, registry::Registry};

/// The checks and operations, as they were added.
#[derive(Clone, Default, Debug)]
pub(super) struct TxnParts {
    pub(super) checks: Vec<OwnedCheck>,
    pub(super) operations: Vec<OwnedWrite>,
    pub(super) timeout: Option<Duration>,
}

/// A [`Check`].
#[derive(Clone, Debug)]
pub(super) enum OwnedCheck {
    Absent(String),
    Present(String),
    Version(String, Version),
    Held { entry: String, token: FencingToken },
}

/// An [operation](Write).
#[derive(Clone, Debug)]
pub(super) enum OwnedWrite {
    Put { key: String, value: Bytes, mode: Mode, recreates: bool },
    Delete(String),
    DeleteRecursive(String),
}

impl TxnParts {
    pub(super) fn make_ephemeral(&mut self, at: usize) {
        if let Some(OwnedWrite::Put { mode, .. }) = self.operations.get_mut(at) {
            *mode = Mode::Ephemeral;
        }
    }

    pub(super) fn recreate(&mut self, at: usize) {
        if let Some(OwnedWrite::Put { recreates, .. }) = self.operations.get_mut(at) {
            *recreates = true;
        }
    }

    /// Checks every key, and sends what may be sent.
    pub(super) async fn commit(&self, registry: &Registry) -> Result<Vec<Applied>> {
        let key = |key| registry.entry_key(Operation::Commit, key);
        let checks: Vec<_> = self.checks.iter().map(|check| check.borrowed(key)).collect::<Result<_>>()?;
        let operations: Vec<_> = self.operations.iter().map(|write| write.borrowed(key)).collect::<Result<_>>()?;
        let recreates = |at: usize| matches!(self.operations[at], OwnedWrite::Put { recreates: true, .. });
        let txn = Txn::new(&checks, &operations);
        let committed = registry.0.commit(Operation::Commit, None, txn, self.timeout, recreates).await?;
        registry.0.answers(&txn, committed)
    }
}

impl OwnedCheck {
    fn borrowed<'a>(&'a self, valid: impl Fn(&'a str) -> Result<Key<'a>>) -> Result<Check<'a>> {
        Ok(match self {
            OwnedCheck::Absent(key) => Check::Absent(valid(key)?),
            OwnedCheck::Present(key) => Check::Present(valid(key)?),
            OwnedCheck::Version(key, version) => Check::Version(valid(key)?, *version),
            OwnedCheck::Held { entry, token } => Check::Held { entry: valid(entry)?, token: *token },
        })
    }
}

impl OwnedWrite {
    fn borrowed<'a>(&'a self, valid: impl Fn(&'a str) -> Result<Key<'a>>) -> Result<Write<'a>> {
        Ok(match self {
            OwnedWrite::Put { key, value, mode, .. } => Write::Put { key: valid(key)?, value, mode: *mode },
            OwnedWrite::Delete(key) => Write::Delete(valid(key)?),
            OwnedWrite::DeleteRecursive(key) => Write::DeleteRecursive(valid(key)?),
        })
    }
}

//! One put (contract 3).

use std::{future::IntoFuture, pin::Pin, time::Duration};

use registry_api::{Check, Error, Mode, Operation as Write, Result, Txn, Version};

use super::Registry;
use crate::layers::Operation;

impl Registry {
    /// Writes an entry, creating its ancestors as needed; gives the version that it has now.
    ///
    /// # Errors
    ///
    /// `InvalidKey`, `ValueTooLarge`, `InvalidTxn` before anything is sent; `ConditionFailed`, `EphemeralParent`,
    /// `HasChildren` (an ephemeral put over an entry with children), `Timeout`, `Unavailable`, `Closed`.
    pub fn put<'a, V: AsRef<[u8]> + Send + Sync + 'a>(&'a self, key: &'a str, value: V) -> Put<'a, V> {
        Put {
            registry: self,
            key,
            value,
            mode: Mode::Persistent,
            recreates: false,
            condition: Condition::None,
            timeout: None,
            refused: None,
        }
    }
}

/// A put in the making; await it.
#[must_use = "a put does nothing until it is awaited"]
#[derive(Clone, Debug)]
pub struct Put<'a, V> {
    registry: &'a Registry,
    key: &'a str,
    value: V,
    mode: Mode,
    recreates: bool,
    condition: Condition,
    timeout: Option<Duration>,
    /// Why it is not to be sent.
    refused: Option<Error>,
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    None,
    Absent,
    Version(Version),
}

impl<V> Put<'_, V> {
    /// The entry goes with this registry's session.
    pub fn ephemeral(mut self) -> Self {
        self.mode = Mode::Ephemeral;
        self
    }

    /// An ephemeral entry is recreated also when somebody has deleted it, and not only with the next session.
    ///
    /// The entry is watched for that. See [`Registry::ephemerals`]; the next put of the key decides again.
    pub fn recreate_if_deleted(mut self) -> Self {
        self.recreates = true;
        self
    }

    /// Writes only if the key has no entry.
    pub fn if_absent(mut self) -> Self {
        self.condition = Condition::Absent;
        self
    }

    /// Writes only if the entry is at this version.
    pub fn if_version(mut self, version: Version) -> Self {
        self.condition = Condition::Version(version);
        self
    }

    /// Replaces the deadline, `registry.operation-timeout`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Has it fail before anything is sent.
    #[cfg(feature = "json")]
    pub(super) fn refused(mut self, error: Error) -> Self {
        self.refused = Some(error);
        self
    }
}

impl<'a, V: AsRef<[u8]> + Send + Sync + 'a> IntoFuture for Put<'a, V> {
    type Output = Result<Version>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Version>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let key = self.registry.entry_key(Operation::Put, self.key)?;
            if let Some(refused) = self.refused {
                return Err(refused);
            }
            let operations = [Write::Put { key, value: self.value.as_ref(), mode: self.mode }];
            let inner = &*self.registry.0;
            let check = match self.condition {
                Condition::None => None,
                Condition::Absent => Some(Check::Absent(key)),
                Condition::Version(version) => Some(Check::Version(key, version)),
            };
            let txn = Txn::new(check.as_slice(), &operations);
            let committed = inner.commit(Operation::Put, Some(key), txn, self.timeout, |_| self.recreates).await?;
            inner.answer(Operation::Put, key, committed.version(0))
        })
    }
}

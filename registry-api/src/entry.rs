//! Entries: what a key holds (contract 1.3).

use bytes::Bytes;

use crate::{Key, Revision, SessionId, Version};

/// One entry of the tree, as it was at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The key, without the namespace.
    pub key: String,
    /// The value, byte for byte as it was put.
    pub value: Bytes,
    /// Changes with every write of the key and only grows.
    pub version: Version,
    /// Fixed for the entry's life, differs between two lives of a key, and orders entries by creation.
    pub created: Revision,
    /// The session that owns an ephemeral entry; `None` for a persistent one.
    pub ephemeral: Option<SessionId>,
}

impl Entry {
    /// An entry of these parts.
    pub fn new(
        key: impl Into<String>,
        value: impl Into<Bytes>,
        version: Version,
        created: Revision,
        ephemeral: Option<SessionId>,
    ) -> Self {
        Entry { key: key.into(), value: value.into(), version, created, ephemeral }
    }

    /// The entry's key as a [`Key`].
    pub fn key(&self) -> Key<'_> {
        Key::from_checked(&self.key)
    }

    /// Whether the entry goes with its owner's session.
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral.is_some()
    }
}

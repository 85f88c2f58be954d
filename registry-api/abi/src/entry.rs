//! Entries on their way across.

use abi_stable::{StableAbi, std_types::RString};
use registry_api::{Entry, SessionId};

use crate::RawBytes;

/// An [`Entry`].
#[repr(C)]
#[derive(StableAbi)]
pub struct RawEntry {
    /// The key; empty where the asker knows it.
    pub key: RString,
    /// The value.
    pub value: RawBytes,
    /// The version.
    pub version: u64,
    /// The creation number.
    pub created: u64,
    /// The owner's session id, if `ephemeral`.
    pub owner: u64,
    /// Whether the entry is ephemeral.
    pub ephemeral: bool,
}

impl From<Entry> for RawEntry {
    fn from(entry: Entry) -> Self {
        RawEntry {
            key: entry.key.into(),
            value: RawBytes::new(entry.value),
            version: entry.version.get(),
            created: entry.created.get(),
            owner: entry.ephemeral.map_or(0, |id| id.0),
            ephemeral: entry.ephemeral.is_some(),
        }
    }
}

impl RawEntry {
    /// The entry under a key that the asker knows.
    pub fn named(self, key: &str) -> Entry {
        let owner = self.ephemeral.then_some(SessionId(self.owner));
        Entry::new(key, self.value.into_bytes(), self.version.into(), self.created.into(), owner)
    }
}

impl From<RawEntry> for Entry {
    fn from(raw: RawEntry) -> Self {
        let owner = raw.ephemeral.then_some(SessionId(raw.owner));
        Entry::new(raw.key, raw.value.into_bytes(), raw.version.into(), raw.created.into(), owner)
    }
}

//! The watch buffer: what a backend tells a watch, merged per key and told in order (contract 5).

use registry_api::{Entry, Key, Scope};

/// Where a backend tells a watch what happens.
pub struct WatchSink {
    key: String,
    scope: Scope,
}

impl WatchSink {
    /// The key that is watched.
    pub fn key(&self) -> Key<'_> {
        Key::from_checked(&self.key)
    }

    /// What the watch covers.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Tells that an entry is there or has changed; one outside the scope is passed over.
    pub fn put(&self, entry: Entry) {
        let _ = entry;
    }

    /// Tells that a key's entry is gone.
    pub fn delete(&self, key: &str) {
        let _ = key;
    }

    /// Tells the whole present state, at the beginning and after every break; the difference to what was told before
    /// reaches the consumer, then `Synced`.
    pub fn resync(&self, entries: Vec<Entry>) {
        let _ = entries;
    }

    /// Whether the consumer has dropped the watch.
    pub fn is_closed(&self) -> bool {
        false
    }

    /// Waits until the consumer has dropped the watch.
    pub async fn closed(&self) {}
}

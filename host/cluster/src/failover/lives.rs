//! The records of all lives that are not over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use registry_host::Entry;
use tokio::sync::watch;

use crate::{Role, record::Record, view::Mirror};

/// A mirror of the records.
pub(super) struct Lives {
    records: Mutex<BTreeMap<String, Record>>,
    /// Grows with every change.
    changed: watch::Sender<u64>,
}

impl Lives {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Lives { records: Mutex::default(), changed: watch::Sender::new(0) })
    }

    /// Told of every change.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The records of a role, by their keys.
    pub(super) fn of(&self, role: Role) -> Vec<(String, Record)> {
        let records = self.lock();
        let of_role = records.iter().filter(|(_, record)| record.role == role);
        of_role.map(|(key, record)| (key.clone(), record.clone())).collect()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.lock().contains_key(key)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mirror for Lives {
    fn put(&self, entry: &Entry) {
        let Some(record) = Record::of(entry) else { return };
        self.lock().insert(entry.key.clone(), record);
        self.changed.send_modify(|number| *number += 1);
    }

    fn remove(&self, key: &str) {
        if self.lock().remove(key).is_some() {
            self.changed.send_modify(|number| *number += 1);
        }
    }

    fn keys(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    // Whoever looks at it hears that the registry is closed.
    fn end(&self) {}
}

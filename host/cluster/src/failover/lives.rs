//! The records of all incarnations that are not over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use registry_host::{Entry, Mirror};
use tokio::sync::watch;

use crate::{Role, record::Record, witness};

/// A mirror of the records, and of what tells whose session lives.
pub(super) struct Lives {
    mirrored: Mutex<Mirrored>,
    /// Grows with every change.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Mirrored {
    records: BTreeMap<String, Record>,
    witnesses: BTreeMap<String, Entry>,
}

impl Lives {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Lives { mirrored: Mutex::default(), changed: watch::Sender::new(0) })
    }

    /// Told of every change.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The records of a role, by their keys.
    pub(super) fn of(&self, role: Role) -> Vec<(String, Record)> {
        let mirrored = self.lock();
        let of_role = mirrored.records.iter().filter(|(_, record)| record.role == role);
        of_role.map(|(key, record)| (key.clone(), record.clone())).collect()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.lock().records.contains_key(key)
    }

    /// Whether the session of a record's incarnation lives, although its own entries may be gone.
    pub(super) fn is_in_session(&self, record: &Record) -> bool {
        let mirrored = self.lock();
        let entry = mirrored.witnesses.get(&witness::key(record.role, &record.address));
        entry.is_some_and(|entry| witness::tells_of(entry, record.incarnation()))
    }

    fn lock(&self) -> MutexGuard<'_, Mirrored> {
        self.mirrored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mirror for Lives {
    fn put(&self, entry: &Entry) {
        if witness::is_one(&entry.key) {
            self.lock().witnesses.insert(entry.key.clone(), entry.clone());
        } else if let Some(record) = Record::of(entry) {
            self.lock().records.insert(entry.key.clone(), record);
        } else {
            return;
        }
        self.changed.send_modify(|number| *number += 1);
    }

    fn remove(&self, key: &str) {
        let mut mirrored = self.lock();
        let gone = mirrored.records.remove(key).is_some() | mirrored.witnesses.remove(key).is_some();
        drop(mirrored);
        if gone {
            self.changed.send_modify(|number| *number += 1);
        }
    }

    fn keys(&self) -> Vec<String> {
        let mirrored = self.lock();
        mirrored.records.keys().chain(mirrored.witnesses.keys()).cloned().collect()
    }

    // Its readers see that the registry is closed.
    fn end(&self) {}
}

//! What is known of the ephemeral entries that were put.

use std::{
    collections::{HashMap, hash_map},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use registry_api::{Committed, Key, Mode, Operation as Write, Outcome, SessionId, Txn, Version};
use tokio_util::task::AbortOnDropHandle;

/// The ephemeral entries that were put and neither deleted nor taken over since, as far as is known.
#[derive(Default)]
pub(in crate::registry) struct DeclaredEntries {
    /// Whether there was ever one: most registries put none, and their writes should not pay for it.
    used: AtomicBool,
    entries: Mutex<HashMap<String, Declared>>,
}

/// An entry that was put.
pub(super) struct Declared {
    pub(super) value: Bytes,
    pub(super) version: Version,
    /// The session that it was put in.
    pub(super) session: SessionId,
    /// Whether it is recreated when somebody deletes it.
    pub(super) recreates: bool,
    /// The task that looks after it has this meanwhile.
    turn: Arc<Turn>,
    /// Who watches it, if anybody wants to hear of it; ends when the entry is given up.
    watch: Option<Watching>,
}

/// The task that watches an entry; it ends with its owner.
pub(super) type Watching = AbortOnDropHandle<()>;

/// What was put of one entry, as its keeper needs it.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) value: Bytes,
    pub(super) version: Version,
    pub(super) session: SessionId,
    pub(super) recreates: bool,
}

/// Of those who look after one entry only one does at a time.
pub(super) type Turn = tokio::sync::Mutex<()>;

/// A Txn on its way that touches ephemeral entries.
///
/// # Behavior
///
/// An entry that it deletes, or makes persistent, is given up as soon as the request may be sent. It is taken back only
/// if that was certainly not applied: an entry that its host may have deleted must not come back.
#[must_use = "what comes of the Txn has to be told"]
pub(in crate::registry) struct Writing<'b> {
    declared: &'b DeclaredEntries,
    session: SessionId,
    given_up: Vec<(String, Declared)>,
}

impl DeclaredEntries {
    /// A Txn is about to be sent in a session; `None` if it touches no ephemeral entry.
    pub(super) fn begin(&self, txn: &Txn<'_>, session: impl FnOnce() -> SessionId) -> Option<Writing<'_>> {
        let puts = txn.operations.iter().any(is_ephemeral);
        if !puts && !self.used.load(Ordering::Acquire) {
            return None;
        }
        self.used.store(true, Ordering::Release);
        let mut given_up = Vec::new();
        let mut entries = self.lock();
        for operation in txn.operations.iter().filter(|operation| !is_ephemeral(operation)) {
            let key = operation.key();
            given_up.extend(entries.remove_entry(key.as_str()));
            if let Write::DeleteRecursive(_) = operation {
                given_up.extend(entries.extract_if(|entry, _| key.contains(Key::from_checked(entry))));
            }
        }
        drop(entries);
        Some(Writing { declared: self, session: session(), given_up })
    }

    /// What was put of an entry; `None` if it was given up.
    pub(super) fn known(&self, key: &str) -> Option<Known> {
        let entries = self.lock();
        let Declared { value, version, session, recreates, .. } = entries.get(key)?;
        Some(Known { value: value.clone(), version: *version, session: *session, recreates: *recreates })
    }

    /// The turn of the task that looks after an entry; `None` if it was given up.
    pub(super) fn turn(&self, key: &str) -> Option<Arc<Turn>> {
        self.lock().get(key).map(|declared| Arc::clone(&declared.turn))
    }

    /// The entry was recreated; whether it was still wanted.
    pub(super) fn renewed(&self, key: &str, session: SessionId, version: Version) -> bool {
        let mut entries = self.lock();
        let Some(declared) = entries.get_mut(key) else { return false };
        if declared.version < version {
            (declared.session, declared.version) = (session, version);
        }
        true
    }

    /// Gives an entry up, unless it has been put again since; whether it did.
    pub(super) fn give_up(&self, key: &str, version: Version) -> bool {
        let mut entries = self.lock();
        let known = entries.get(key).is_some_and(|declared| declared.version <= version);
        known && entries.remove(key).is_some()
    }

    /// Has every entry watched.
    pub(super) fn watch_all(&self, watch: impl Fn(String) -> Watching) {
        for (key, declared) in self.lock().iter_mut() {
            declared.watch.get_or_insert_with(|| watch(key.clone()));
        }
    }

    /// The entries that another session than this one has put.
    pub(super) fn not_of(&self, session: SessionId) -> Vec<String> {
        let entries = self.lock();
        let others = entries.iter().filter(|(_, declared)| declared.session != session);
        others.map(|(key, _)| key.clone()).collect()
    }

    /// Gives all entries up.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Declared>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing<'_> {
    /// The Txn was applied; entries are watched that are to be recreated when somebody deletes them, and all that are
    /// new here if that is `asked` for.
    pub(super) fn applied(
        self,
        operations: &[Write<'_>],
        committed: &Committed,
        recreates: impl Fn(usize) -> bool,
        asked: &AtomicBool,
        watch: impl Fn(String) -> Watching,
    ) {
        let mut entries = self.declared.lock();
        // The caller says so first, and then has all watched that are here.
        let asked = asked.load(Ordering::SeqCst);
        for (number, operation) in operations.iter().enumerate() {
            let (Write::Put { key, value, mode: Mode::Ephemeral }, Some(version)) =
                (operation, committed.version(number))
            else {
                continue;
            };
            let recreates = recreates(number);
            match entries.entry(key.as_str().to_owned()) {
                // Of two puts at once the later one may be heard of first.
                hash_map::Entry::Occupied(mut known) if known.get().version < version => {
                    let known = known.get_mut();
                    (known.value, known.version, known.session) =
                        (Bytes::copy_from_slice(value), version, self.session);
                    known.recreates = recreates;
                    if recreates {
                        known.watch.get_or_insert_with(|| watch(key.as_str().to_owned()));
                    }
                }
                hash_map::Entry::Occupied(_) => {}
                hash_map::Entry::Vacant(new) => {
                    let watch = (asked || recreates).then(|| watch(new.key().clone()));
                    let value = Bytes::copy_from_slice(value);
                    let turn = Arc::default();
                    new.insert(Declared { value, version, session: self.session, recreates, turn, watch });
                }
            }
        }
    }

    /// The session that it was sent in.
    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    /// The Txn failed.
    pub(super) fn failed(self, outcome: Outcome) {
        if outcome == Outcome::NotApplied {
            let mut entries = self.declared.lock();
            for (key, declared) in self.given_up {
                entries.entry(key).or_insert(declared);
            }
        }
    }
}

fn is_ephemeral(operation: &Write<'_>) -> bool {
    matches!(operation, Write::Put { mode: Mode::Ephemeral, .. })
}

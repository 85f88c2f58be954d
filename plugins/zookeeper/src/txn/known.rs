//! What this connection knows of entries that it writes again and again, so that it need not look before it writes.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use registry_plugin::{Check, Mode, Operation, SessionId, Txn};
use zookeeper_client::Stat;

use super::seen::{Facts, Seen};
use crate::paths::Paths;

/// What was last seen at the paths that were written or read last.
///
/// # Behavior
///
/// It may be out of date: what is written on the strength of it says so, and is refused then.
pub(crate) struct Known(Mutex<LruCache<String, Facts>>);

/// How many paths are remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(4_096).expect("some");

/// From which counter on a path is remembered. A path that was made anew begins to count at 0: the longer it takes until it counts
/// as before, the less likely it is taken for the one it was.
const OFTEN: i32 = 2;

impl Known {
    pub(crate) fn new() -> Self {
        Known(Mutex::new(LruCache::new(MOST)))
    }

    /// Remembers what a path was seen as, unless it is known later.
    pub(crate) fn learn(&self, path: &str, stat: &Stat) {
        if stat.version < OFTEN {
            return;
        }
        let facts = Facts::from(stat);
        let mut paths = self.paths();
        match paths.get_mut(path) {
            Some(known) if known.written > facts.written => {}
            Some(known) => *known = facts,
            None => drop(paths.put(path.to_owned(), facts)),
        }
    }

    /// Everything that a Txn rests on, if it is known.
    ///
    /// # Behavior
    ///
    /// This is for puts that change neither mode nor owner. What is known is too old for a check of versions, which can't tell whether an
    /// entry was made anew since.
    pub(super) fn recall(&self, txn: &Txn<'_>, paths: &Paths, session: SessionId) -> Option<Seen> {
        let mut known = self.paths();
        let checks = txn.checks.iter().map(|check| match check {
            Check::Present(key) if !key.is_root() => Some((*key, None)),
            _ => None,
        });
        let operations = txn.operations.iter().map(|operation| match operation {
            Operation::Put { key, mode, .. } => Some((*key, Some(*mode))),
            _ => None,
        });
        let recalled = checks.chain(operations).map(|place| {
            let (key, mode) = place?;
            let path = paths.path(key);
            let facts = *known.get(&path)?;
            let same = mode.is_none_or(|mode| facts.owner == (mode == Mode::Ephemeral).then_some(session));
            same.then_some((path, facts))
        });
        recalled.collect()
    }

    /// Forgets the paths that a Txn rests on.
    pub(super) fn forget(&self, txn: &Txn<'_>, paths: &Paths) {
        let mut known = self.paths();
        for key in txn.checks.iter().map(Check::key).chain(txn.operations.iter().map(Operation::key)) {
            known.pop(&paths.path(key));
        }
    }

    fn paths(&self) -> MutexGuard<'_, LruCache<String, Facts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What this connection knows of entries that it writes again and again, so that it need not look before it writes.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;
use registry_plugin::{Check, Operation, Txn};
use zookeeper_client::Stat;

use super::seen::{Facts, Seen};
use crate::paths::Paths;

/// What was seen last at paths that are written again and again.
///
/// # Behavior
///
/// It may be out of date. What is written on the strength of it says so and is refused then, unless the path was
/// deleted, recreated and written as often as before (3.7). That this takes many writes in a short time makes it as
/// unlikely as between a read and a write.
///
/// The server takes the requests of a session in order. So a put that follows others which are still on their way
/// expects to find what they will leave; if one of them fails, those behind it are refused and look first.
pub(crate) struct Known(Mutex<LruCache<String, Remembered>>);

#[derive(Clone, Copy)]
struct Remembered {
    facts: Facts,
    /// What the path will count when all that is on its way has been applied.
    next: i32,
    since: Instant,
}

/// How many paths are remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(4_096).expect("some");

/// How often a path must have been written in its life to be remembered.
const OFTEN: i32 = 8;

/// For how long it is.
const LONG: Duration = Duration::from_secs(60);

impl Known {
    pub(crate) fn new() -> Self {
        Known(Mutex::new(LruCache::new(MOST)))
    }

    /// Remembers what a path was seen as, unless it is known later.
    pub(crate) fn learn(&self, path: &str, stat: &Stat) {
        if stat.version < OFTEN {
            return;
        }
        let mut seen = Remembered { facts: Facts::from(stat), next: stat.version, since: Instant::now() };
        let mut paths = self.paths();
        match paths.get_mut(path) {
            Some(known) if known.facts.written > seen.facts.written => {}
            Some(known) => {
                if known.facts.created == seen.facts.created {
                    seen.next = seen.next.max(known.next);
                }
                *known = seen;
            }
            None => drop(paths.put(path.to_owned(), seen)),
        }
    }

    /// Everything that a Txn of puts rests on, if it is known.
    ///
    /// # Behavior
    ///
    /// What is known is too old for a check of versions or locks, which couldn't tell that an entry was recreated
    /// since.
    pub(super) fn recall(&self, txn: &Txn<'_>, paths: &Paths) -> Option<Seen> {
        let mut known = self.paths();
        let checks = txn.checks.iter().map(|check| match check {
            Check::Present(key) => Some((*key, 0)),
            _ => None,
        });
        let operations = txn.operations.iter().map(|operation| match operation {
            Operation::Put { key, .. } => Some((*key, 1)),
            _ => None,
        });
        let recalled = checks.chain(operations).map(|place| {
            let (key, writes) = place?;
            let path = paths.path(key);
            let remembered = known.get_mut(&path).filter(|remembered| remembered.since.elapsed() <= LONG)?;
            let facts = Facts { counter: remembered.next, ..remembered.facts };
            remembered.next = remembered.next.wrapping_add(writes);
            Some((path, facts))
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

    fn paths(&self) -> MutexGuard<'_, LruCache<String, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What was there before, so that checks can name it.

use std::collections::BTreeMap;

use super::history::Check;
use crate::model::{Condition, Model};

/// Every version and creation that a key has had, the newest last, and how often each lock was acquired.
#[derive(Default)]
pub(crate) struct Past {
    entries: BTreeMap<String, Vec<(u64, u64)>>,
    holders: BTreeMap<usize, u64>,
}

impl Past {
    /// Keeps what was written at that moment or later.
    pub(crate) fn remember(&mut self, model: &Model, at: u64) {
        for (key, kept) in model.entries.iter().filter(|(_, kept)| kept.version >= at) {
            self.entries.entry(key.clone()).or_default().push((kept.version, kept.created));
        }
    }

    /// The number of the next who holds a lock.
    pub(crate) fn next_holder(&self, lock: usize) -> u64 {
        self.holders.get(&lock).copied().unwrap_or(0)
    }

    /// Records that a lock was acquired.
    pub(crate) fn held(&mut self, lock: usize) {
        *self.holders.entry(lock).or_default() += 1;
    }

    /// The check in the model's numbers.
    pub(crate) fn condition(&self, check: &Check) -> Condition {
        match check {
            Check::Absent(key) => Condition::Absent(key.clone()),
            Check::Present(key) => Condition::Present(key.clone()),
            Check::Version(key, back) => {
                Condition::Version(key.clone(), self.former(key, *back).map(|former| former.0))
            }
            Check::Lives(key, back) => Condition::Lives(key.clone(), self.former(key, *back).map(|former| former.1)),
            Check::Holds(lock, back) => Condition::Holds(lock_name(*lock), self.holder(*lock, *back)),
        }
    }

    /// The version and creation that a key had that many changes ago; `None` if it was not there so long ago.
    pub(crate) fn former(&self, key: &str, back: usize) -> Option<(u64, u64)> {
        self.entries.get(key)?.iter().rev().nth(back).copied()
    }

    /// The number of a lock's holder that many holders ago.
    pub(crate) fn holder(&self, lock: usize, back: usize) -> Option<u64> {
        self.holders.get(&lock)?.checked_sub(back as u64 + 1)
    }
}

/// What the model calls a lock.
pub(crate) fn lock_name(lock: usize) -> String {
    format!("lock {lock}")
}

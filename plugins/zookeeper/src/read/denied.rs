//! Entries that may not be read: passed over where they are met by the way, and told once (contract 1.5).

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Mutex, PoisonError},
};

use registry_plugin::{Error, Key};
use zookeeper_client::Error as ZkError;

use crate::error::of_read;

/// How many keys are named in the log; what is beyond is summed up in one more line.
const NAMED: usize = 128;

/// The keys that a connection has warned of, each once.
#[derive(Default)]
pub(crate) struct Warned(Mutex<HashSet<Box<str>>>);

impl Warned {
    /// Warns that an entry is passed over, unless that was done before.
    pub(super) fn of(&self, key: &str) {
        let mut warned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() > NAMED || warned.contains(key) {
            return;
        }
        warned.insert(key.into());
        let others = warned.len() > NAMED;
        drop(warned);
        if others {
            tracing::warn!(
                "more than {NAMED} entries may not be read by this ZooKeeper user and are passed over; \
                 no more of them are named"
            );
        } else {
            tracing::warn!(
                key,
                "this ZooKeeper user may not read the entry: it is passed over with all that is below it; \
                 check the digest of this host and of the one that wrote it, and the access list of the path"
            );
        }
    }
}

/// The keys that one watch, or one listing, has found it may not read.
#[derive(Default)]
pub(crate) struct Denied(BTreeSet<Box<str>>);

impl Denied {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a key; whether it is new.
    pub(super) fn add(&mut self, key: &str) -> bool {
        self.0.insert(key.into())
    }

    /// Takes a key away that is gone or may be read; whether it was there.
    pub(super) fn take(&mut self, key: &str) -> bool {
        self.0.remove(key)
    }

    /// Whether a key lies below one of them, so that it is passed over as well.
    pub(super) fn hides(&self, key: Key<'_>) -> bool {
        !self.0.is_empty() && key.ancestors().any(|above| self.0.contains(above.as_str()))
    }
}

/// The error for a key that was itself asked for.
pub(crate) fn denied(key: Key<'_>) -> Error {
    of_read(ZkError::NoAuth).or_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_denied_key_is_hidden() {
        let mut denied = Denied::default();
        let hides = |denied: &Denied, key| denied.hides(Key::from_checked(key));
        assert!(!hides(&denied, "/a/b"));
        assert!(denied.add("/a") && !denied.add("/a"));
        assert!(hides(&denied, "/a/b") && hides(&denied, "/a/b/c"));
        assert!(!hides(&denied, "/a") && !hides(&denied, "/ab") && !hides(&denied, "/a-b/c"));
        assert!(denied.take("/a") && !denied.take("/a") && !hides(&denied, "/a/b"));
    }

    #[test]
    fn no_more_keys_are_remembered_than_are_named() {
        let warned = Warned::default();
        (0..10 * NAMED).for_each(|number| warned.of(&format!("/{number}")));
        assert_eq!(warned.0.lock().expect("no panic").len(), NAMED + 1);
    }
}

//! Transactions: checks and operations, all applied or none (contract 3.1).

use std::collections::HashSet;

use crate::{Error, ErrorKind, FencingToken, Key, Version};

/// What a Txn and a value may at most be.
pub mod limits {
    /// The most bytes of a value (1.2).
    pub const VALUE_BYTES: usize = 1_000_000;
    /// The most operations of a Txn.
    pub const OPERATIONS: usize = 32;
    /// The most checks of a Txn.
    pub const CHECKS: usize = 32;
    /// The most distinct ancestors of the keys that a Txn puts.
    pub const ANCESTORS: usize = 32;
    /// The most bytes that a Txn weighs.
    pub const TXN_BYTES: usize = 1_040_000;
    /// What each operation, check and ancestor weighs beside its key and value.
    pub const OVERHEAD_BYTES: usize = 200;
    /// How often the key of an operation or check counts.
    pub const KEY_FACTOR: usize = 4;
}

/// Something that must hold for a Txn to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check<'a> {
    /// The key has no entry.
    Absent(Key<'a>),
    /// The key has an entry.
    Present(Key<'a>),
    /// The key's entry is at this version.
    Version(Key<'a>, Version),
    /// The lock is still held: its queue entry lives and is the one that gave this fencing token.
    Held {
        /// The holder's entry in the queue.
        entry: Key<'a>,
        /// The fencing token.
        token: FencingToken,
    },
}

impl<'a> Check<'a> {
    /// The key that is looked at.
    pub fn key(&self) -> Key<'a> {
        match *self {
            Check::Absent(key) | Check::Present(key) | Check::Version(key, _) | Check::Held { entry: key, .. } => key,
        }
    }
}

/// How long an entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Until it is deleted.
    #[default]
    Persistent,
    /// Until it is deleted or the session that put it ends.
    Ephemeral,
}

/// One write of a Txn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// Writes an entry, creating its ancestors as needed.
    Put {
        /// The key.
        key: Key<'a>,
        /// The value.
        value: &'a [u8],
        /// The mode, which replaces what the entry had.
        mode: Mode,
    },
    /// Removes one entry; a missing one is no failure.
    Delete(Key<'a>),
    /// Removes an entry and all below it. It stands alone in its Txn, though checks may go with it.
    DeleteRecursive(Key<'a>),
}

impl<'a> Operation<'a> {
    /// The key that is written.
    pub fn key(&self) -> Key<'a> {
        match *self {
            Operation::Put { key, .. } | Operation::Delete(key) | Operation::DeleteRecursive(key) => key,
        }
    }
}

/// Checks and operations, all applied or none: the checks are judged on the state before, then the operations are
/// applied in order, each seeing the former ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Txn<'a> {
    /// What must hold.
    pub checks: &'a [Check<'a>],
    /// What is written.
    pub operations: &'a [Operation<'a>],
}

impl<'a> Txn<'a> {
    /// A Txn of these parts.
    pub const fn new(checks: &'a [Check<'a>], operations: &'a [Operation<'a>]) -> Self {
        Txn { checks, operations }
    }

    /// Holds the Txn against the contract's limits, as they are counted with a namespace of `namespace` (without
    /// slashes at its ends).
    ///
    /// # Errors
    ///
    /// `ValueTooLarge` for a value over [`limits::VALUE_BYTES`], `InvalidKey` for a write of the root, `InvalidTxn` for
    /// all else; each names the figure found and the one allowed. Nothing has been sent.
    pub fn validate(&self, namespace: &str) -> Result<(), Error> {
        // By far the most Txns are one small operation, which can break none of the rules about several.
        if let ([], [operation]) = (self.checks, self.operations) {
            writable(operation.key())?;
            if let Operation::Put { key, value, .. } = operation {
                small_enough(*key, value)?;
                return within_weight(self, key.ancestors().map(|a| a.as_str().len()), namespace);
            }
            return Ok(());
        }
        self.validate_several(namespace)
    }

    fn validate_several(&self, namespace: &str) -> Result<(), Error> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidTxn, message));
        if self.operations.len() > limits::OPERATIONS {
            return invalid(format!(
                "a Txn has {} operations, at most {} are allowed",
                self.operations.len(),
                limits::OPERATIONS
            ));
        }
        if self.checks.len() > limits::CHECKS {
            return invalid(format!("a Txn has {} checks, at most {} are allowed", self.checks.len(), limits::CHECKS));
        }
        if self.operations.len() > 1
            && let Some(Operation::DeleteRecursive(key)) =
                self.operations.iter().find(|operation| matches!(operation, Operation::DeleteRecursive(_)))
        {
            return invalid(format!("the recursive delete of {key} must be the only operation of its Txn"));
        }
        let mut written = HashSet::with_capacity(self.operations.len());
        let mut deleted: Vec<Key<'_>> = Vec::new();
        let mut ancestors: HashSet<Key<'_>> = HashSet::new();
        for operation in self.operations {
            let key = operation.key();
            writable(key)?;
            if !written.insert(key) {
                return invalid(format!("{key} is written twice in one Txn"));
            }
            if let Operation::Put { value, .. } = operation {
                small_enough(key, value)?;
                if let Some(above) = deleted.iter().find(|above| above.contains(key)) {
                    return invalid(format!("{key} is put below {above}, which the same Txn deletes"));
                }
                ancestors.extend(key.ancestors());
            } else {
                if let Some(Operation::Put { key: below, .. }) = self
                    .operations
                    .iter()
                    .find(|other| matches!(other, Operation::Put { key: put, .. } if key.contains(*put)))
                {
                    return invalid(format!("{below} is put below {key}, which the same Txn deletes"));
                }
                deleted.push(key);
            }
        }
        if ancestors.len() > limits::ANCESTORS {
            return invalid(format!(
                "the keys put have {} distinct ancestors, at most {} are allowed",
                ancestors.len(),
                limits::ANCESTORS
            ));
        }
        within_weight(self, ancestors.iter().map(|a| a.as_str().len()), namespace)
    }
}

fn writable(key: Key<'_>) -> Result<(), Error> {
    if key.is_root() {
        return Err(Error::new(ErrorKind::InvalidKey, "the root '/' is not an entry and can't be written").or_key(key));
    }
    Ok(())
}

fn small_enough(key: Key<'_>, value: &[u8]) -> Result<(), Error> {
    if value.len() > limits::VALUE_BYTES {
        return Err(Error::new(
            ErrorKind::ValueTooLarge,
            format!("the value has {} bytes, at most {} are allowed", value.len(), limits::VALUE_BYTES),
        )
        .or_key(key));
    }
    Ok(())
}

fn within_weight(txn: &Txn<'_>, ancestors: impl Iterator<Item = usize>, namespace: &str) -> Result<(), Error> {
    let prefix = if namespace.is_empty() { 0 } else { namespace.len() + 1 };
    let keyed = |key: Key<'_>| limits::KEY_FACTOR * (key.as_str().len() + prefix) + limits::OVERHEAD_BYTES;
    let operations: usize = txn
        .operations
        .iter()
        .map(|operation| {
            let value = if let Operation::Put { value, .. } = operation { value.len() } else { 0 };
            keyed(operation.key()) + value
        })
        .sum();
    let checks: usize = txn.checks.iter().map(|check| keyed(check.key())).sum();
    // The segments of the namespace are ancestors on a backend that keeps it as entries.
    let ancestors: usize = ancestors.map(|length| length + prefix + limits::OVERHEAD_BYTES).sum();
    let weight = operations + checks + ancestors;
    if weight > limits::TXN_BYTES {
        return Err(Error::new(
            ErrorKind::InvalidTxn,
            format!(
                "the Txn weighs {weight} bytes (values, keys and their overhead), at most {} are allowed",
                limits::TXN_BYTES
            ),
        ));
    }
    Ok(())
}

/// What one operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applied {
    /// A put, and the version that the entry has now.
    Put {
        /// The version.
        version: Version,
    },
    /// A delete, and the number of deleted entries.
    Deleted {
        /// How many.
        count: u64,
    },
}

/// What a Txn did: an answer for each operation, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Committed {
    /// The answers.
    pub applied: Vec<Applied>,
}

impl Committed {
    /// The answers to a Txn's operations, in order.
    pub fn new(applied: Vec<Applied>) -> Self {
        Committed { applied }
    }

    /// The version that operation number `index` put; `None` if it was no put.
    pub fn version(&self, index: usize) -> Option<Version> {
        match self.applied.get(index) {
            Some(Applied::Put { version }) => Some(*version),
            _ => None,
        }
    }

    /// How many entries all the deletes removed.
    pub fn deleted(&self) -> u64 {
        self.applied.iter().map(|applied| if let Applied::Deleted { count } = applied { *count } else { 0 }).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put<'a>(key: &'a str, value: &'a [u8]) -> Operation<'a> {
        Operation::Put { key: Key::from_checked(key), value, mode: Mode::Persistent }
    }

    fn refused(checks: &[Check<'_>], operations: &[Operation<'_>]) -> Option<ErrorKind> {
        Txn::new(checks, operations).validate("ns").err().map(|error| error.kind())
    }

    #[test]
    fn a_value_has_at_most_a_million_bytes() {
        let value = vec![0; limits::VALUE_BYTES + 1];
        assert_eq!(refused(&[], &[put("/a", &value[1..])]), None);
        assert_eq!(refused(&[], &[put("/a", &value)]), Some(ErrorKind::ValueTooLarge));
        assert_eq!(refused(&[], &[put("/b", b""), put("/a", &value)]), Some(ErrorKind::ValueTooLarge));
    }

    #[test]
    fn a_txn_has_bounds_for_each_of_its_parts() {
        let keys: Vec<String> = (0..33).map(|n| format!("/k{n}")).collect();
        let operations: Vec<_> = keys.iter().map(|key| put(key, b"")).collect();
        assert_eq!(refused(&[], &operations[..32]), None);
        assert_eq!(refused(&[], &operations), Some(ErrorKind::InvalidTxn));
        let checks: Vec<_> = keys.iter().map(|key| Check::Absent(Key::from_checked(key))).collect();
        assert_eq!(refused(&checks[..32], &[]), None);
        assert_eq!(refused(&checks, &[]), Some(ErrorKind::InvalidTxn));
        let deep = ["/a".repeat(17) + "/x", "/b".repeat(16) + "/x", "/b".repeat(15) + "/x"];
        assert_eq!(refused(&[], &[put(&deep[0], b""), put(&deep[1], b"")]), Some(ErrorKind::InvalidTxn));
        assert_eq!(refused(&[], &[put(&deep[0], b""), put(&deep[2], b"")]), None);
    }

    #[test]
    fn the_weight_counts_values_keys_and_ancestors() {
        let value = vec![0; 520_000];
        let long = format!("/{}", "k".repeat(200));
        assert_eq!(refused(&[], &[put("/a", &value[1_000..]), put("/b", &value[1_000..])]), None);
        assert_eq!(refused(&[], &[put("/a", &value), put("/b", &value)]), Some(ErrorKind::InvalidTxn));
        let heavy = vec![0; limits::VALUE_BYTES];
        let checks: Vec<_> = (0..32).map(|_| Check::Present(Key::from_checked(&long))).collect();
        assert_eq!(refused(&checks, &[put("/a", &heavy)]), None);
        let longer = format!("/{}", "k".repeat(1_000));
        let checks: Vec<_> = (0..32).map(|_| Check::Present(Key::from_checked(&longer))).collect();
        assert_eq!(refused(&checks, &[put("/a", &heavy)]), Some(ErrorKind::InvalidTxn));
    }

    #[test]
    fn operations_of_one_txn_must_not_contradict_each_other() {
        let key = Key::from_checked;
        let invalid = Some(ErrorKind::InvalidTxn);
        assert_eq!(refused(&[], &[put("/a", b""), Operation::Delete(key("/a"))]), invalid);
        assert_eq!(refused(&[], &[Operation::Delete(key("/a")), put("/a/b", b"")]), invalid);
        assert_eq!(refused(&[], &[put("/a/b", b""), Operation::Delete(key("/a"))]), invalid);
        assert_eq!(refused(&[], &[Operation::Delete(key("/a")), put("/ab", b"")]), None);
        assert_eq!(refused(&[], &[Operation::Delete(key("/a/b")), Operation::Delete(key("/a"))]), None);
        assert_eq!(refused(&[], &[Operation::DeleteRecursive(key("/a")), put("/b", b"")]), invalid);
        assert_eq!(refused(&[], &[put("/", b"")]), Some(ErrorKind::InvalidKey));
        assert_eq!(refused(&[], &[Operation::Delete(Key::ROOT)]), Some(ErrorKind::InvalidKey));
    }
}

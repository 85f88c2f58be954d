//! The registry as the contract describes it, with no thought for speed.

use std::collections::{BTreeMap, BTreeSet};

use registry_host::ErrorKind;

use crate::history::{Check, CheckKind, Operation, OperationKind};

/// A client in one of its sessions.
pub(crate) type Owner = (usize, usize);

/// What a key holds (1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) value: Vec<u8>,
    pub(crate) version: u64,
    pub(crate) created: u64,
    pub(crate) owner: Option<Owner>,
}

/// The whole registry.
#[derive(Clone, Default, Debug)]
pub(crate) struct Model {
    pub(crate) entries: BTreeMap<String, Kept>,
    /// Every version and creation that a key has had, the newest last.
    history: BTreeMap<String, Vec<(u64, u64)>>,
    revision: u64,
}

/// The answer to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Put { version: u64 },
    Deleted { count: u64 },
}

/// Why a Txn is not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It breaks the limits.
    InvalidTxn,
    /// These checks did not hold.
    Checks(BTreeSet<usize>),
    /// The operation on that key met something.
    Met(ErrorKind, String),
}

impl Model {
    /// The version and creation that a key had that many changes ago; nothing if it was not there so long ago.
    pub(crate) fn former(&self, key: &str, back: usize) -> Option<(u64, u64)> {
        self.history.get(key)?.iter().rev().nth(back).copied()
    }

    /// Applies a Txn, or refuses it and changes nothing (3.1).
    pub(crate) fn commit(
        &mut self,
        owner: Owner,
        checks: &[Check],
        operations: &[Operation],
    ) -> Result<Vec<Answer>, Refusal> {
        if breaks_the_limits(operations) {
            return Err(Refusal::InvalidTxn);
        }
        let failed: BTreeSet<usize> = (0..checks.len()).filter(|number| !self.holds(&checks[*number])).collect();
        if !failed.is_empty() {
            return Err(Refusal::Checks(failed));
        }
        let mut after = self.clone();
        after.revision += 1;
        let answers = operations.iter().map(|operation| after.apply(owner, operation)).collect::<Result<_, _>>()?;
        after.remember();
        *self = after;
        Ok(answers)
    }

    /// Ends a session: what it owns goes (4.2).
    pub(crate) fn end(&mut self, owner: Owner) {
        self.revision += 1;
        self.entries.retain(|_, kept| kept.owner != Some(owner));
    }

    /// The direct children's names (2.2).
    pub(crate) fn children(&self, key: &str) -> Result<Vec<String>, ErrorKind> {
        if !self.entries.contains_key(key) {
            return Err(ErrorKind::NotFound);
        }
        let name = |other: &String| {
            other.strip_prefix(&format!("{key}/")).filter(|name| !name.contains('/')).map(str::to_owned)
        };
        Ok(self.entries.keys().filter_map(name).collect())
    }

    /// The entry and all below it (2.3).
    pub(crate) fn list(&self, key: &str) -> Vec<(&String, &Kept)> {
        self.entries.iter().filter(|(other, _)| *other == key || below(key, other)).collect()
    }

    fn holds(&self, check: &Check) -> bool {
        let kept = self.entries.get(&check.key);
        match check.kind {
            CheckKind::Absent => kept.is_none(),
            CheckKind::Present => kept.is_some(),
            CheckKind::Version(back) => {
                let version = self.former(&check.key, back).map(|(version, _)| version);
                kept.is_some_and(|kept| Some(kept.version) == version)
            }
            CheckKind::Held(back) => {
                let created = self.former(&check.key, back).map(|(_, created)| created);
                kept.is_some_and(|kept| kept.owner.is_some() && Some(kept.created) == created)
            }
        }
    }

    fn apply(&mut self, owner: Owner, operation: &Operation) -> Result<Answer, Refusal> {
        let key = &operation.key;
        let met = |kind| Err(Refusal::Met(kind, key.clone()));
        let has_children = self.entries.keys().any(|other| below(key, other));
        match &operation.kind {
            OperationKind::Put(value) => self.put(key, value, None),
            // 3.4
            OperationKind::PutEphemeral(_) if has_children => met(ErrorKind::HasChildren),
            OperationKind::PutEphemeral(value) => self.put(key, value, Some(owner)),
            // 3.5
            OperationKind::Delete if has_children => met(ErrorKind::HasChildren),
            OperationKind::Delete | OperationKind::DeleteRecursive => {
                let before = self.entries.len();
                self.entries.retain(|other, _| other != key && !below(key, other));
                Ok(Answer::Deleted { count: (before - self.entries.len()) as u64 })
            }
        }
    }

    fn put(&mut self, key: &str, value: &[u8], owner: Option<Owner>) -> Result<Answer, Refusal> {
        let version = self.revision;
        for ancestor in ancestors(key) {
            let empty = Kept { value: Vec::new(), version, created: version, owner: None };
            // 3.2 and 3.4
            if self.entries.entry(ancestor.to_owned()).or_insert(empty).owner.is_some() {
                return Err(Refusal::Met(ErrorKind::EphemeralParent, key.to_owned()));
            }
        }
        let created = self.entries.get(key).map_or(version, |kept| kept.created);
        self.entries.insert(key.to_owned(), Kept { value: value.to_vec(), version, created, owner });
        Ok(Answer::Put { version })
    }

    fn remember(&mut self) {
        for (key, kept) in self.entries.iter().filter(|(_, kept)| kept.version == self.revision) {
            self.history.entry(key.clone()).or_default().push((kept.version, kept.created));
        }
    }
}

/// Each key is written once, nothing is put below what is deleted, and a recursive delete stands alone.
fn breaks_the_limits(operations: &[Operation]) -> bool {
    let deletes =
        |operation: &Operation| matches!(operation.kind, OperationKind::Delete | OperationKind::DeleteRecursive);
    let recursive = operations.iter().any(|operation| matches!(operation.kind, OperationKind::DeleteRecursive));
    let keys: BTreeSet<_> = operations.iter().map(|operation| &operation.key).collect();
    let put_below_deleted = operations
        .iter()
        .filter(|operation| deletes(operation))
        .any(|deleted| operations.iter().any(|operation| !deletes(operation) && below(&deleted.key, &operation.key)));
    keys.len() < operations.len() || put_below_deleted || (recursive && operations.len() > 1)
}

fn below(key: &str, other: &str) -> bool {
    other.strip_prefix(key).is_some_and(|rest| rest.starts_with('/'))
}

fn ancestors(key: &str) -> impl Iterator<Item = &str> {
    key.match_indices('/').skip(1).map(|(at, _)| &key[..at])
}

//! The registry as the contract describes it, with no thought for speed.
//!
//! Versions, creations and tokens are whatever numbers the caller gives, such as that of the step: how those of a
//! backend go with them is for the caller to tell. What a session is called is the caller's as well.

#![forbid(unsafe_code)]

mod txn;

use std::collections::{BTreeMap, BTreeSet};

use registry_api::{Entry, ErrorKind, SessionId};

pub use txn::{Condition, Operation, OperationKind};

/// What a key holds (1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kept<O> {
    /// The value.
    pub value: Vec<u8>,
    /// The number of the last put.
    pub version: u64,
    /// The number of the put that began this life of the key.
    pub created: u64,
    /// The session that it goes with.
    pub owner: Option<O>,
    /// Every version of this life of the key.
    pub versions: Vec<u64>,
}

/// What an entry shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<O> {
    /// The value.
    pub value: Vec<u8>,
    /// The version.
    pub version: u64,
    /// When it was created.
    pub created: u64,
    /// The session that it goes with.
    pub owner: Option<O>,
}

impl<O> Shown<O> {
    /// What an entry of a backend shows; `owner` says what its session is called here.
    pub fn of(entry: &Entry, owner: impl Fn(SessionId) -> O) -> Self {
        Shown {
            value: entry.value.to_vec(),
            version: entry.version.get(),
            created: entry.created.get(),
            owner: entry.ephemeral.map(owner),
        }
    }
}

/// Who holds a lock (6.2, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder<O> {
    /// The session that holds it.
    pub owner: O,
    /// The fencing token.
    pub token: u64,
}

/// The whole registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model<O> {
    /// What each key holds.
    pub entries: BTreeMap<String, Kept<O>>,
    /// By the lock's key. The queues are no part of the entries here.
    pub holders: BTreeMap<String, Holder<O>>,
    stable_created: bool,
}

/// The answer to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A put, and the version that the entry has now.
    Put {
        /// The version.
        version: u64,
    },
    /// A delete, and the number of deleted entries.
    Deleted {
        /// The number.
        count: u64,
    },
}

/// Why a Txn is not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It breaks the limits.
    InvalidTxn,
    /// These checks did not hold.
    Checks(BTreeSet<usize>),
    /// The operation on that key met something.
    Met(ErrorKind, String),
}

impl<O: Copy + Eq> Model<O> {
    /// An empty registry; `stable_created` says whether a key lives on when it gets another mode or owner (1.3).
    pub fn new(stable_created: bool) -> Self {
        Model { entries: BTreeMap::new(), holders: BTreeMap::new(), stable_created }
    }

    /// Applies a Txn, or refuses it and changes nothing (3.1).
    pub fn commit(
        &mut self,
        at: u64,
        owner: O,
        conditions: &[Condition],
        operations: &[Operation],
    ) -> Result<Vec<Answer>, Refusal> {
        if breaks_the_limits(operations) {
            return Err(Refusal::InvalidTxn);
        }
        let failed: BTreeSet<usize> =
            (0..conditions.len()).filter(|number| !self.holds(&conditions[*number])).collect();
        if !failed.is_empty() {
            return Err(Refusal::Checks(failed));
        }
        let mut after = self.clone();
        let answers = operations.iter().map(|operation| after.apply(at, owner, operation)).collect::<Result<_, _>>()?;
        *self = after;
        Ok(answers)
    }

    /// Ends a session: what it owns goes (4.2).
    pub fn end(&mut self, owner: O) {
        self.entries.retain(|_, kept| kept.owner != Some(owner));
        self.holders.retain(|_, holder| holder.owner != owner);
    }

    /// Gives a lock to the caller if nobody holds it; tells whether it was acquired (6.2).
    pub fn lock(&mut self, lock: &str, holder: Holder<O>) -> bool {
        let free = !self.holders.contains_key(lock);
        self.holders.entry(lock.to_owned()).or_insert(holder);
        free
    }

    /// Makes an entry a lock for a moment, which leaves it with those above it (6.7), each made at a moment of its own:
    /// that they share a Txn is promised of puts alone.
    pub fn lock_entry(&mut self, at: u64, key: &str) -> Result<(), Refusal> {
        if self.has_children(key) {
            return Err(Refusal::Met(ErrorKind::HasChildren, key.to_owned()));
        }
        let mut after = self.clone();
        for (later, ancestor) in (0..).zip(ancestors(key).chain([key])) {
            after.ensure(at + later, [ancestor].into_iter(), key)?;
        }
        *self = after;
        Ok(())
    }

    /// The direct children's names (2.2).
    pub fn children(&self, key: &str) -> Result<Vec<String>, ErrorKind> {
        if !self.entries.contains_key(key) {
            return Err(ErrorKind::NotFound);
        }
        let name = |other: &String| {
            other.strip_prefix(&format!("{key}/")).filter(|name| !name.contains('/')).map(str::to_owned)
        };
        Ok(self.entries.keys().filter_map(name).collect())
    }

    /// The entry and all below it (2.3).
    pub fn list(&self, key: &str) -> Vec<(&String, &Kept<O>)> {
        self.entries.iter().filter(|(other, _)| *other == key || below(key, other)).collect()
    }

    /// All entries, as they show themselves.
    pub fn shown(&self) -> BTreeMap<String, Shown<O>> {
        let shown = |kept: &Kept<O>| Shown {
            value: kept.value.clone(),
            version: kept.version,
            created: kept.created,
            owner: kept.owner,
        };
        self.entries.iter().map(|(key, kept)| (key.clone(), shown(kept))).collect()
    }

    /// Whether a check holds.
    pub fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Absent(key) => !self.entries.contains_key(key),
            Condition::Present(key) => self.entries.contains_key(key),
            Condition::Version(key, version) => {
                self.entries.get(key).is_some_and(|kept| Some(kept.version) == *version)
            }
            Condition::Lives(key, created) => {
                self.entries.get(key).is_some_and(|kept| kept.owner.is_some() && Some(kept.created) == *created)
            }
            Condition::Holds(lock, token) => self.holders.get(lock).is_some_and(|holder| Some(holder.token) == *token),
        }
    }

    fn has_children(&self, key: &str) -> bool {
        self.entries.keys().any(|other| below(key, other))
    }

    fn apply(&mut self, at: u64, owner: O, operation: &Operation) -> Result<Answer, Refusal> {
        let key = &operation.key;
        let met = |kind| Err(Refusal::Met(kind, key.clone()));
        match &operation.kind {
            OperationKind::Put(value) => self.put(at, key, value, None),
            // 3.4
            OperationKind::PutEphemeral(_) if self.has_children(key) => met(ErrorKind::HasChildren),
            OperationKind::PutEphemeral(value) => self.put(at, key, value, Some(owner)),
            // 3.5
            OperationKind::Delete if self.has_children(key) => met(ErrorKind::HasChildren),
            OperationKind::Delete | OperationKind::DeleteRecursive => {
                let before = self.entries.len();
                self.entries.retain(|other, _| other != key && !below(key, other));
                Ok(Answer::Deleted { count: (before - self.entries.len()) as u64 })
            }
        }
    }

    fn put(&mut self, version: u64, key: &str, value: &[u8], owner: Option<O>) -> Result<Answer, Refusal> {
        self.ensure(version, ancestors(key), key)?;
        let before = self.entries.get(key);
        let lived_on = before.filter(|before| self.stable_created || before.owner == owner);
        let created = lived_on.map_or(version, |before| before.created);
        let versions = lived_on.map_or(&[][..], |before| &before.versions).iter().copied().chain([version]).collect();
        self.entries.insert(key.to_owned(), Kept { value: value.to_vec(), version, created, owner, versions });
        Ok(Answer::Put { version })
    }

    /// Makes those that are missing above a put of `key` (3.2), unless one that is there is ephemeral (3.4).
    fn ensure<'a>(&mut self, at: u64, above: impl Iterator<Item = &'a str>, key: &str) -> Result<(), Refusal> {
        for ancestor in above {
            let empty = Kept { value: Vec::new(), version: at, created: at, owner: None, versions: vec![at] };
            if self.entries.entry(ancestor.to_owned()).or_insert(empty).owner.is_some() {
                return Err(Refusal::Met(ErrorKind::EphemeralParent, key.to_owned()));
            }
        }
        Ok(())
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

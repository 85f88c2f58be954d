//! The entries of a tree, and what may be written (contract 1.3, 3.2 to 3.5).

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    ops::Bound::{Excluded, Included},
    sync::Arc,
};

use foldhash::fast::RandomState;
use registry_plugin::{Bytes, Entry, Revision, Scope, SessionId, Version, txn::Found};

/// What a place in the tree holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) value: Bytes,
    pub(crate) version: Version,
    pub(crate) created: Revision,
    pub(crate) owner: Option<SessionId>,
}

impl Stored {
    /// What a check needs to know.
    pub(crate) fn found(&self) -> Found {
        Found { version: self.version, created: self.created, is_ephemeral: self.owner.is_some() }
    }

    /// The entry of that key.
    pub(crate) fn entry(&self, key: String) -> Entry {
        Entry::new(key, self.value.clone(), self.version, self.created, self.owner)
    }
}

/// All entries by their place.
///
/// Above every entry but those of one segment stands another, which is persistent.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// A read of one entry is by far the most frequent, and much faster here than in a sorted map.
    by_place: HashMap<Arc<str>, Stored, RandomState>,
    /// The same places, sorted by bytes.
    sorted: BTreeSet<Arc<str>>,
    revision: u64,
}

impl Entries {
    pub(crate) fn find(&self, place: &str) -> Option<&Stored> {
        self.by_place.get(place)
    }

    /// What a watch of that scope covers, sorted by bytes.
    pub(crate) fn within(&self, place: &str, scope: Scope) -> Vec<(&str, &Stored)> {
        let places = match scope {
            Scope::Node => self.own(place).collect(),
            Scope::Children => self.children(place),
            Scope::Subtree => self.own(place).chain(self.below(place)).collect(),
        };
        places.into_iter().filter_map(|place| Some((place, self.find(place)?))).collect()
    }

    fn own(&self, place: &str) -> impl Iterator<Item = &str> {
        self.by_place.get_key_value(place).map(|(place, _)| &**place).into_iter()
    }

    /// What lies below a place, at any depth. `/` is the byte before `0`.
    fn below<'a>(&'a self, place: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let (from, end) = (format!("{place}/"), format!("{place}0"));
        self.sorted.range::<str, _>((Included(from.as_str()), Excluded(end.as_str()))).map(|place| &**place)
    }

    fn children(&self, place: &str) -> Vec<&str> {
        let (prefix, end) = (format!("{place}/"), format!("{place}0"));
        let mut children = Vec::new();
        let mut range = self.sorted.range::<str, _>((Included(prefix.as_str()), Excluded(end.as_str())));
        while let Some(found) = range.next() {
            match found[prefix.len()..].find('/') {
                None => children.push(&**found),
                // Below a child: on with what comes after all that lies there.
                Some(length) => {
                    let after = format!("{}0", &found[..prefix.len() + length]);
                    range = self.sorted.range::<str, _>((Included(after.as_str()), Excluded(end.as_str())));
                }
            }
        }
        children
    }

    fn has_children(&self, place: &str) -> bool {
        self.below(place).next().is_some()
    }

    /// Begins to write; what is written before an error or without [`Writing::finish`] is taken back.
    pub(crate) fn write(&mut self) -> Writing<'_> {
        let revision = self.revision + 1;
        Writing { entries: self, revision, changes: Vec::new() }
    }

    fn exchange(&mut self, place: &str, stored: Option<Stored>) -> Option<Stored> {
        let Some(stored) = stored else {
            self.sorted.remove(place);
            return self.by_place.remove(place);
        };
        if let Some(present) = self.by_place.get_mut(place) {
            return Some(mem::replace(present, stored));
        }
        let place: Arc<str> = place.into();
        self.sorted.insert(place.clone());
        self.by_place.insert(place, stored)
    }
}

/// A place that was written, and what it held before.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) place: String,
    before: Option<Stored>,
}

/// Why something can't be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    HasChildren,
    /// The ephemeral entry that stands above.
    EphemeralParent(String),
}

/// Writes of one revision, each seeing the former ones, all kept or none.
pub(crate) struct Writing<'a> {
    entries: &'a mut Entries,
    revision: u64,
    changes: Vec<Change>,
}

impl Writing<'_> {
    /// Writes an entry, ephemeral if it has an owner, and those missing above it.
    pub(crate) fn put(&mut self, place: String, value: Bytes, owner: Option<SessionId>) -> Result<Version, Refusal> {
        if let Some(parent) = parent(&place) {
            self.ensure(parent)?;
        }
        if owner.is_some() && self.entries.has_children(&place) {
            return Err(Refusal::HasChildren);
        }
        let version = self.revision.into();
        let created = self.entries.find(&place).map_or(self.revision.into(), |stored| stored.created);
        self.set(place, Some(Stored { value, version, created, owner }));
        Ok(version)
    }

    /// Creates an entry and those above it as far as they are missing, the topmost first.
    fn ensure(&mut self, place: &str) -> Result<(), Refusal> {
        if let Some(stored) = self.entries.find(place) {
            return match stored.owner {
                Some(_) => Err(Refusal::EphemeralParent(place.to_owned())),
                None => Ok(()),
            };
        }
        if let Some(parent) = parent(place) {
            self.ensure(parent)?;
        }
        let (version, created) = (self.revision.into(), self.revision.into());
        self.set(place.to_owned(), Some(Stored { value: Bytes::new(), version, created, owner: None }));
        Ok(())
    }

    /// Removes one entry and gives the number of deleted entries.
    pub(crate) fn delete(&mut self, place: String) -> Result<u64, Refusal> {
        if self.entries.find(&place).is_none() {
            return Ok(0);
        }
        if self.entries.has_children(&place) {
            return Err(Refusal::HasChildren);
        }
        self.set(place, None);
        Ok(1)
    }

    /// Removes an entry with all below it and gives the number of deleted entries.
    pub(crate) fn delete_recursive(&mut self, place: &str) -> u64 {
        let places: Vec<String> = self.entries.own(place).chain(self.entries.below(place)).map(str::to_owned).collect();
        self.remove(places)
    }

    /// Removes all that a session owns.
    pub(crate) fn delete_owned(&mut self, owner: SessionId) -> u64 {
        let owned = self.entries.by_place.iter().filter(|(_, stored)| stored.owner == Some(owner));
        let places: Vec<String> = owned.map(|(place, _)| place.to_string()).collect();
        self.remove(places)
    }

    /// Keeps what was written and gives what changed.
    pub(crate) fn finish(mut self) -> Vec<Change> {
        if !self.changes.is_empty() {
            self.entries.revision = self.revision;
        }
        mem::take(&mut self.changes)
    }

    fn remove(&mut self, places: Vec<String>) -> u64 {
        let count = places.len() as u64;
        places.into_iter().for_each(|place| self.set(place, None));
        count
    }

    fn set(&mut self, place: String, stored: Option<Stored>) {
        let before = self.entries.exchange(&place, stored);
        // An ancestor that this Txn created and then puts has its change already.
        if before.as_ref().is_none_or(|before| before.version.get() != self.revision) {
            self.changes.push(Change { place, before });
        }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        for Change { place, before } in self.changes.drain(..).rev() {
            self.entries.exchange(&place, before);
        }
    }
}

fn parent(place: &str) -> Option<&str> {
    place.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| !parent.is_empty())
}

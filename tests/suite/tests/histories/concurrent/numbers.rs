//! Which call has written a version.

use std::collections::BTreeMap;

/// The backend's numbers for the calls that made them, as far as they have been seen.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Numbers {
    versions: BTreeMap<u64, u64>,
    creations: BTreeMap<u64, u64>,
    /// The newest version of each key: the call and its number.
    newest: BTreeMap<String, (u64, u64)>,
}

impl Numbers {
    /// The call that wrote a version.
    pub(crate) fn writer(&self, version: u64) -> Option<u64> {
        self.versions.iter().find(|(_, number)| **number == version).map(|(writer, _)| *writer)
    }

    /// The call that made an entry.
    pub(crate) fn maker(&self, created: u64) -> Option<u64> {
        self.creations.iter().find(|(_, number)| **number == created).map(|(maker, _)| *maker)
    }

    /// Whether a call may have written a version of that key: the same wherever it is met, and greater than all before.
    pub(crate) fn relate_version(&mut self, key: &str, writer: u64, version: u64) -> bool {
        let known = *self.versions.entry(writer).or_insert(version);
        let newest = self.newest.insert(key.to_owned(), (writer, version));
        known == version && newest.is_none_or(|(before, was)| was < version || before == writer)
    }

    /// Whether a call may have made an entry then.
    pub(crate) fn relate_creation(&mut self, maker: u64, created: u64) -> bool {
        let known = *self.creations.entry(maker).or_insert(created);
        known == created && self.creations.iter().all(|(other, number)| *other == maker || *number != created)
    }
}

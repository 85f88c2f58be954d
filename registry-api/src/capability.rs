//! Capabilities: the clauses a backend keeps whole, and the weaker promise where it doesn't.

use std::fmt;

/// A promise of the contract that not every backend can make.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Capability {
    /// `get` is linearizable (2.1).
    LinearizableReads,
    /// `list` is read from one revision (2.3).
    SnapshotLists,
    /// `delete_recursive` is atomic (3.5).
    AtomicRecursiveDelete,
    /// Version checks are exact (3.7).
    ExactVersions,
    /// `created` stays when a put changes mode or owner (1.3).
    StableCreated,
}

impl Capability {
    /// Every capability that this version of the contract knows.
    pub const ALL: [Capability; 5] = [
        Capability::LinearizableReads,
        Capability::SnapshotLists,
        Capability::AtomicRecursiveDelete,
        Capability::ExactVersions,
        Capability::StableCreated,
    ];

    /// The capability's stable name in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Capability::LinearizableReads => "linearizable_reads",
            Capability::SnapshotLists => "snapshot_lists",
            Capability::AtomicRecursiveDelete => "atomic_recursive_delete",
            Capability::ExactVersions => "exact_versions",
            Capability::StableCreated => "stable_created",
        }
    }

    /// The capability of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Capability::ALL.into_iter().find(|capability| capability.name() == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which capabilities a backend has; for each that it lacks, what it promises instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    lacking: Vec<(Capability, String)>,
}

impl Capabilities {
    /// Every capability: the contract is kept whole.
    pub const fn all() -> Self {
        Capabilities { lacking: Vec::new() }
    }

    /// These, less one, with the exact weaker promise that is kept in its place.
    #[must_use]
    pub fn without(mut self, capability: Capability, promise: impl Into<String>) -> Self {
        self.lacking.retain(|(lacking, _)| *lacking != capability);
        self.lacking.push((capability, promise.into()));
        self.lacking.sort_by_key(|(lacking, _)| *lacking);
        self
    }

    /// Whether a capability is there.
    pub fn has(&self, capability: Capability) -> bool {
        self.instead_of(capability).is_none()
    }

    /// The weaker promise kept in place of a capability; `None` when it is there.
    pub fn instead_of(&self, capability: Capability) -> Option<&str> {
        self.lacking.iter().find(|(lacking, _)| *lacking == capability).map(|(_, promise)| promise.as_str())
    }

    /// What is lacking, each with its weaker promise.
    pub fn lacking(&self) -> impl Iterator<Item = (Capability, &str)> {
        self.lacking.iter().map(|(capability, promise)| (*capability, promise.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_that_is_lacking_comes_with_its_promise() {
        let capabilities = Capabilities::all().without(Capability::ExactVersions, "may pass wrongly");
        assert!(!capabilities.has(Capability::ExactVersions) && capabilities.has(Capability::SnapshotLists));
        assert_eq!(capabilities.instead_of(Capability::ExactVersions), Some("may pass wrongly"));
        assert_eq!(capabilities.lacking().count(), 1);
    }

    #[test]
    fn names_lead_back_to_their_capability() {
        for capability in Capability::ALL {
            assert_eq!(Capability::from_name(capability.name()), Some(capability));
        }
    }
}

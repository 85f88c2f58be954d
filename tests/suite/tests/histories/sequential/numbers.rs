//! How the model's numbers and a backend's go together.

use std::collections::BTreeMap;

/// How many moments a step has, which may be one and the same on a backend.
pub(crate) const MOMENTS: u64 = 64;

/// What stands for what, in one history.
#[derive(Default)]
pub(crate) struct Numbers {
    /// By the model's: all that one Txn wrote shares its version.
    versions: BTreeMap<u64, u64>,
    /// By the model's: creations have the same order in both.
    creations: BTreeMap<u64, u64>,
    /// The newest version of each key, in the model and on the backend.
    newest: BTreeMap<String, (u64, u64)>,
}

impl Numbers {
    /// The backend's number for a version of the model.
    pub(crate) fn version(&self, version: Option<u64>) -> Option<u64> {
        self.versions.get(&version?).copied()
    }

    /// The backend's number for a creation of the model.
    pub(crate) fn creation(&self, created: Option<u64>) -> Option<u64> {
        self.creations.get(&created?).copied()
    }

    /// Takes in a version that came: it stands for the same moment wherever it is met, and those of one key grow.
    pub(crate) fn relate_version(&mut self, key: &str, expected: u64, came: u64) -> Result<(), String> {
        let known = *self.versions.entry(expected).or_insert(came);
        let newest = self.newest.insert(key.to_owned(), (expected, came));
        let grows = newest.is_none_or(|(before, was)| expected.cmp(&before) == came.cmp(&was));
        if known == came && grows {
            return Ok(());
        }
        Err(format!("{key} has version {came}, expected {known}, before {newest:?}"))
    }

    /// Takes in a creation that came: they have the same order in the model and on the backend.
    pub(crate) fn relate_creation(&mut self, key: &str, expected: u64, came: u64) -> Result<(), String> {
        let known = *self.creations.entry(expected).or_insert(came);
        let grow = |(earlier, was): &(&u64, &u64), (later, is): &(&u64, &u64)| {
            was < is || was == is && *earlier / MOMENTS == *later / MOMENTS
        };
        if known == came && self.creations.iter().collect::<Vec<_>>().is_sorted_by(grow) {
            return Ok(());
        }
        Err(format!("{key} is created at {came}, of {:?}", self.creations))
    }
}

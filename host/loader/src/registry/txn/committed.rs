//! The answers of a Txn that was applied.

use registry_api::{Applied, Version};

use super::{DeleteHandle, OperationId, PutHandle};

/// What a Txn did.
#[derive(Clone, Debug)]
pub struct Committed {
    txn: u64,
    applied: Vec<Applied>,
}

impl Committed {
    pub(super) fn new(txn: u64, applied: Vec<Applied>) -> Self {
        Committed { txn, applied }
    }

    /// The version that an entry has since it was put.
    ///
    /// # Panics
    ///
    /// If the put is another Txn's.
    #[track_caller]
    pub fn version_of(&self, put: PutHandle) -> Version {
        match self.answer(put.0) {
            Some(Applied::Put { version }) => version,
            _ => panic!("{put:?} is of another Txn than the one that was committed"),
        }
    }

    /// The number of entries that a delete has removed.
    ///
    /// # Panics
    ///
    /// If the delete is another Txn's.
    #[track_caller]
    pub fn deleted_by(&self, delete: DeleteHandle) -> u64 {
        match self.answer(delete.0) {
            Some(Applied::Deleted { count }) => count,
            _ => panic!("{delete:?} is of another Txn than the one that was committed"),
        }
    }

    /// The number of entries that all its deletes have removed.
    pub fn deleted(&self) -> u64 {
        self.applied.iter().map(|applied| if let Applied::Deleted { count } = applied { *count } else { 0 }).sum()
    }

    /// An answer for each operation, in the order in which they were added.
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    fn answer(&self, place: OperationId) -> Option<Applied> {
        self.applied.get(place.at).copied().filter(|_| place.txn == self.txn)
    }
}

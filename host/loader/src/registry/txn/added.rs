//! An operation that was just added to a Txn.

use std::ops::{Deref, DerefMut};

use super::{OperationId, Txn};

/// An operation that was just added to a [`Txn`], which goes on from here: it has all of the Txn's methods.
#[derive(Debug)]
pub struct Added<'t, H> {
    txn: &'t mut Txn,
    handle: H,
}

/// Names a put of a Txn, and of its clones, for [`Committed::version_of`](super::Committed::version_of).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PutHandle(pub(super) OperationId);

/// Names a delete of a Txn, and of its clones, for [`Committed::deleted_by`](super::Committed::deleted_by).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DeleteHandle(pub(super) OperationId);

impl<'t, H: Copy> Added<'t, H> {
    pub(super) fn new(txn: &'t mut Txn, handle: H) -> Self {
        Added { txn, handle }
    }

    /// What the operation's answer is asked for with.
    pub fn handle(&self) -> H {
        self.handle
    }
}

impl Added<'_, PutHandle> {
    /// The entry goes with this registry's session, as that of [`Put::ephemeral`](crate::Put::ephemeral).
    pub fn ephemeral(self) -> Self {
        self.txn.parts().make_ephemeral(self.handle.0.at);
        self
    }

    /// An ephemeral entry is recreated also when somebody has deleted it, as that of
    /// [`Put::recreate_if_deleted`](crate::Put::recreate_if_deleted).
    pub fn recreate_if_deleted(self) -> Self {
        self.txn.parts().recreate(self.handle.0.at);
        self
    }
}

impl<H> Deref for Added<'_, H> {
    type Target = Txn;

    fn deref(&self) -> &Txn {
        self.txn
    }
}

impl<H> DerefMut for Added<'_, H> {
    fn deref_mut(&mut self) -> &mut Txn {
        self.txn
    }
}

impl From<OperationId> for PutHandle {
    fn from(place: OperationId) -> Self {
        PutHandle(place)
    }
}

impl From<OperationId> for DeleteHandle {
    fn from(place: OperationId) -> Self {
        DeleteHandle(place)
    }
}

//! Sessions: who is connected to a tree, and until when one that was abandoned lives on (contract 4.2).

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
};

use registry_plugin::{Moment, SessionId};

/// The sessions of a tree.
#[derive(Default)]
pub(crate) struct Sessions {
    /// With each that was abandoned, when it expires.
    open: BTreeMap<SessionId, Option<Moment>>,
    next_expiry: Option<Moment>,
}

impl Sessions {
    /// Opens one under an id that none of them has.
    pub(crate) fn open(&mut self) -> SessionId {
        loop {
            // Hashers are seeded at random.
            let id = SessionId(RandomState::new().hash_one(self.open.len()));
            if id.0 != 0 && !self.open.contains_key(&id) {
                self.open.insert(id, None);
                return id;
            }
        }
    }

    pub(crate) fn has(&self, id: SessionId) -> bool {
        self.open.contains_key(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Ends one, and says whether it was there.
    pub(crate) fn end(&mut self, id: SessionId) -> bool {
        let was_there = self.open.remove(&id).is_some();
        self.reckon();
        was_there
    }

    /// Lets one that its client has left live until that moment, unless an earlier one was set.
    pub(crate) fn abandon(&mut self, id: SessionId, expiry: Moment) {
        if let Some(abandoned) = self.open.get_mut(&id) {
            abandoned.get_or_insert(expiry);
            self.reckon();
        }
    }

    /// When the next one expires; `None` if none was abandoned.
    pub(crate) fn next_expiry(&self) -> Option<Moment> {
        self.next_expiry
    }

    /// Whether one should have expired by now.
    pub(crate) fn overdue(&self) -> bool {
        self.next_expiry.is_some_and(|at| Moment::now() >= at)
    }

    /// Which ones have expired by now.
    pub(crate) fn expired(&self) -> Vec<SessionId> {
        let now = Moment::now();
        self.open.iter().filter(|(_, expiry)| expiry.is_some_and(|at| now >= at)).map(|(id, _)| *id).collect()
    }

    fn reckon(&mut self) {
        self.next_expiry = self.open.values().flatten().min().copied();
    }
}

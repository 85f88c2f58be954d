//! A witness of who holds a lock, which is told and asks no lock's code.

use std::cell::{Cell, RefCell};

use registry_host::{Registry, Revision};

/// Sees every holder come and go, and fails at once if there are two.
///
/// A holder comes after it was told that it has the lock, and leaves before it is told to release it: what is seen here
/// is never longer than what was held.
pub(crate) struct Witness {
    /// A session of its own, through which the holders' entries are looked at.
    registry: Registry,
    inside: Cell<Option<usize>>,
    holds: RefCell<Vec<Hold>>,
}

/// One turn of a holder.
#[derive(Clone, Copy)]
pub(crate) struct Hold {
    /// The contender's number.
    pub(crate) by: usize,
    /// When its entry in the queue was created, in the registry's order.
    created: Revision,
}

impl Witness {
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry, inside: Cell::new(None), holds: RefCell::default() }
    }

    /// A holder has come; it goes when this returns.
    ///
    /// # Panics
    ///
    /// If another is there, if its entry in the queue is none that goes with a session, or if it was not its turn.
    pub(crate) async fn hold(&self, by: usize, entry: &str) {
        if let Some(other) = self.inside.replace(Some(by)) {
            panic!("contenders {other} and {by} hold the lock at the same time");
        }
        let found = self.registry.get(entry).await.expect("an answer");
        let found = found.unwrap_or_else(|| panic!("contender {by} holds the lock without its entry {entry}"));
        assert!(found.is_ephemeral(), "{entry} outlives its session");
        let before = self.holds.borrow().last().map(|hold| hold.created);
        assert!(before < Some(found.created), "contender {by} held the lock before its turn");
        assert_eq!(self.inside.take(), Some(by), "another came meanwhile");
        self.holds.borrow_mut().push(Hold { by, created: found.created });
    }

    /// How many turns there were.
    pub(crate) fn count(&self) -> usize {
        self.holds.borrow().len()
    }

    /// All turns, in their order.
    pub(crate) fn holds(&self) -> Vec<Hold> {
        self.holds.borrow().clone()
    }
}

//! The ephemeral entries that this host has put: made anew when their session was lost (contract 4.4).

mod book;
mod reports;
mod tend;

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;

pub(super) use self::book::Book;
use self::reports::Reports;
pub use self::reports::{EphemeralEvent, Ephemerals};
use super::{Inner, Registry};

/// What is kept of the ephemeral entries of one registry.
pub(super) struct Upkeep {
    book: Book,
    reports: Reports,
    /// Where the registry was opened: what looks after the entries runs there.
    runtime: Handle,
    registry: Weak<Inner>,
}

impl Upkeep {
    pub(super) fn new(runtime: Handle, registry: Weak<Inner>) -> Arc<Self> {
        Arc::new(Upkeep { book: Book::default(), reports: Reports::default(), runtime, registry })
    }

    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// Ends every task, as the registry does.
    pub(super) fn end(&self) {
        self.book.clear();
    }
}

impl Registry {
    /// What becomes, without this registry's doing, of the ephemeral entries that it has put.
    ///
    /// # Behavior
    ///
    /// When a session was lost and another has followed, every ephemeral entry whose put had succeeded is made anew, unless
    /// this registry has deleted it since, or put it as persistent. It is written only if there is no such entry, or one that an
    /// earlier session of this registry still owns. One that somebody else has taken over or deleted is reported and given
    /// up; [`kept`](super::Put::kept) has it made anew after a deletion, too. A put that failed, was dropped or timed out is not
    /// made anew.
    ///
    /// What looks after the entries runs on the runtime that the registry was opened on, with a watch on each of them.
    ///
    /// What happened before the stream was asked for is not told.
    pub fn ephemerals(&self) -> Ephemerals {
        self.0.upkeep.reports.stream()
    }
}

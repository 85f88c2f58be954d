//! Who is there, as one watch tells it.

mod board;
mod changes;
mod groups;
mod watching;

use std::sync::Arc;

pub(crate) use self::{board::Board, watching::mirror};
pub use self::{
    board::MemberFilter,
    changes::{Change, Changes},
    groups::{GroupChange, GroupChanges, Groups},
};
use crate::Member;

/// A part of the cluster's members, as they are at any moment.
#[derive(Clone, Debug)]
pub struct Members {
    board: Arc<Board>,
    which: MemberFilter,
}

impl Members {
    pub(crate) fn new(board: &Arc<Board>, which: MemberFilter) -> Self {
        Members { board: Arc::clone(board), which }
    }

    /// Those who are there now, sorted by group and address.
    pub fn now(&self) -> Vec<Arc<Member>> {
        self.board.members(&self.which)
    }

    /// Those who are there now as [`Joined`](Change::Joined), then every change.
    ///
    /// # Behavior
    ///
    /// A slow reader costs no more than one pending change for each member: of several of one member the last counts.
    /// A server that is another one than before is reported all the same, as `Left` and `Joined`. The stream ends with
    /// the registry.
    pub fn changes(&self) -> Changes {
        self.board.subscribe(self.which.clone())
    }
}

//! The groups that workers are in, as the view of them changes.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::stream;
use tokio::sync::watch;

use super::Board;

/// The groups that have a worker, as they are at any moment.
#[derive(Clone, Debug)]
pub struct Groups(Arc<Board>);

/// Something that has changed among the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupChange {
    /// A group has a worker; it had none.
    Appeared(String),
    /// The last worker of a group is gone.
    Vanished(String),
}

/// Changes among groups: a [`Stream`] that ends with the registry.
#[must_use = "changes are returned, not stored"]
pub struct GroupChanges(Pin<Box<dyn Stream<Item = GroupChange> + Send>>);

impl Groups {
    pub(crate) fn new(board: &Arc<Board>) -> Self {
        Groups(Arc::clone(board))
    }

    /// Those that have a worker now, sorted.
    pub fn now(&self) -> Vec<String> {
        self.0.groups()
    }

    /// Those that have a worker now as [`Appeared`](GroupChange::Appeared), then every change.
    ///
    /// # Behavior
    ///
    /// A group that appears and vanishes between two reads, or the other way round, is not reported. The stream
    /// ends with the registry.
    pub fn changes(&self) -> GroupChanges {
        let told = GroupReader {
            moved: self.0.moved(),
            board: Arc::downgrade(&self.0),
            groups: BTreeSet::new(),
            pending: VecDeque::new(),
        };
        let changes = stream::unfold(told, |mut told| async move { told.next().await.map(|change| (change, told)) });
        GroupChanges(Box::pin(changes))
    }
}

impl GroupChanges {
    /// The next change; `None` once the registry is gone.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<GroupChange> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for GroupChanges {
    type Item = GroupChange;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<GroupChange>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for GroupChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupChanges").finish_non_exhaustive()
    }
}

/// What was reported to a reader.
struct GroupReader {
    moved: watch::Receiver<u64>,
    board: Weak<Board>,
    groups: BTreeSet<String>,
    pending: VecDeque<GroupChange>,
}

impl GroupReader {
    async fn next(&mut self) -> Option<GroupChange> {
        loop {
            if let Some(change) = self.pending.pop_front() {
                return Some(change);
            }
            // Taken before the look, so that a change right after it is not missed.
            self.moved.mark_unchanged();
            let board = self.board.upgrade()?;
            let ended = board.has_ended();
            self.look(board.groups());
            drop(board);
            if self.pending.is_empty() && (ended || self.moved.changed().await.is_err()) {
                return None;
            }
        }
    }

    fn look(&mut self, now: Vec<String>) {
        let now: BTreeSet<_> = now.into_iter().collect();
        let vanished = self.groups.difference(&now).cloned().map(GroupChange::Vanished);
        let appeared = now.difference(&self.groups).cloned().map(GroupChange::Appeared);
        self.pending.extend(vanished.chain(appeared));
        self.groups = now;
    }
}

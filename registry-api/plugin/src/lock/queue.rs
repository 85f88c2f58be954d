//! A lock's queue as it was at one look.

use registry_api::{Entry, Error, ErrorKind, Key, Listing, Page, Result, Revision, SessionId};

use super::name::is_queue_entry;
use crate::{
    Backend, Context,
    call::{Effect, call},
};

/// How many entries one page of the listing asks for.
const PAGE: usize = 1_000;

/// The places of a queue, in no order.
#[derive(Default)]
pub(super) struct Queue(Vec<QueuedRequest>);

/// One place in the queue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueuedRequest {
    /// The queue is ordered by it; names only decide where two are equal, which single puts never are.
    pub(super) created: Revision,
    pub(super) entry: String,
    pub(super) owner: Option<SessionId>,
}

impl Queue {
    /// Reads the queue of the lock `key`.
    ///
    /// # Errors
    ///
    /// `HasChildren` if `strict` and the key has descendants that are no queue entries.
    pub(super) async fn read<B: Backend>(backend: &B, context: &Context, key: Key<'_>, strict: bool) -> Result<Self> {
        let mut queue = Queue::default();
        let mut page = Page::first(PAGE);
        loop {
            let listing = async { backend.queue(key, page).await };
            match call(context.session(), context.operation_timeout(), Effect::Read, listing).await? {
                Listing::Page { entries, next } => {
                    for entry in entries {
                        queue.add(key, entry, strict)?;
                    }
                    match next {
                        Some(cursor) => page = Page::after(cursor, PAGE),
                        None => return Ok(queue),
                    }
                }
                _ => (queue, page) = (Queue::default(), Page::first(PAGE)),
            }
        }
    }

    fn add(&mut self, lock: Key<'_>, entry: Entry, strict: bool) -> Result<()> {
        if entry.key() == lock {
            return Ok(());
        }
        if entry.is_ephemeral() && entry.key().parent() == Some(lock) && is_queue_entry(entry.key().name()) {
            self.0.push(QueuedRequest { created: entry.created, entry: entry.key, owner: entry.ephemeral });
        } else if strict {
            let message = format!("{} is not an entry of a lock's queue, choose a key without children", entry.key);
            return Err(Error::new(ErrorKind::HasChildren, message).or_key(lock));
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, entry: Key<'_>) -> Option<&QueuedRequest> {
        self.0.iter().find(|standing| standing.entry == entry.as_str())
    }

    /// Who stands right before; `None` for the holder.
    pub(super) fn before(&self, mine: &QueuedRequest) -> Option<&QueuedRequest> {
        self.0.iter().filter(|standing| *standing < mine).max()
    }
}

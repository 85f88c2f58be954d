//! The backend's end of a watch.

use std::sync::{Arc, atomic::Ordering};

use registry_api::{Entry, Error, Key, Scope};

use super::Shared;

/// How many entries of a resync are taken in before the consumer gets a turn.
const TURN: usize = 512;

/// Where a backend tells a watch what happens.
///
/// # Behavior
///
/// Nothing here waits or fails. Clones feed the same watch, which ends when the last of them is dropped.
#[derive(Clone)]
pub struct WatchSink(Arc<Target>);

struct Target {
    key: String,
    scope: Scope,
    shared: Arc<Shared>,
}

impl WatchSink {
    pub(super) fn new(key: Key<'_>, scope: Scope, shared: Arc<Shared>) -> Self {
        WatchSink(Arc::new(Target { key: key.as_str().to_owned(), scope, shared }))
    }

    /// The key that is watched.
    pub fn key(&self) -> Key<'_> {
        Key::from_checked(&self.0.key)
    }

    /// What the watch covers.
    pub fn scope(&self) -> Scope {
        self.0.scope
    }

    /// Tells that an entry is there or has changed.
    ///
    /// # Behavior
    ///
    /// An entry outside the scope is passed over. So is one whose version is not above the latest that this watch has
    /// heard of its key: what a listing held may safely be repeated by events that overlap with it.
    pub fn put(&self, entry: Entry) {
        if self.covers(&entry) {
            self.0.shared.feed(|state| state.buffer.put(entry));
        }
    }

    /// Tells that a key's entry is gone; a key that this watch knows nothing of is passed over.
    pub fn delete(&self, key: &str) {
        self.0.shared.feed(|state| state.buffer.delete(key));
    }

    /// Tells that an entry may not be read any more, and so nothing below it either: what was told of them is told to
    /// be gone (1.5).
    pub fn hide(&self, key: Key<'_>) {
        self.0.shared.feed(|state| state.buffer.hide(key));
    }

    /// Tells the whole present state, at the beginning and after every break; the difference to what was told before
    /// reaches the consumer, then `Synced`.
    pub fn resync(&self, entries: Vec<Entry>) {
        let resync = self.begin_resync();
        resync.page(entries);
        resync.finish();
    }

    /// Begins to tell the whole present state page by page, so that it need never be in memory as a whole.
    pub fn begin_resync(&self) -> Resync<'_> {
        let mut round = 0;
        self.0.shared.feed(|state| round = state.buffer.begin_resync());
        Resync { sink: self, round }
    }

    /// Whether the consumer has dropped the watch.
    pub fn is_closed(&self) -> bool {
        self.0.shared.closed.load(Ordering::SeqCst)
    }

    /// Waits until the consumer has dropped the watch.
    pub async fn closed(&self) {
        loop {
            // Listening from here on, so that a drop between the look and the wait is not missed.
            let closing = self.0.shared.closing.notified();
            if self.is_closed() {
                return;
            }
            closing.await;
        }
    }

    /// Ends the watch: the error reaches the consumer after all that is pending.
    pub(crate) fn fail(&self, error: Error) {
        self.0.shared.feed(|state| {
            state.error = Some(error);
            state.over = true;
        });
    }

    fn covers(&self, entry: &Entry) -> bool {
        self.scope().covers(self.key(), entry.key())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.shared.feed(|state| state.over = true);
    }
}

/// A resync that is given page by page.
///
/// # Behavior
///
/// Until it is finished the consumer is told what the pages hold, but of no deletion. Changes must not be told to the
/// sink in between: a page would override them with an older state. Dropped unfinished, or overtaken by another resync,
/// it has said nothing about what was not on its pages.
#[must_use = "nothing is deleted and the watch is not synced before `finish`"]
pub struct Resync<'a> {
    sink: &'a WatchSink,
    round: u64,
}

impl Resync<'_> {
    /// Tells some of the entries; those outside the scope are passed over.
    pub fn page(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut entries = entries.into_iter().filter(|entry| self.sink.covers(entry));
        let mut turn = Vec::with_capacity(TURN);
        loop {
            turn.extend(entries.by_ref().take(TURN));
            if turn.is_empty() {
                return;
            }
            self.sink.0.shared.feed(|state| turn.drain(..).for_each(|entry| state.buffer.resync(entry)));
            // Nothing was taken from it if the watch has ended.
            turn.clear();
        }
    }

    /// Ends it: all that was on no page is gone.
    pub fn finish(self) {
        self.sink.0.shared.feed(|state| state.opened |= state.buffer.finish_resync(self.round));
    }
}

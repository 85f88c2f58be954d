//! One path that the server tells of, for all watches on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use registry_plugin::{Error, Key};
use tokio::sync::Notify;

use super::pending_changes::PendingChanges;
use crate::session::Link;

/// The watches on one path.
pub(super) struct WatchedPath {
    path: String,
    watches: Mutex<Watches>,
    over: Notify,
}

#[derive(Default)]
struct Watches {
    /// The client that the server tells of the path; `None` while it tells none.
    client: Option<Arc<Link>>,
    pending: Vec<Arc<PendingChanges>>,
}

impl WatchedPath {
    pub(super) fn new(path: String) -> Self {
        WatchedPath { path, watches: Mutex::default(), over: Notify::new() }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Adds a watch.
    pub(super) fn join(&self, pending: Arc<PendingChanges>) {
        let mut watches = self.lock();
        if let Some(client) = &watches.client {
            pending.begin(client.clone());
        }
        watches.pending.push(pending);
    }

    /// Takes a watch away; whether it was the last one.
    pub(super) fn leave(&self, pending: &Arc<PendingChanges>) -> bool {
        let mut watches = self.lock();
        if let Some(at) = watches.pending.iter().position(|other| Arc::ptr_eq(other, pending)) {
            watches.pending.swap_remove(at);
        }
        watches.pending.is_empty()
    }

    /// The server tells that client of the path from now on.
    pub(super) fn begin(&self, client: &Arc<Link>) {
        let mut watches = self.lock();
        watches.client = Some(client.clone());
        watches.pending.iter().for_each(|pending| pending.begin(client.clone()));
    }

    /// The server tells nobody of the path any more.
    pub(super) fn pause(&self) {
        let mut watches = self.lock();
        watches.client = None;
        watches.pending.iter().for_each(|pending| pending.pause());
    }

    /// Something has become of a key.
    pub(super) fn change(&self, key: Key<'_>) {
        let mut shared = None;
        for pending in self.lock().pending.iter().filter(|pending| pending.covers(key)) {
            pending.change(shared.get_or_insert_with(|| key.as_str().into()));
        }
    }

    /// Ends all watches on the path.
    pub(super) fn fail(&self, error: &Error) {
        self.lock().pending.drain(..).for_each(|pending| pending.fail(error.clone()));
    }

    /// There are no watches on the path any more.
    pub(super) fn end(&self) {
        self.over.notify_one();
    }

    /// Waits until there are no watches on the path any more; to be waited for by one alone.
    pub(super) async fn ended(&self) {
        self.over.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Watches> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

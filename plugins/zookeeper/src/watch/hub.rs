//! Which paths are watched, and by which watches.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use registry_plugin::{Context, Error, Key, Result, Scope};

use super::{
    pending_changes::{Changed, PendingChanges},
    server_watches::ServerWatches,
    watched_path::WatchedPath,
};
use crate::{paths::Paths, session::Session};

/// The one server watch on each path that is watched, however many watches there are.
pub(crate) struct Hub {
    pub(super) session: Arc<Session>,
    pub(super) paths: Arc<Paths>,
    pub(super) server_watches: ServerWatches,
    watched: Mutex<HashMap<String, Arc<WatchedPath>>>,
}

/// A watch's place in the hub, which it leaves when it is dropped.
pub(super) struct Subscription {
    hub: Arc<Hub>,
    path: Arc<WatchedPath>,
    pending: Arc<PendingChanges>,
}

impl Hub {
    /// A hub that watches nothing yet.
    pub(crate) fn new(session: Arc<Session>, paths: Arc<Paths>) -> Arc<Self> {
        Arc::new(Hub { session, paths, server_watches: ServerWatches::default(), watched: Mutex::default() })
    }

    /// Has a watch told what happens at its key and below it, as far as the scope goes.
    pub(super) fn join(self: &Arc<Self>, context: &Context, key: Key<'_>, scope: Scope) -> Subscription {
        let path = self.paths.path(key);
        let pending = Arc::new(PendingChanges::new(key, scope));
        let mut watched = self.lock();
        let watched_path = match watched.get(&path) {
            Some(watched_path) => watched_path.clone(),
            None => {
                let watched_path = Arc::new(WatchedPath::new(path.clone()));
                watched.insert(path, watched_path.clone());
                let (hub, kept) = (self.clone(), watched_path.clone());
                context.keep("a watch", move || hub.clone().keep(kept.clone()));
                watched_path
            }
        };
        watched_path.join(pending.clone());
        Subscription { hub: self.clone(), path: watched_path, pending }
    }

    /// Ends all watches on a path.
    pub(super) fn fail(&self, path: &Arc<WatchedPath>, error: &Error) {
        let mut watched = self.lock();
        forget(&mut watched, path);
        path.fail(error);
    }

    fn leave(&self, path: &Arc<WatchedPath>, pending: &Arc<PendingChanges>) {
        let mut watched = self.lock();
        if path.leave(pending) {
            forget(&mut watched, path);
            path.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<WatchedPath>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the path to others, unless that has happened already.
fn forget(watched: &mut HashMap<String, Arc<WatchedPath>>, path: &Arc<WatchedPath>) {
    if watched.get(path.path()).is_some_and(|other| Arc::ptr_eq(other, path)) {
        watched.remove(path.path());
    }
}

impl Subscription {
    /// Waits for something to be read.
    ///
    /// # Errors
    ///
    /// What ends all watches on the path.
    pub(super) async fn next(&self) -> Result<Changed> {
        self.pending.next().await
    }

    /// What was read can't be relied on: it is to be read again.
    pub(super) fn miss(&self) {
        self.pending.miss();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(&self.path, &self.pending);
    }
}

//! One path that the server tells of, for all watches on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use registry_plugin::{Error, Key};
use tokio::sync::Notify;

use super::heard::Heard;
use crate::session::Link;

/// The watches on one path.
pub(super) struct Line {
    path: String,
    watches: Mutex<Watches>,
    over: Notify,
}

#[derive(Default)]
struct Watches {
    /// The client that the server tells of the path; nothing while it tells none.
    client: Option<Arc<Link>>,
    heard: Vec<Arc<Heard>>,
}

impl Line {
    pub(super) fn new(path: String) -> Self {
        Line { path, watches: Mutex::default(), over: Notify::new() }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Adds a watch.
    pub(super) fn join(&self, heard: Arc<Heard>) {
        let mut watches = self.lock();
        if let Some(client) = &watches.client {
            heard.begin(client.clone());
        }
        watches.heard.push(heard);
    }

    /// Takes a watch away; whether it was the last one.
    pub(super) fn leave(&self, heard: &Arc<Heard>) -> bool {
        let mut watches = self.lock();
        if let Some(at) = watches.heard.iter().position(|other| Arc::ptr_eq(other, heard)) {
            watches.heard.swap_remove(at);
        }
        watches.heard.is_empty()
    }

    /// The server tells that client of the path from now on.
    pub(super) fn begin(&self, client: &Arc<Link>) {
        let mut watches = self.lock();
        watches.client = Some(client.clone());
        watches.heard.iter().for_each(|heard| heard.begin(client.clone()));
    }

    /// The server tells nobody of the path any more.
    pub(super) fn pause(&self) {
        let mut watches = self.lock();
        watches.client = None;
        watches.heard.iter().for_each(|heard| heard.pause());
    }

    /// Something has become of a key.
    pub(super) fn change(&self, key: Key<'_>) {
        let mut shared = None;
        for heard in self.lock().heard.iter().filter(|heard| heard.covers(key)) {
            heard.change(shared.get_or_insert_with(|| key.as_str().into()));
        }
    }

    /// Ends all watches on the path.
    pub(super) fn fail(&self, error: &Error) {
        self.lock().heard.drain(..).for_each(|heard| heard.fail(error.clone()));
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

//! The one watch on an interface in a role.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use registry_host::{Entry, Mirror};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::set::{Read, read};

/// All that is below a folder, by key; `None` before it was told for the first time.
pub(super) type Told = Option<Arc<BTreeMap<String, Read>>>;

/// A folder that is watched; the watch ends with this.
pub(crate) struct Watched {
    mirrored: Arc<Mirrored>,
    watching: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Watched {
    pub(super) fn new(mirrored: Arc<Mirrored>, watching: AbortOnDropHandle<()>) -> Self {
        Watched { mirrored, watching: Mutex::new(Some(watching)) }
    }

    /// Ends the watch, and tells so.
    pub(crate) fn end(&self) {
        drop(self.watching.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.mirrored.end();
    }

    /// What is told; its sender is gone once nothing will change any more.
    pub(super) fn told(&self) -> watch::Receiver<Told> {
        self.mirrored.told.clone()
    }
}

/// What is below the folder.
pub(super) struct Mirrored {
    folder: String,
    state: Mutex<State>,
    told: watch::Receiver<Told>,
}

struct State {
    read: BTreeMap<String, Read>,
    /// Whether all that is there has been told once.
    complete: bool,
    /// Whether something has changed that readers don't know of.
    changed: bool,
    tell: Option<watch::Sender<Told>>,
}

impl Mirrored {
    pub(super) fn new(folder: String) -> Self {
        metrics::describe_counter!(
            "registry_discovery_unreadable_total",
            "Entries below services that could not be read as URLs, and were passed over"
        );
        let (tell, told) = watch::channel(None);
        let state = State { read: BTreeMap::new(), complete: false, changed: false, tell: Some(tell) };
        Mirrored { folder, state: Mutex::new(state), told }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mirror for Mirrored {
    fn put(&self, entry: &Entry) {
        let Some(leaf) = entry.key.strip_prefix(&*self.folder).and_then(|rest| rest.strip_prefix('/')) else {
            // The folder's own entry.
            return;
        };
        let mut state = self.lock();
        if state.read.contains_key(&entry.key) {
            // The key says all, so that a change of the entry is none.
            return;
        }
        let read = read(&self.folder, leaf);
        if let Err(unreadable) = &read {
            metrics::counter!("registry_discovery_unreadable_total").increment(1);
            let (key, error) = (&unreadable.key, &unreadable.error);
            tracing::warn!(key, %error, "no URL of a service, passed over");
        }
        state.read.insert(entry.key.clone(), read);
        state.changed = true;
    }

    fn remove(&self, key: &str) {
        let mut state = self.lock();
        state.changed |= state.read.remove(key).is_some();
    }

    fn keys(&self) -> Vec<String> {
        self.lock().read.keys().cloned().collect()
    }

    fn synced(&self) {
        let mut state = self.lock();
        state.changed |= !state.complete;
        state.complete = true;
    }

    fn settled(&self) {
        let mut state = self.lock();
        if !(state.complete && std::mem::take(&mut state.changed)) {
            return;
        }
        let read = Arc::new(state.read.clone());
        if let Some(tell) = &state.tell {
            tell.send_replace(Some(read));
        }
    }

    fn end(&self) {
        self.lock().tell = None;
    }
}

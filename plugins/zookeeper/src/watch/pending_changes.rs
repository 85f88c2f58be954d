//! The changes that a watch was told of and has not read yet.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use registry_plugin::{Error, Key, Result, Scope};
use tokio::sync::Notify;

use crate::session::Link;

/// How many changed keys are remembered. When there are more, all is read again.
const MOST: usize = 100_000;

/// What one watch is told by the server, each key once, however late the watch looks at it.
pub(super) struct PendingChanges {
    key: String,
    scope: Scope,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The client that the server tells changes, and that sees no state older than those; `None` while it tells none.
    client: Option<Arc<Link>>,
    /// Whether changes may have been missed since the whole state was read.
    missed: bool,
    changed: BTreeSet<Arc<str>>,
    error: Option<Error>,
}

/// What is to be read, by that client.
pub(super) enum Changed {
    /// All that the watch covers.
    Everything(Arc<Link>),
    /// Some keys, which were put or deleted.
    Keys(Arc<Link>, BTreeSet<Arc<str>>),
}

impl PendingChanges {
    pub(super) fn new(key: Key<'_>, scope: Scope) -> Self {
        PendingChanges { key: key.as_str().to_owned(), scope, state: Mutex::default(), changed: Notify::new() }
    }

    /// From now on the server tells that client what changes.
    pub(super) fn begin(&self, client: Arc<Link>) {
        self.tell(|state| {
            state.client = Some(client);
            state.miss();
        });
    }

    /// The server tells nothing any more.
    pub(super) fn pause(&self) {
        self.tell(|state| {
            state.client = None;
            state.miss();
        });
    }

    /// What was read can't be relied on.
    pub(super) fn miss(&self) {
        self.tell(State::miss);
    }

    /// Whether the watch tells of a key.
    pub(super) fn covers(&self, key: Key<'_>) -> bool {
        // The root is not an entry.
        !key.is_root() && self.scope.covers(Key::from_checked(&self.key), key)
    }

    /// Something has become of a key that the watch tells of.
    pub(super) fn change(&self, key: &Arc<str>) {
        self.tell(|state| {
            if state.missed {
                return;
            }
            state.changed.insert(key.clone());
            if state.changed.len() > MOST {
                state.miss();
            }
        });
    }

    /// Nothing can be told, now or later.
    pub(super) fn fail(&self, error: Error) {
        self.tell(|state| state.error = Some(error));
    }

    /// Waits until there is something to be read, while the server tells what changes.
    ///
    /// # Errors
    ///
    /// What [`fail`](Self::fail) was told.
    pub(super) async fn next(&self) -> Result<Changed> {
        loop {
            if let Some(changed) = self.lock().take() {
                return changed;
            }
            self.changed.notified().await;
        }
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn miss(&mut self) {
        self.missed = true;
        self.changed.clear();
    }

    fn take(&mut self) -> Option<Result<Changed>> {
        if let Some(error) = self.error.take() {
            return Some(Err(error));
        }
        // Over one that was retired nothing is read: another is about to take its place.
        let client = self.client.clone().filter(|client| !client.is_retired())?;
        if mem::take(&mut self.missed) {
            return Some(Ok(Changed::Everything(client)));
        }
        let changed = mem::take(&mut self.changed);
        (!changed.is_empty()).then_some(Ok(Changed::Keys(client, changed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(pending: &PendingChanges) -> (bool, Vec<String>) {
        let state = pending.lock();
        (state.missed, state.changed.iter().map(|key| key.as_ref().to_owned()).collect())
    }

    fn following() -> PendingChanges {
        let pending = PendingChanges::new(Key::from_checked("/a"), Scope::Subtree);
        pending.lock().missed = false;
        pending
    }

    #[test]
    fn each_changed_key_is_remembered_once() {
        let pending = following();
        for key in ["/a/b", "/a", "/a/b"] {
            pending.change(&key.into());
        }
        assert_eq!(state(&pending), (false, vec!["/a".to_owned(), "/a/b".to_owned()]));
    }

    #[test]
    fn what_all_is_read_for_is_not_remembered() {
        for lose in [PendingChanges::miss, PendingChanges::pause] {
            let pending = following();
            pending.change(&"/a/b".into());
            lose(&pending);
            pending.change(&"/a/c".into());
            assert_eq!(state(&pending), (true, Vec::new()));
        }
    }

    #[test]
    fn more_than_can_be_remembered_is_read_whole() {
        let pending = following();
        (0..=MOST).for_each(|n| pending.change(&format!("/a/{n}").into()));
        assert_eq!(state(&pending), (true, Vec::new()));
    }

    #[test]
    fn the_root_is_no_entry() {
        let pending = PendingChanges::new(Key::ROOT, Scope::Subtree);
        assert!(!pending.covers(Key::ROOT));
        assert!(pending.covers(Key::from_checked("/a")));
    }
}

//! A tree that the sessions of one process share.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use registry_plugin::{Committed, Error, ErrorKind, Moment, Result, SessionId};
use tokio::sync::watch::{Receiver, Sender};

use crate::{
    entries::{Change, Entries},
    session::Sessions,
    txn::Plan,
    watch::{Watch, Watches},
};

/// Entries, the sessions that may own them, and the watches that are told of them.
///
/// No lock is held across an await. `watches` is locked after `state`, never before.
pub(crate) struct Tree {
    state: RwLock<State>,
    watches: Mutex<Watches>,
    /// When the next abandoned session expires, for those who wait for it.
    next_expiry: Sender<Option<Moment>>,
}

#[derive(Default)]
struct State {
    entries: Entries,
    sessions: Sessions,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Tree { state: RwLock::default(), watches: Mutex::default(), next_expiry: Sender::new(None) }
    }

    /// Looks at the entries for a session.
    ///
    /// # Errors
    ///
    /// `Closed` if the session has ended.
    pub(crate) fn read<T>(&self, session: SessionId, look: impl FnOnce(&Entries) -> T) -> Result<T> {
        let state = self.current();
        state.open(session)?;
        Ok(look(&state.entries))
    }

    /// Applies a Txn of a session, and tells the watches.
    ///
    /// # Errors
    ///
    /// `Closed` if the session has ended; those of [`Plan::apply`].
    pub(crate) fn commit(&self, session: SessionId, plan: Plan<'_>) -> Result<Committed> {
        drop(self.current());
        let mut state = self.write();
        state.open(session)?;
        let (committed, changes) = plan.apply(&mut state.entries)?;
        self.tell(state, &changes);
        Ok(committed)
    }

    /// Tells a watch the present state, and from then on every change, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// `Closed` if the session has ended.
    pub(crate) fn watch(self: &Arc<Self>, session: SessionId, watch: Watch) -> Result<Watching> {
        let state = self.current();
        state.open(session)?;
        // What is written now waits for the state, and what was written before has been told.
        let mut watches = lock(&self.watches);
        watch.begin(&state.entries);
        Ok(Watching { tree: self.clone(), place: watch.place(), number: watches.add(watch) })
    }

    /// Opens a session.
    pub(crate) fn join(&self) -> SessionId {
        self.write().sessions.open()
    }

    /// Ends a session and removes what it owns; does nothing if it has ended.
    pub(crate) fn end(&self, session: SessionId) {
        self.end_all(|sessions| if sessions.has(session) { vec![session] } else { Vec::new() });
    }

    /// Lets a session live until that moment without its client.
    pub(crate) fn abandon(&self, session: SessionId, expiry: Moment) {
        let mut state = self.write();
        state.sessions.abandon(session, expiry);
        self.announce(&state);
    }

    /// Ends the sessions that have expired.
    pub(crate) fn expire(&self) {
        drop(self.current());
    }

    /// Follows when the next abandoned session expires.
    pub(crate) fn next_expiry(&self) -> Receiver<Option<Moment>> {
        self.next_expiry.subscribe()
    }

    /// Whether no session is left.
    pub(crate) fn is_deserted(&self) -> bool {
        self.current().sessions.is_empty()
    }

    /// The state without sessions that have expired, whether anyone waited for that or not.
    fn current(&self) -> RwLockReadGuard<'_, State> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if !state.sessions.overdue() {
            return state;
        }
        drop(state);
        self.end_all(Sessions::expired);
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_all(&self, which: impl FnOnce(&Sessions) -> Vec<SessionId>) {
        let mut state = self.write();
        let mut changes = Vec::new();
        for session in which(&state.sessions) {
            state.sessions.end(session);
            let mut writing = state.entries.write();
            writing.delete_owned(session);
            changes.append(&mut writing.finish());
        }
        self.announce(&state);
        self.tell(state, &changes);
    }

    fn announce(&self, state: &State) {
        let next = state.sessions.next_expiry();
        self.next_expiry.send_if_modified(|known| std::mem::replace(known, next) != next);
    }

    /// Lets go of the state for readers, but tells the watches before anyone else can write.
    fn tell(&self, state: RwLockWriteGuard<'_, State>, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let watches = lock(&self.watches);
        if !watches.is_empty() {
            watches.tell(changes, &RwLockWriteGuard::downgrade(state).entries);
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&self, session: SessionId) -> Result<()> {
        if self.sessions.has(session) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Closed, "the session has ended, open the registry again"))
    }
}

/// Keeps a watch told.
pub(crate) struct Watching {
    tree: Arc<Tree>,
    place: String,
    number: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        lock(&self.tree.watches).remove(&self.place, self.number);
    }
}

// Nothing is left half done by a panic: writes that were not finished are taken back.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The leases that a session has had, one after another, and the raft term that the present one is good for.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use registry_plugin::{Entry, SessionId};
use tokio::sync::{Notify, watch};

/// How many leases are remembered with their session: entries on them are shown as that session's.
const REMEMBERED: usize = 64;

/// The leases of the session that is now, and those of former ones.
pub(crate) struct Leases {
    /// What is put now hangs on it.
    current: AtomicI64,
    /// The highest term that any answer has shown.
    terms: watch::Receiver<u64>,
    /// Whether a session has ever had more than one: else a lease's id is the session's.
    moved: AtomicBool,
    changed: Notify,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The session's first lease.
    session: i64,
    /// No leader of a term before this one knows the lease that the session's keys hang on.
    good_for: u64,
    /// The session's leases before the current one: keys may still hang on them, or come to.
    old: Vec<i64>,
    /// Leases other than a session's first.
    others: VecDeque<(i64, SessionId)>,
}

impl Leases {
    pub(super) fn new(terms: watch::Receiver<u64>) -> Self {
        Leases {
            current: AtomicI64::new(0),
            terms,
            moved: AtomicBool::new(false),
            changed: Notify::new(),
            inner: Mutex::default(),
        }
    }

    /// What is put now hangs on it.
    pub(crate) fn current(&self) -> i64 {
        self.current.load(Ordering::SeqCst)
    }

    /// The highest term that any answer has shown.
    pub(crate) fn term(&self) -> u64 {
        *self.terms.borrow()
    }

    /// Begins a session with its first lease, asked for when `term` had been seen.
    pub(super) fn begin(&self, lease: i64, term: u64) {
        let mut inner = self.lock();
        inner.session = lease;
        inner.good_for = term;
        inner.old.clear();
        self.current.store(lease, Ordering::SeqCst);
        drop(inner);
        self.changed.notify_waiters();
    }

    /// What is put from here on hangs on another lease.
    pub(super) fn switch(&self, lease: i64) {
        let mut inner = self.lock();
        // Known as this session's before anything can be seen to hang on it.
        let session = id(inner.session);
        inner.others.push_back((lease, session));
        if inner.others.len() > REMEMBERED {
            inner.others.pop_front();
        }
        self.moved.store(true, Ordering::SeqCst);
        inner.old.push(self.current.swap(lease, Ordering::SeqCst));
        drop(inner);
        self.changed.notify_waiters();
    }

    /// All of the session's keys hang on a lease that was asked for when `term` had been seen.
    pub(super) fn settle(&self, term: u64) {
        self.lock().good_for = term;
    }

    /// Whether no leader before the present one knows the lease, as far as the answers show.
    pub(crate) fn is_settled(&self) -> bool {
        self.term() <= self.lock().good_for
    }

    /// Waits until the leader has changed, and a leader from before may know the lease.
    pub(super) async fn unsettled(&self) {
        let mut terms = self.terms.clone();
        // The sender lives as long as the session.
        let _ = terms.wait_for(|term| *term > self.lock().good_for).await;
    }

    /// Waits until the current lease is another than this.
    pub(super) async fn switched_from(&self, lease: i64) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Heard of from now on, so that a change right after the look is not missed.
            changed.as_mut().enable();
            if self.current() != lease {
                return;
            }
            changed.await;
        }
    }

    /// The session's leases before the current one that may still be there.
    pub(super) fn old(&self) -> Vec<i64> {
        self.lock().old.clone()
    }

    /// The same, and the current one, as they are at one moment.
    pub(super) fn all(&self) -> (Vec<i64>, i64) {
        let inner = self.lock();
        (inner.old.clone(), self.current())
    }

    /// An old lease is gone: nothing can hang on it any more.
    pub(super) fn forget(&self, lease: i64) {
        self.lock().old.retain(|old| *old != lease);
    }

    /// Whether it is a lease of the present session, and not the current one.
    pub(crate) fn is_former(&self, lease: i64) -> bool {
        let current = self.current();
        lease != current && self.have_moved() && self.session_of(id(lease)) == self.session_of(id(current))
    }

    /// Whether a session has ever had more than one lease.
    pub(crate) fn have_moved(&self) -> bool {
        self.moved.load(Ordering::SeqCst)
    }

    /// The session that a lease was, of this connection or of another.
    pub(crate) fn session_of(&self, lease: SessionId) -> SessionId {
        if !self.have_moved() {
            return lease;
        }
        let inner = self.lock();
        let other = inner.others.iter().find(|(other, _)| id(*other) == lease);
        other.map_or(lease, |(_, session)| *session)
    }

    /// Names the sessions that own these entries, whichever of their leases they hang on.
    pub(crate) fn name_owners(&self, entries: &mut [Entry]) {
        if self.have_moved() {
            entries.iter_mut().for_each(|entry| entry.ephemeral = entry.ephemeral.map(|lease| self.session_of(lease)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(lease: i64) -> SessionId {
    SessionId(lease.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lease_names_the_session_throughout() {
        let leases = Leases::new(watch::Sender::new(2).subscribe());
        leases.begin(7, 2);
        leases.switch(8);
        leases.switch(9);
        assert_eq!((leases.current(), leases.old()), (9, vec![7, 8]));
        assert!(leases.is_former(7) && !leases.is_former(9) && !leases.is_former(5));
        for lease in [7, 8, 9] {
            assert_eq!(leases.session_of(SessionId(lease)), SessionId(7));
        }
        assert_eq!(leases.session_of(SessionId(5)), SessionId(5), "another client's");
        leases.begin(10, 2);
        assert_eq!(leases.session_of(SessionId(9)), SessionId(7), "also once that has ended");
        assert_eq!(leases.session_of(SessionId(10)), SessionId(10));
        assert!(!leases.is_former(9), "keys don't follow into the next session");
    }

    #[test]
    fn a_lease_is_good_until_a_later_term_is_seen() {
        let terms = watch::Sender::new(2);
        let leases = Leases::new(terms.subscribe());
        leases.begin(7, 2);
        assert!(leases.is_settled());
        terms.send_replace(4);
        assert!(!leases.is_settled());
        leases.switch(8);
        leases.settle(3);
        assert!(!leases.is_settled(), "there was one more leader meanwhile");
        leases.settle(4);
        assert!(leases.is_settled());
    }
}

//! The changes that one reader has not read yet.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;

use super::MemberFilter;
use crate::Member;

/// Something that has changed among the members.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// It is there; it wasn't, or was another process.
    Joined(Arc<Member>),
    /// It has beaten.
    Changed(Arc<Member>),
    /// It is gone; this is what it said last.
    Left(Arc<Member>),
}

impl Change {
    /// The member that it is about.
    pub fn member(&self) -> &Arc<Member> {
        match self {
            Change::Joined(member) | Change::Changed(member) | Change::Left(member) => member,
        }
    }
}

/// Changes among members: a [`Stream`] that ends with the registry.
#[must_use = "changes are returned, not stored"]
pub struct Changes {
    pending: Arc<Pending>,
    /// A server's leaving is reported, and next the one that came in its place.
    next: Option<Change>,
}

/// One pending change for each member.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) which: MemberFilter,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    steps: HashMap<Arc<str>, Step>,
    /// The keys of the steps, in the order in which they are reported.
    order: VecDeque<Arc<str>>,
    waker: Option<Waker>,
    ended: bool,
}

/// What was reported of a member, and what is to be reported.
#[derive(Debug)]
struct Step {
    told: Option<Arc<Member>>,
    now: Option<Arc<Member>>,
    /// The last one that was seen, for telling that it left.
    last: Arc<Member>,
}

impl Pending {
    pub(super) fn new(which: MemberFilter) -> Arc<Self> {
        Arc::new(Pending { which, state: Mutex::default() })
    }

    pub(super) fn change(&self, key: &str, before: Option<&Arc<Member>>, now: Option<&Arc<Member>>) {
        let Some(last) = now.or(before).cloned() else { return };
        let mut state = self.lock();
        match state.steps.get_mut(key) {
            Some(step) => (step.now, step.last) = (now.cloned(), last),
            None => {
                let step = Step { told: before.cloned(), now: now.cloned(), last };
                let key: Arc<str> = key.into();
                state.order.push_back(Arc::clone(&key));
                state.steps.insert(key, step);
            }
        }
        state.wake();
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Step {
    /// The changes to be reported, one or two; `None` for somebody who came and went unseen.
    fn changes(self) -> (Option<Change>, Option<Change>) {
        match (self.told, self.now) {
            (None, None) => (None, None),
            (None, Some(now)) => (Some(Change::Joined(now)), None),
            (Some(told), None) => {
                // Of another process that came and went in its place nobody has heard.
                let last = if is_another(&told, &self.last) { told } else { self.last };
                (Some(Change::Left(last)), None)
            }
            (Some(told), Some(now)) if is_another(&told, &now) => (Some(Change::Left(told)), Some(Change::Joined(now))),
            (Some(_), Some(now)) => (Some(Change::Changed(now)), None),
        }
    }
}

/// Whether the two are known to be different processes.
fn is_another(one: &Member, other: &Member) -> bool {
    one.incarnation().zip(other.incarnation()).is_some_and(|(one, other)| one != other)
}

impl Changes {
    pub(super) fn new(pending: Arc<Pending>) -> Self {
        Changes { pending, next: None }
    }

    /// The next change; `None` once the registry is gone.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Change> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Changes {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Change>> {
        if let Some(change) = self.next.take() {
            return Poll::Ready(Some(change));
        }
        let pending = Arc::clone(&self.pending);
        let mut state = pending.lock();
        while let Some(key) = state.order.pop_front() {
            let Some(step) = state.steps.remove(&key) else { continue };
            let (first, next) = step.changes();
            if first.is_some() {
                self.next = next;
                return Poll::Ready(first);
            }
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("which", &self.pending.which).finish_non_exhaustive()
    }
}

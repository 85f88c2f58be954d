//! A lock that is held: its loss and its release.

use std::{sync::Arc, time::Duration};

use registry_api::{Error, ErrorKind, Event, FencingToken, Held, Key, Outcome, Result, Scope, SessionId};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    time::timeout,
};

use super::{EVENTS, leave::insist, over, over_now};
use crate::{Backend, Context, guarded::InRuntime, session::closed, watch::watch_buffer};

/// A held lock.
///
/// # Behavior
///
/// One task per guard watches the queue entry and leaves the queue in the end, so that dropping the guard is no more
/// than a signal, on whatever thread.
pub(crate) struct LockGuard {
    held: Held,
    session: SessionId,
    context: Context,
    leave: Arc<Notify>,
    /// Why the lock is held no longer; closes with the task.
    lost: watch::Receiver<Option<Error>>,
    /// Whether the queue was left; closes with the task.
    left: watch::Receiver<bool>,
}

impl LockGuard {
    /// Keeps a lock that was acquired in that session.
    ///
    /// # Errors
    ///
    /// `Closed` once the connection is.
    pub(super) fn keep<B: Backend>(
        backend: Arc<B>,
        context: Context,
        held: Held,
        session: SessionId,
    ) -> Result<LockGuard> {
        let leave = Arc::new(Notify::new());
        let (tell_lost, lost) = watch::channel(None);
        let (tell_left, left) = watch::channel(false);
        let guard =
            LockGuard { held: held.clone(), session, context: context.clone(), leave: leave.clone(), lost, left };
        let keeping = async move {
            let why = tokio::select! {
                biased;
                () = leave.notified() => None,
                why = loss(&*backend, &context, &held, session) => Some(why),
            };
            let was_lost = why.is_some();
            tell_lost.send_replace(Some(why.unwrap_or_else(released)));
            if was_lost {
                leave.notified().await;
            }
            let unlock = || backend.clone().unlock(held.clone());
            if insist(&context, session, unlock, |()| true).await.is_ok() {
                tell_left.send_replace(true);
            }
        };
        guard.context.tasks().spawn(keeping).ok_or_else(closed)?;
        Ok(guard)
    }

    /// The key of the holder's entry in the queue.
    pub(crate) fn entry(&self) -> &str {
        &self.held.entry
    }

    /// The fencing token.
    pub(crate) fn token(&self) -> FencingToken {
        self.held.token
    }

    /// Whether the lock is held no longer, as far as is known; it was released or lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.ended().is_some()
    }

    /// Why the lock is held no longer; `None` while it is.
    pub(super) fn ended(&self) -> Option<Error> {
        // The clock is looked at first: a process that was stopped has missed its own timers.
        over_now(&self.context, self.session).or_else(|| self.lost.borrow().clone())
    }

    /// Waits until the lock is held no longer and tells why.
    pub(crate) fn lost(&self) -> impl Future<Output = Error> + Send + 'static {
        let mut lost = self.lost.clone();
        async move {
            let why = lost.wait_for(Option::is_some).await.map(|why| why.clone());
            // The task ends before it has told only with the connection.
            why.ok().flatten().unwrap_or_else(closed)
        }
    }

    /// Releases the lock and waits until it is done, which is at once if it was lost and its entry is gone.
    ///
    /// # Errors
    ///
    /// `Timeout` when it took too long: it goes on in the background; `Closed` if the connection was closed before.
    ///
    /// # Cancellation
    ///
    /// The lock is released all the same.
    pub(crate) fn release(&self, within: Duration) -> impl Future<Output = Result<()>> + Send + 'static {
        self.leave.notify_one();
        let mut left = self.left.clone();
        async move {
            match timeout(within, left.wait_for(|left| *left)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(closed()),
                Err(_) => {
                    let message =
                        format!("the release was not answered within {within:?}, it goes on in the background");
                    Err(Error::new(ErrorKind::Timeout, message).set_outcome(Outcome::Unknown))
                }
            }
        }
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.leave.notify_one();
    }
}

/// Waits until the lock is lost: with its session, or because its entry is gone or has become another's.
async fn loss<B: Backend>(backend: &B, context: &Context, held: &Held, session: SessionId) -> Error {
    let key = Key::from_checked(&held.entry);
    let (sink, mut stream) = watch_buffer(key, Scope::Node);
    let gone = async {
        let mut there = false;
        while let Some(Ok(events)) = stream.next_batch(EVENTS).await {
            for event in events {
                match event {
                    Event::Put { entry, .. }
                        if FencingToken::from(entry.created) == held.token && entry.ephemeral == Some(session) =>
                    {
                        there = true;
                    }
                    Event::Synced if there => {}
                    _ => return lost(format!("its queue entry {key} was deleted or taken over by others")),
                }
            }
        }
        unwatched(key)
    };
    let feeding = InRuntime::new(Handle::current(), async { backend.watch(key, Scope::Node, sink).await });
    let why = tokio::select! {
        biased;
        why = over(context, session) => return why,
        why = gone => why,
        // A lock whose loss would not be noticed can't be relied on.
        fed = feeding => match fed {
            Ok(()) => unwatched(key),
            Err(error) => unwatched(key).with_cause(&error),
        },
    };
    // Entry and watch go with the session, which may have ended since that was looked at.
    over_now(context, session).unwrap_or(why)
}

fn lost(message: String) -> Error {
    Error::new(ErrorKind::LockLost, message)
}

fn unwatched(key: Key<'_>) -> Error {
    lost(format!("its queue entry {key} can't be watched any more"))
}

fn released() -> Error {
    lost("it was released".to_owned())
}

//! The consumer's end of a watch.

use std::{
    future::poll_fn,
    mem,
    sync::{Arc, MutexGuard, atomic::Ordering},
    task::{Context, Poll},
};

use registry_api::{Error, ErrorKind, Event, Result};

use super::{Shared, State};

/// What a watch tells, drawn in batches.
pub struct WatchStream(Arc<Shared>);

impl WatchStream {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        WatchStream(shared)
    }

    /// Takes the events that are pending, `max` at most and at least one; `None` at the end.
    pub(crate) fn poll_next_batch(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Option<Result<Vec<Event>>>> {
        let mut state = self.0.lock();
        if state.buffer.has_news() {
            let max = max.max(1);
            let mut batch = Vec::with_capacity(state.buffer.pending().min(max));
            state.buffer.drain(max, &mut batch);
            return Poll::Ready(Some(Ok(batch)));
        }
        if state.over {
            return Poll::Ready(state.error.take().map(Err));
        }
        wait(state, cx)
    }

    /// Waits for events, `max` at most and at least one; `None` at the end.
    pub async fn next_batch(&mut self, max: usize) -> Option<Result<Vec<Event>>> {
        poll_fn(|cx| self.poll_next_batch(cx, max)).await
    }

    /// Waits until the first state of the watch is there.
    ///
    /// # Errors
    ///
    /// What the watch failed with before that; it is not repeated.
    pub(crate) async fn opened(&mut self) -> Result<()> {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if state.opened {
                return Poll::Ready(Ok(()));
            }
            if state.over {
                let ended = || Error::new(ErrorKind::Unavailable, "the watch ended before its first state was there");
                return Poll::Ready(Err(state.error.take().unwrap_or_else(ended)));
            }
            wait(state, cx)
        })
        .await
    }
}

fn wait<T>(mut state: MutexGuard<'_, State>, cx: &mut Context<'_>) -> Poll<T> {
    match &mut state.waker {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
    Poll::Pending
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.over = true;
        let freed = mem::take(&mut state.buffer);
        let waker = state.waker.take();
        drop(state);
        drop((freed, waker));
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.closing.notify_waiters();
    }
}

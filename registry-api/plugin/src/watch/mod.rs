//! The watch buffer: what a backend tells a watch, merged per key and delivered in order (contract 5).
//!
//! A backend feeds the [`WatchSink`]; the consumer draws batches from the stream at its own pace. In between lies at
//! most one pending change per key, so that a slow consumer costs what the watched subtree costs and slows nobody.

mod buffer;
mod detached;
mod sink;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool};
use std::task::Waker;

use registry_api::{Error, Key, Scope};
use tokio::sync::Notify;

use buffer::Buffer;
pub use detached::DetachedWatch;
pub use sink::{Resync, WatchSink};
pub use stream::WatchStream;

/// Makes the two ends of one watch, as a test of a backend needs them.
///
/// Dropping the stream closes the sink; dropping the sink with all its clones ends the stream.
pub fn watch_buffer(key: Key<'_>, scope: Scope) -> (WatchSink, WatchStream) {
    let shared = Arc::new(Shared::default());
    (WatchSink::new(key, scope, shared.clone()), WatchStream::new(shared))
}

/// What both ends see.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Whether the stream has been dropped; `closing` wakes those that wait for it.
    closed: AtomicBool,
    closing: Notify,
}

#[derive(Default)]
struct State {
    buffer: Buffer,
    /// Whether the first resync is complete.
    opened: bool,
    /// Whether one of the ends is gone or the watch has failed: nothing is taken in any more.
    over: bool,
    /// What the watch failed with, until it is delivered.
    error: Option<Error>,
    /// The consumer, when it waits.
    waker: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the buffer and wakes the consumer if there is something for it.
    fn feed(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.over {
            return;
        }
        change(&mut state);
        let waker = if state.over || state.buffer.has_news() { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

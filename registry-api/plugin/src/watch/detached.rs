//! A watch without a host, for tests of a backend.

use std::{collections::VecDeque, future::poll_fn};

use registry_api::{Event, Key, Result, Scope};

use super::{WatchSink, WatchStream, watch_buffer};

/// The consumer's end of a watch without a host, for tests of a backend.
pub struct DetachedWatch {
    stream: WatchStream,
    batch: VecDeque<Event>,
}

impl WatchSink {
    /// A sink without a host, and its consumer's stream; dropping that closes the sink.
    pub fn detached(key: Key<'_>, scope: Scope) -> (Self, DetachedWatch) {
        let (sink, stream) = watch_buffer(key, scope);
        (sink, DetachedWatch { stream, batch: VecDeque::new() })
    }
}

impl DetachedWatch {
    /// Waits for the next event; nothing comes after the watch's end.
    ///
    /// # Errors
    ///
    /// What ended the watch.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        if self.batch.is_empty() {
            match poll_fn(|cx| self.stream.poll_next_batch(cx, 64)).await? {
                Ok(batch) => self.batch.extend(batch),
                Err(error) => return Some(Err(error)),
            }
        }
        self.batch.pop_front().map(Ok)
    }
}

//! Watches (contract 5).

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use registry_abi::{ContextExt as _, RErr, ROk};
use registry_api::{Error, ErrorKind, Event, Key, Result, Scope};

use super::{Registry, is_reserved, watching::Watching};
use crate::layers::{Operation, failed};

/// How many events cross at once.
const BATCH: usize = 64;

impl Registry {
    /// Watches a key: the present state as `Put` events, then `Synced`, then every change. The key may not exist yet.
    ///
    /// # Behavior
    ///
    /// Ready once the present state has been read. After a break the watch goes on by itself: what changed meanwhile
    /// arrives as events, then `Synced` again. A slow consumer costs at most the watched subtree and one pending event
    /// per key. Dropping the watch ends it. Entries below the key that this user may not read are passed over, and a
    /// warning names each once.
    ///
    /// # Errors
    ///
    /// `InvalidKey`, `PermissionDenied`, `Timeout`, `Unavailable`, `Closed`.
    pub async fn watch(&self, key: &str, scope: Scope) -> Result<Watch> {
        let key = match scope {
            Scope::Node => self.entry_key(Operation::Watch, key)?,
            _ => self.key(Operation::Watch, key)?,
        };
        let inner = &*self.0;
        let opening = inner.connection.watch(key.as_str().into(), scope.into(), inner.timeout.into());
        let raw = inner.layers.run(Operation::Watch, Some(key), Some(inner.timeout), opening).await?;
        inner.watching.opened();
        Ok(Watch {
            raw: Some(raw),
            watching: Arc::clone(&inner.watching),
            again: false,
            ready: VecDeque::new(),
            failed: None,
            hides: inner.hides_below(key),
            key: key.as_str().to_owned(),
            plugin: inner.plugin.name().to_owned(),
        })
    }
}

/// The events of a watch: a [`Stream`] that ends with the registry, or after an error that can't pass by itself.
#[must_use = "a watch tells nothing until it is asked"]
pub struct Watch {
    raw: Option<registry_abi::Watch>,
    ready: VecDeque<Event>,
    /// What ends the watch once all that is ready has been read.
    failed: Option<Error>,
    /// Whether some of what the plugin tells is hidden.
    hides: bool,
    key: String,
    plugin: String,
    watching: Arc<Watching>,
    /// Whether it has told a whole state.
    again: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watching.closed();
    }
}

impl Watch {
    /// The next event; `None` at the end.
    ///
    /// # Cancellation
    ///
    /// No event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn end(&mut self, error: Error) -> Poll<Option<Result<Event>>> {
        self.raw = None;
        let key = Key::from_checked(&self.key);
        Poll::Ready(Some(Err(failed(error, Operation::Watch, Some(key), &self.plugin))))
    }
}

// Nothing in it is ever pinned: the plugin's end is a pointer.
impl Unpin for Watch {}

impl Stream for Watch {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if let Some(error) = self.failed.take() {
                return self.end(error);
            }
            let Some(raw) = &mut self.raw else { return Poll::Ready(None) };
            // A watch that always has something to tell must let its siblings run.
            let turn = ready!(tokio::task::coop::poll_proceed(cx));
            let polled = cx.with_ffi_context(|cx| raw.poll_next_batch(cx, BATCH)).try_into_poll();
            let Ok(polled) = polled else {
                return self.end(Error::new(ErrorKind::PluginPanicked, "the plugin panicked, the watch has ended"));
            };
            match ready!(polled) {
                ROk(batch) => {
                    turn.made_progress();
                    if batch.is_empty() {
                        self.raw = None;
                    }
                    self.watching.came(batch.len());
                    let watch = &mut *self;
                    for raw in batch {
                        match Event::try_from(raw) {
                            Ok(event) if watch.hides && is_hidden(&event) => {}
                            Ok(event) => {
                                watch.watching.told(&event, &mut watch.again);
                                watch.ready.push_back(event);
                            }
                            Err(error) => {
                                // After what stands before it in the batch.
                                watch.failed = Some(error);
                                break;
                            }
                        }
                    }
                }
                RErr(error) => return self.end(error.into()),
            }
        }
    }
}

fn is_hidden(event: &Event) -> bool {
    event.key().is_some_and(|key| is_reserved(Key::from_checked(key)))
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("key", &self.key).field("ended", &self.raw.is_none()).finish_non_exhaustive()
    }
}

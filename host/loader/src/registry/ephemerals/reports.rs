//! The reports on a host's ephemeral entries.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use registry_api::{Entry, Error, Version};
use tokio::sync::broadcast::{self, error::RecvError};

/// How many reports a reader may be behind before it gets the newest ones only.
const BEHIND: usize = 1_024;

/// What has become of an ephemeral entry, without its host's doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EphemeralEvent {
    /// It went with its session, or was deleted with [`recreate_if_deleted`](crate::Put::recreate_if_deleted), and is
    /// there again.
    Renewed {
        /// Its key.
        key: String,
        /// The version that it has now.
        version: Version,
    },
    /// Somebody has deleted it.
    Deleted {
        /// Its key.
        key: String,
    },
    /// Somebody else has put an entry of this key; it is theirs now.
    TakenOver {
        /// Their entry.
        by: Entry,
    },
    /// It can't be recreated, say because what was above it has become ephemeral, or because an entry of somebody else
    /// stands there that this user may not read; it is given up.
    Refused {
        /// Its key.
        key: String,
        /// Why.
        error: Error,
    },
}

/// What becomes of the ephemeral entries of a registry: a [`Stream`] that ends with it.
///
/// # Behavior
///
/// Nothing is skipped, unless the reader falls 1,024 behind: then it gets the newest ones.
#[must_use = "events are told only to those who ask"]
pub struct Ephemerals(Receiving);

type Receiving =
    Pin<Box<dyn Future<Output = (Option<EphemeralEvent>, broadcast::Receiver<EphemeralEvent>)> + Send + Sync>>;

impl Ephemerals {
    /// The next event; `None` once the registry is gone.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<EphemeralEvent> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Ephemerals {
    type Item = EphemeralEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<EphemeralEvent>> {
        let (event, later) = std::task::ready!(self.0.as_mut().poll(cx));
        self.0 = Box::pin(receive(later));
        Poll::Ready(event)
    }
}

impl fmt::Debug for Ephemerals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ephemerals").finish_non_exhaustive()
    }
}

async fn receive(
    mut later: broadcast::Receiver<EphemeralEvent>,
) -> (Option<EphemeralEvent>, broadcast::Receiver<EphemeralEvent>) {
    loop {
        match later.recv().await {
            Ok(event) => return (Some(event), later),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return (None, later),
        }
    }
}

/// Where the events come from. `registry_ephemerals_total{backend, event}` counts them.
pub(super) struct Reports {
    backend: String,
    sender: broadcast::Sender<EphemeralEvent>,
}

impl Reports {
    pub(super) fn new(backend: &str) -> Self {
        metrics::describe_counter!(
            "registry_ephemerals_total",
            "Ephemeral entries that were recreated, deleted or taken over by others, or could not be recreated"
        );
        Reports { backend: backend.to_owned(), sender: broadcast::Sender::new(BEHIND) }
    }

    pub(super) fn stream(&self) -> Ephemerals {
        Ephemerals(Box::pin(receive(self.sender.subscribe())))
    }

    pub(super) fn tell(&self, event: EphemeralEvent) {
        let what = match &event {
            EphemeralEvent::Renewed { key, version } => {
                tracing::info!(key, version = version.get(), "an ephemeral entry was recreated");
                "recreated"
            }
            EphemeralEvent::Deleted { key } => {
                tracing::warn!(key, "an ephemeral entry was deleted by somebody else");
                "deleted"
            }
            EphemeralEvent::TakenOver { by } => {
                tracing::warn!(key = by.key, "an ephemeral entry was taken over by somebody else");
                "taken_over"
            }
            EphemeralEvent::Refused { key, error } => {
                tracing::warn!(key, %error, "an ephemeral entry can't be recreated");
                "refused"
            }
        };
        metrics::counter!("registry_ephemerals_total", "backend" => self.backend.clone(), "event" => what).increment(1);
        // Nobody may be listening.
        let _ = self.sender.send(event);
    }
}

//! Watches: the server tells which keys have changed, and what is told is what is then read (contract 5).
//!
//! All watches on a path share one server watch, which the [`Hub`] keeps. A watch reads the whole state once the server
//! watches, and again after every break; in between it reads each key that the server says has changed. No change is
//! missed: the server tells of a change before it answers any read that shows it, on the same connection.

mod gate;
mod heard;
mod hub;
mod keep;
mod line;

use std::sync::Arc;

use registry_plugin::{Context, Error, ErrorKind, Key, Result, Scope, WatchSink};
use tokio::{select, time::sleep};
use zookeeper_client::Client;

use heard::News;
pub(crate) use hub::Hub;

use crate::read::{Now, Reader};

/// One watch.
pub(crate) struct Watch<'w> {
    pub(crate) hub: &'w Arc<Hub>,
    pub(crate) context: &'w Context,
    pub(crate) key: Key<'w>,
    pub(crate) scope: Scope,
    pub(crate) sink: &'w WatchSink,
}

impl Watch<'_> {
    /// Feeds the sink until it closes.
    ///
    /// # Errors
    ///
    /// What can't pass by itself: the server is too old, or the user may not read the keys.
    pub(crate) async fn run(self) -> Result<()> {
        select! {
            ended = self.feed() => ended,
            () = self.sink.closed() => Ok(()),
        }
    }

    async fn feed(&self) -> Result<()> {
        let place = self.hub.join(self.context, self.key, self.scope);
        let mut pauses = self.hub.session.dial().pauses();
        loop {
            let told = match place.news().await? {
                News::All(client) => self.state(&client).await,
                News::Some(client, keys) => self.changes(&client, keys).await,
            };
            match self.hub.session.watched(told) {
                Ok(()) => pauses = self.hub.session.dial().pauses(),
                Err(error) if passes(&error) => {
                    tracing::debug!(key = %self.key, %error, "what is watched can't be read and is read anew");
                    place.miss();
                    sleep(pauses.next().unwrap_or_default()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the present state.
    async fn state(&self, client: &Client) -> Result<()> {
        let state = self.sink.begin_resync();
        self.reader(client).state(self.key, self.scope, |entries| state.page(entries)).await?;
        state.finish();
        Ok(())
    }

    /// Tells what has become of some keys.
    async fn changes(&self, client: &Client, keys: impl IntoIterator<Item = Arc<str>>) -> Result<()> {
        let tell = |now| match now {
            Now::Entry(entry) => self.sink.put(entry),
            Now::Gone(key) => self.sink.delete(&key),
        };
        self.reader(client).each(keys, tell).await
    }

    fn reader<'c>(&'c self, client: &'c Client) -> Reader<'c> {
        Reader { client, paths: &self.hub.paths, patience: self.context.operation_timeout() }
    }
}

/// Whether it can pass by itself.
fn passes(error: &Error) -> bool {
    use ErrorKind::{Other, PermissionDenied, Unauthenticated, Unsupported};
    !matches!(error.kind(), PermissionDenied | Unauthenticated | Unsupported | Other)
}

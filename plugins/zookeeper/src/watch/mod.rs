//! Watches: the server tells which keys have changed, and what is told is what is then read (contract 5).
//!
//! All watches on a path share one server watch, which the [`Hub`] keeps. A watch reads the whole state once the server
//! watches, and again after every break; in between it reads each key that the server says has changed. No change is
//! missed: the server tells of a change before it answers any read that shows it, on the same connection.

mod hub;
mod keep;
mod pending_changes;
mod server_watches;
mod watched_path;

use std::sync::Arc;

use registry_plugin::{Context, Error, ErrorKind, Key, Result, Scope, WatchSink};
use tokio::{select, time::sleep};

pub(crate) use hub::Hub;
use pending_changes::Changed;

use crate::{
    read::{Denied, Now, Reader, Warned},
    session::Link,
};

/// One watch.
pub(crate) struct Watch<'w> {
    pub(crate) hub: &'w Arc<Hub>,
    pub(crate) warned: &'w Warned,
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
    /// What can't pass by itself: the server is too old, or the user may not read the watched key itself.
    pub(crate) async fn run(self) -> Result<()> {
        select! {
            ended = self.feed() => ended,
            () = self.sink.closed() => Ok(()),
        }
    }

    async fn feed(&self) -> Result<()> {
        let subscription = self.hub.join(self.context, self.key, self.scope);
        let mut backoff = self.hub.session.dial().backoff();
        // What the server has that may not be read. What becomes of the access lists is heard with the next change, or
        // when all is read.
        let mut hidden = Denied::default();
        loop {
            let told = match subscription.next().await? {
                Changed::Everything(link) => link.wait_in_use(self.state(&link, &mut hidden)).await,
                Changed::Keys(link, keys) => link.wait_in_use(self.changes(&link, keys, &mut hidden)).await,
            };
            let Some(told) = told else {
                subscription.miss();
                continue;
            };
            match self.hub.session.watched(told) {
                Ok(opened) => {
                    backoff.reset();
                    if opened {
                        subscription.miss();
                    }
                }
                Err(error) if passes(&error) => {
                    tracing::debug!(key = %self.key, %error, "what is watched can't be read and is read again");
                    subscription.miss();
                    sleep(backoff.next_pause()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the present state, which is all that there is to tell.
    async fn state(&self, link: &Link, hidden: &mut Denied) -> Result<bool> {
        let state = self.sink.begin_resync();
        self.reader(link).state(self.key, self.scope, hidden, |entries| state.page(entries)).await?;
        // What a link shows that was retired may be newer than what the next one does.
        if !link.is_retired() {
            state.finish();
        }
        Ok(false)
    }

    /// Tells what has become of some keys; whether that is not all there is to tell.
    async fn changes(
        &self,
        link: &Link,
        keys: impl IntoIterator<Item = Arc<str>>,
        hidden: &mut Denied,
    ) -> Result<bool> {
        let tell = |now| match now {
            _ if link.is_retired() => {}
            Now::Entry(entry) => self.sink.put(entry),
            Now::Gone(key) => self.sink.delete(&key),
            Now::Hidden(key) => self.sink.hide(Key::from_checked(&key)),
        };
        self.reader(link).each(self.key, keys, hidden, tell).await
    }

    fn reader<'c>(&'c self, link: &'c Link) -> Reader<'c> {
        Reader { link, paths: &self.hub.paths, warned: self.warned, patience: self.context.operation_timeout() }
    }
}

/// Whether it can pass by itself.
fn passes(error: &Error) -> bool {
    use ErrorKind::{Other, PermissionDenied, Unauthenticated, Unsupported};
    !matches!(error.kind(), PermissionDenied | Unauthenticated | Unsupported | Other)
}

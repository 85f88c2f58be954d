//! A watch that never ends, and what is kept by it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use registry_api::{Backoff, Entry, Error, ErrorKind, Event, Scope};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::{Registry, Watch, supervised};

/// The first pause after a watch could not be opened, or has ended with an error.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(5);

/// What a watch is mirrored in: see [`Registry::mirror`].
pub trait Mirror: Send + Sync + 'static {
    /// An entry is there.
    fn put(&self, entry: &Entry);
    /// An entry is gone.
    fn remove(&self, key: &str);
    /// The keys of the entries that are there, as far as this mirror keeps them.
    fn keys(&self) -> Vec<String>;
    /// All that is there has been told.
    fn synced(&self) {}
    /// All that has happened up to now has been told.
    fn settled(&self) {}
    /// It can't be watched, and is tried again after this pause; what is there stays as it is meanwhile.
    fn broken(&self, _error: Error, _pause: Duration) {}
    /// The registry is closed: nothing will change any more.
    fn end(&self);
}

impl Registry {
    /// Watches a key in the background and keeps a mirror of what is there, until the registry is closed or the task is
    /// dropped.
    ///
    /// # Behavior
    ///
    /// It never gives up: after an error that ends a watch, another is opened after a pause, from 0.1 s to 10 s. What
    /// is gone by then is removed from the mirror once the new one has told all that is there.
    pub fn mirror(
        &self,
        work: &'static str,
        key: impl Into<String>,
        scope: Scope,
        mirror: Arc<impl Mirror>,
    ) -> AbortOnDropHandle<()> {
        let (registry, key) = (self.clone(), key.into());
        let keeping = supervised(work, move || keep(registry.clone(), key.clone(), scope, Arc::clone(&mirror)));
        AbortOnDropHandle::new(tokio::spawn(keeping))
    }
}

async fn keep(registry: Registry, key: String, scope: Scope, mirror: Arc<impl Mirror>) {
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        let ended = match registry.watch(&key, scope).await {
            Ok(watch) => hear(watch, &*mirror, &mut backoff).await,
            Err(error) => Some(error),
        };
        match ended {
            None => break,
            Some(error) if error.kind() == ErrorKind::Closed => break,
            Some(error) => {
                let pause = backoff.next_pause();
                tracing::warn!(key, %error, ?pause, "can't watch, tries again");
                mirror.broken(error, pause);
                sleep(pause).await;
            }
        }
    }
    mirror.end();
}

/// Hears a watch to its end; the error that ended it, if one did.
async fn hear(mut watch: Watch, mirror: &impl Mirror, backoff: &mut Backoff) -> Option<Error> {
    // A new watch tells only of what is there: whatever it doesn't name has gone since the last one.
    let mut unseen: Option<HashSet<String>> = Some(mirror.keys().into_iter().collect());
    loop {
        let next = match watch.next().now_or_never() {
            Some(next) => next,
            None => {
                mirror.settled();
                watch.next().await
            }
        };
        match next {
            Some(Ok(Event::Put { entry, .. })) => {
                if let Some(unseen) = &mut unseen {
                    unseen.remove(&entry.key);
                }
                mirror.put(&entry);
            }
            Some(Ok(Event::Delete { last })) => mirror.remove(&last.key),
            Some(Ok(_)) => {
                unseen.take().into_iter().flatten().for_each(|key| mirror.remove(&key));
                backoff.reset();
                mirror.synced();
            }
            Some(Err(error)) => {
                mirror.settled();
                return Some(error);
            }
            None => return None,
        }
    }
}

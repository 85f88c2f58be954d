//! The one watch that a view costs.
//!
//! What it tells is mirrored; whoever opens a view waits until the mirror is complete.

use std::{collections::HashSet, sync::Arc, time::Duration};

use registry_host::{Backoff, Entry, Error, ErrorKind, Event, Registry, Result, Scope, Watch};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::task::{self, Task};

/// What a watch is mirrored in.
pub(crate) trait Mirror: Send + Sync + 'static {
    /// An entry is there.
    fn put(&self, entry: &Entry);
    /// An entry is gone.
    fn remove(&self, key: &str);
    /// The keys of the entries that are there.
    fn keys(&self) -> Vec<String>;
    /// Nothing will change any more.
    fn end(&self);
}

/// Mirrors all below a key, until the registry is closed or the task is dropped; ready once the mirror is complete.
///
/// # Errors
///
/// As [`Registry::watch`].
pub(crate) async fn mirror(registry: &Registry, key: &'static str, mirror: Arc<impl Mirror>) -> Result<Task> {
    let (complete, seen) = oneshot::channel();
    let (watched, mut complete) = (registry.clone(), Some(complete));
    let watching = task::spawn("watching", move || keep(watched.clone(), key, Arc::clone(&mirror), complete.take()));
    let limit = registry.operation_timeout();
    match timeout(limit, seen).await {
        Ok(Ok(seen)) => seen.map(|()| watching),
        Ok(Err(_)) => Err(Error::new(ErrorKind::Closed, "the registry was closed")),
        Err(_) => {
            let message = format!("not all that is there has been told within {limit:?}");
            Err(Error::new(ErrorKind::Timeout, message).or_operation("watch").or_key(key))
        }
    }
}

async fn keep(
    registry: Registry,
    key: &str,
    mirror: Arc<impl Mirror>,
    mut complete: Option<oneshot::Sender<Result<()>>>,
) {
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        let ended = match registry.watch(key, Scope::Subtree).await {
            Ok(watch) => hear(watch, &*mirror, &mut complete).await,
            Err(error) => Some(error),
        };
        match ended {
            None => break,
            Some(error) if error.kind() == ErrorKind::Closed => break,
            Some(error) => {
                tracing::warn!(key, %error, "can't watch, tries again");
                // Whoever waits for the first view is told; for all others it goes on from the last one.
                if let Some(complete) = complete.take() {
                    // Nobody may be waiting any more.
                    let _ = complete.send(Err(error));
                    break;
                }
            }
        }
        sleep(backoff.next_pause()).await;
    }
    mirror.end();
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Hears a watch to its end; the error that ended it, if one did.
async fn hear(
    mut watch: Watch,
    mirror: &impl Mirror,
    complete: &mut Option<oneshot::Sender<Result<()>>>,
) -> Option<Error> {
    // A new watch tells only of who is there: whoever it doesn't name has left since the last one.
    let mut unseen: Option<HashSet<String>> = Some(mirror.keys().into_iter().collect());
    loop {
        match watch.next().await {
            Some(Ok(Event::Put { entry, .. })) => {
                if let Some(unseen) = &mut unseen {
                    unseen.remove(&entry.key);
                }
                mirror.put(&entry);
            }
            Some(Ok(Event::Delete { last })) => mirror.remove(&last.key),
            Some(Ok(_)) => {
                unseen.take().into_iter().flatten().for_each(|key| mirror.remove(&key));
                if let Some(complete) = complete.take() {
                    // Nobody may be waiting any more.
                    let _ = complete.send(Ok(()));
                }
            }
            Some(Err(error)) => return Some(error),
            None => return None,
        }
    }
}

//! The one watch that a view costs.
//!
//! What it tells is mirrored; opening a view waits until the mirror is complete.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use registry_host::{Entry, Error, ErrorKind, Mirror, Registry, Result, Scope};
use tokio::{sync::oneshot, time::timeout};

use crate::task::Task;

/// Mirrors all below a key, until the registry is closed or the task is dropped; ready once the mirror is complete.
///
/// # Errors
///
/// As [`Registry::watch`].
pub(crate) async fn mirror(registry: &Registry, key: &'static str, mirror: Arc<impl Mirror>) -> Result<Task> {
    let (complete, seen) = oneshot::channel();
    let mirror = Arc::new(Completed { mirror, complete: Mutex::new(Some(complete)) });
    let watching = registry.mirror("watching", key, Scope::Subtree, mirror);
    let limit = registry.operation_timeout();
    match timeout(limit, seen).await {
        // For whoever has a view it goes on after an error; whoever waits for the first one is told.
        Ok(Ok(seen)) => seen.map(|()| watching),
        Ok(Err(_)) => Err(Error::new(ErrorKind::Closed, "the registry was closed")),
        Err(_) => {
            let message = format!("not all that is there has been told within {limit:?}");
            Err(Error::new(ErrorKind::Timeout, message).or_operation("watch").or_key(key))
        }
    }
}

/// A mirror that somebody waits for.
struct Completed<M> {
    mirror: Arc<M>,
    complete: Mutex<Option<oneshot::Sender<Result<()>>>>,
}

impl<M> Completed<M> {
    fn complete(&self, seen: Result<()>) {
        if let Some(complete) = self.complete.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Nobody may be waiting any more.
            let _ = complete.send(seen);
        }
    }
}

impl<M: Mirror> Mirror for Completed<M> {
    fn put(&self, entry: &Entry) {
        self.mirror.put(entry);
    }

    fn remove(&self, key: &str) {
        self.mirror.remove(key);
    }

    fn keys(&self) -> Vec<String> {
        self.mirror.keys()
    }

    fn synced(&self) {
        self.mirror.synced();
        self.complete(Ok(()));
    }

    fn settled(&self) {
        self.mirror.settled();
    }

    fn broken(&self, error: Error, pause: Duration) {
        self.complete(Err(error.clone()));
        self.mirror.broken(error, pause);
    }

    fn end(&self) {
        self.mirror.end();
        self.complete(Err(Error::new(ErrorKind::Closed, "the registry was closed")));
    }
}

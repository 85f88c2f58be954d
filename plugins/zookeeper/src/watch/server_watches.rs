//! The order of what is asked of the server about watches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::{select, sync::RwLock};
use zookeeper_client::{AddWatchMode, Client, Error as ZkError, PersistentWatcher};

use crate::session::Link;

/// Keeps additions and removals of server watches apart.
///
/// # Behavior
///
/// A client answers an event that it has no watcher for by removing any watch on the event's path. So a late event of a
/// removed watch can end another one that is being added below it. And it mixes up two removals of a path that is being
/// added. So a removal is made only while nothing is being added. Nothing is added before the server has answered a
/// request made after the removal: by then it has sent all events of that watch.
#[derive(Default)]
pub(super) struct ServerWatches {
    order: RwLock<()>,
    /// The clients are not held: a removal that is broken off must not keep a session alive.
    leaving: Mutex<Vec<(Weak<Link>, PersistentWatcher)>>,
}

impl ServerWatches {
    /// Has the server tell the client what happens at a path and below it.
    ///
    /// # Errors
    ///
    /// Those of the server.
    ///
    /// # Cancellation
    ///
    /// It must not be dropped before it is ready, unless the client is not used any more.
    pub(super) async fn add(&self, client: &Client, path: &str) -> Result<PersistentWatcher, ZkError> {
        let _adding = self.order.read().await;
        client.watch(path, AddWatchMode::PersistentRecursive).await
    }

    /// Removes a watch of that client; many that leave at the same time are removed in one go.
    ///
    /// # Behavior
    ///
    /// It waits no longer than the client is used.
    pub(super) async fn remove(
        &self,
        client: Arc<Link>,
        watcher: PersistentWatcher,
        replaced: impl Future<Output = ()>,
    ) {
        let own = Arc::downgrade(&client);
        self.leaving().push((own.clone(), watcher));
        let _removing = self.order.write().await;
        let removed: Vec<_> = self.leaving().extract_if(.., |(other, _)| other.ptr_eq(&own)).collect();
        if removed.is_empty() {
            return;
        }
        drop(removed);
        select! {
            // Without an answer the connection is gone, and all watches that were on it.
            _ = client.check_stat("/") => {}
            () = replaced => {}
        }
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<(Weak<Link>, PersistentWatcher)>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

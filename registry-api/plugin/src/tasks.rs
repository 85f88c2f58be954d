//! The background tasks of one connection, which end with it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinSet},
};

/// Owns every task of a connection.
#[derive(Clone)]
pub(crate) struct Tasks {
    runtime: Handle,
    set: Arc<Mutex<Option<JoinSet<()>>>>,
}

impl Tasks {
    pub(crate) fn new(runtime: Handle) -> Self {
        Tasks { runtime, set: Arc::new(Mutex::new(Some(JoinSet::new()))) }
    }

    /// Starts a task; nothing is started once the tasks have been ended.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let set = set.as_mut()?;
        // What has finished meanwhile is let go, so that the set holds only what runs.
        while set.try_join_next().is_some() {}
        Some(set.spawn_on(task, &self.runtime))
    }

    /// Ends all tasks at once, without waiting for them, and refuses new ones.
    pub(crate) fn abort(&self) {
        drop(self.take());
    }

    /// Ends all tasks, waits until they have let go of what they held, and refuses new ones.
    pub(crate) async fn shutdown(&self) {
        if let Some(mut set) = self.take() {
            set.shutdown().await;
        }
    }

    fn take(&self) -> Option<JoinSet<()>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

//! The background tasks of one connection, which end with it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use registry_api::Backoff;
use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use crate::guarded::InRuntime;

/// The pauses before work that panicked is restarted.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

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

    /// Starts a task that goes on for as long as the connection: if it panics it is restarted after a pause.
    pub(crate) fn keep<F>(&self, work: &'static str, mut begin: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn(async move {
            let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
            let mut run = async || {
                let running = async {
                    begin().await;
                    Ok(())
                };
                InRuntime::new(Handle::current(), running).await
            };
            while let Err(error) = run().await {
                tracing::error!(work, %error, "background work of the plugin panicked, it is restarted");
                sleep(backoff.next_pause()).await;
            }
        });
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panicking_task_is_restarted_until_the_connection_ends() {
        let tasks = Tasks::new(Handle::current());
        let begun = Arc::new(AtomicUsize::new(0));
        let (counted, reached) = (begun.clone(), Arc::new(tokio::sync::Notify::new()));
        let reaches = reached.clone();
        tasks.keep("a test", move || {
            let (number, reaches) = (counted.fetch_add(1, Ordering::Relaxed), reaches.clone());
            async move {
                assert!(number >= 2, "the first two panic");
                reaches.notify_one();
                std::future::pending().await
            }
        });
        reached.notified().await;
        tasks.shutdown().await;
        assert_eq!((begun.load(Ordering::Relaxed), Arc::strong_count(&begun)), (3, 1));
    }
}

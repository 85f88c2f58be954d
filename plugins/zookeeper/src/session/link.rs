//! One client of the servers, with the task that serves it.

use std::{
    ops::Deref,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use asyncs::task::{Spawn, Task, enter};
use futures_util::future::poll_fn;
use tokio::{
    sync::watch,
    task::{AbortHandle, spawn},
};
use zookeeper_client::{Client, Error as ZkError, PersistentWatcher, SessionState, WatchedEvent};

/// A client that can be cut off from its servers.
///
/// # Behavior
///
/// The client by itself connects again and again, with pauses that double without bound, and takes its session back whenever it
/// succeeds. So whoever wants to carry the session on by another client [cuts](Link::cut) this one off first. Dropped, it sends
/// nothing more.
pub(crate) struct Link {
    client: Client,
    server: usize,
    serving: Serving,
    cut: AtomicBool,
}

/// The task that serves a client.
struct Serving {
    task: AbortHandle,
    /// What it does; nothing once it is over. While it is locked the task does nothing.
    work: Arc<Mutex<Option<Work>>>,
    /// Closed when the task is over.
    over: watch::Receiver<()>,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Link {
    /// Connects a client, whose task is the link's own, to one of the servers.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    ///
    /// # Cancellation
    ///
    /// Nothing is left of the attempt.
    pub(crate) async fn to(
        server: usize,
        connect: impl Future<Output = Result<Client, ZkError>>,
    ) -> Result<Self, ZkError> {
        let catch = Catch::default();
        let mut connect = pin!(connect);
        let client = poll_fn(|context| {
            let _scope = enter(&catch);
            connect.as_mut().poll(context)
        });
        let client = client.await?;
        let serving = catch.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A client that nothing serves is as good as none.
        let serving = serving.ok_or(ZkError::ClientClosed)?;
        Ok(Link { client, server, serving, cut: AtomicBool::new(false) })
    }

    /// Which of the servers it leads to.
    pub(crate) fn server(&self) -> usize {
        self.server
    }

    /// Cuts the client off for good if it has no connection, or nothing serves it any more; whether that was so.
    ///
    /// # Behavior
    ///
    /// What still waits for an answer without a connection was never sent, and fails as [unsent](crate::error::is_unsent): all
    /// that was sent had failed when the connection broke. What waits for a task that has panicked waits for its deadline, as
    /// nobody knows what was sent.
    pub(crate) fn cut(&self) -> bool {
        let work = self.serving.lock();
        let broken = !matches!(self.client.state(), SessionState::SyncConnected | SessionState::ConnectedReadOnly);
        if !broken && self.serving.over.has_changed().is_err() {
            self.cut.store(true, Ordering::SeqCst);
            return true;
        }
        if broken {
            self.end(work);
        }
        broken
    }

    /// Whether it was cut off.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Waits until nothing is sent or received any more.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + use<> {
        let mut over = self.serving.over.clone();
        async move {
            // Nothing is ever told but the end.
            let _ = over.changed().await;
        }
    }

    /// What a watch of this client tells next; nothing once the client is cut off.
    pub(crate) async fn told(&self, watcher: &mut PersistentWatcher) -> Option<WatchedEvent> {
        let mut event = pin!(watcher.changed());
        poll_fn(|context| {
            // A watch panics if it is asked for more than its client will ever tell.
            let work = self.serving.lock();
            if work.is_none() { Poll::Ready(None) } else { event.as_mut().poll(context).map(Some) }
        })
        .await
    }

    /// Ends its task as a panic would.
    #[cfg(test)]
    pub(crate) fn die(&self) {
        self.serving.task.abort();
    }

    fn end(&self, mut work: MutexGuard<'_, Option<Work>>) {
        self.cut.store(true, Ordering::SeqCst);
        let ended = work.take();
        drop(work);
        // Whoever it wakes by that may look at what is left of it.
        drop(ended);
        self.serving.task.abort();
    }
}

impl Deref for Link {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Whoever waits for an answer holds the link.
        self.end(self.serving.lock());
    }
}

impl Serving {
    fn lock(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Catches the task that the client spawns when it is connected.
#[derive(Default)]
struct Catch(Mutex<Option<Serving>>);

impl Spawn for Catch {
    fn spawn(&self, task: Task) {
        let (alive, over) = watch::channel(());
        let work = Arc::new(Mutex::new(Some(Box::into_pin(task.future))));
        let task = spawn({
            let work = work.clone();
            async move {
                let _alive = alive;
                poll_fn(|context| {
                    let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
                    work.as_mut().map_or(Poll::Ready(()), |work| work.as_mut().poll(context))
                })
                .await;
            }
        });
        let serving = Serving { task: task.abort_handle(), work, over };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
    }
}

//! One client of the servers, with the task that serves it.

use std::{
    ops::Deref,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use asyncs::task::{Spawn, Task, enter};
use futures_util::future::poll_fn;
use tokio::{
    select,
    sync::{Notify, watch},
    task::{AbortHandle, spawn},
    time::sleep,
};
use zookeeper_client::{Client, Error as ZkError, PersistentWatcher, SessionState, StateWatcher, WatchedEvent};

use crate::error::is_unanswered;

/// A client for as long as its first connection lasts.
///
/// # Behavior
///
/// The client by itself connects again and again, with pauses that double without bound, and believes that whatever
/// session a server gives it is the one that it had. So nothing serves it any more from the moment in which its
/// connection breaks: to carry the session on takes another link, whose session is compared with the one that was asked
/// for. Dropped, it sends nothing more, unless it was told to [end its session](Link::end_session).
///
/// A link whose server has fallen silent may be [retired](Link::retire) while it is connected: the session goes on over
/// another one, and this one is served on for the writes that it owes an answer to. It ends with the last of them, or
/// when its connection breaks.
pub(crate) struct Link {
    client: Client,
    server: usize,
    serving: Serving,
    /// How long an answer may take before the server is looked at.
    short: Duration,
    /// Counts the answers: the server gives them in the order of the requests, across all callers.
    answers: AtomicU64,
    silence: Notify,
    retired: AtomicBool,
    retirement: Notify,
}

/// The task that serves a client.
struct Serving {
    task: AbortHandle,
    service: Arc<Service>,
    /// Closed when the task has ended.
    over: watch::Receiver<()>,
}

/// What the task does.
struct Service {
    /// `None` once it has ended. While it is locked the task does nothing.
    work: Mutex<Option<Work>>,
    cut: AtomicBool,
    ends_session: AtomicBool,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Link {
    /// Connects a client, whose task is the link's own, to one of the servers. An answer that takes longer than `short`
    /// is told of by [`silence`](Link::silence).
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
        short: Duration,
        connect: impl Future<Output = Result<Client, ZkError>>,
    ) -> Result<Self, ZkError> {
        let catch = Catch::default();
        let mut connect = pin!(connect);
        let client = poll_fn(|context| {
            let _scope = enter(&catch);
            connect.as_mut().poll(context)
        });
        let client = client.await?;
        let work = catch.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A client that nothing serves is as good as none.
        let work = work.ok_or(ZkError::ClientClosed)?;
        let serving = Serving::begin(work, client.state_watcher());
        Ok(Link {
            client,
            server,
            serving,
            short,
            answers: AtomicU64::new(0),
            silence: Notify::new(),
            retired: AtomicBool::new(false),
            retirement: Notify::new(),
        })
    }

    /// Which of the servers it leads to.
    pub(crate) fn server(&self) -> usize {
        self.server
    }

    /// Lets nobody use a client any more whose connection has broken or that no server serves.
    ///
    /// # Behavior
    ///
    /// What still waits for an answer without a connection was never sent, and fails as
    /// [unsent](crate::error::is_unsent): all that was sent had failed when the connection broke. What waits for a task
    /// that has panicked waits for its deadline, as nobody knows what was sent.
    pub(crate) fn cut(&self) {
        let work = self.serving.service.lock();
        self.serving.service.cut.store(true, Ordering::SeqCst);
        if !connected(self.client.state()) {
            self.end(work);
        }
    }

    /// Whether it was cut off or retired.
    pub(crate) fn is_cut(&self) -> bool {
        self.serving.service.cut.load(Ordering::SeqCst)
    }

    /// Has nobody use the client any more, whose session goes on over another link.
    ///
    /// # Behavior
    ///
    /// It is served on: a client that is dropped while it is connected doesn't tell what was sent from what was not.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        self.serving.service.cut.store(true, Ordering::SeqCst);
        self.retirement.notify_waiters();
    }

    /// Whether it was retired.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Waits for an answer, and tells of the server's [silence](Link::silence) for as long as it answers nothing at
    /// all.
    pub(crate) async fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        loop {
            let before = self.answers.load(Ordering::Relaxed);
            select! {
                // The timer is set only if there is no answer yet.
                biased;
                answer = &mut answer => {
                    self.answered();
                    return answer;
                }
                () = sleep(self.short) => {
                    if self.answers.load(Ordering::Relaxed) == before {
                        self.silence.notify_one();
                    }
                }
            }
        }
    }

    /// There was an answer to a part of what somebody [waits](Link::wait) for.
    pub(crate) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// The same for as long as the link is not retired; `None` then, also if there is an answer.
    ///
    /// # Behavior
    ///
    /// What a server answers that the session has left may be newer than what the next one shows.
    pub(crate) async fn wait_in_use<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let retirement = self.retirement.notified();
        if self.is_retired() {
            return None;
        }
        select! {
            biased;
            answer = self.wait(answer) => (!self.is_retired()).then_some(answer),
            () = retirement => None,
        }
    }

    /// Waits until an answer has taken long; to be waited for by one alone.
    pub(crate) async fn silence(&self) {
        self.silence.notified().await;
    }

    /// An error as it can be relied on: that a client was dropped before it had an answer means that nothing was sent
    /// only if its connection had broken before.
    pub(crate) fn certain(&self, error: ZkError) -> ZkError {
        if is_unanswered(&error) && connected(self.client.state()) { ZkError::ConnectionLoss } else { error }
    }

    /// Has the session end over this connection when the link is dropped; what became of it is told by the client's
    /// [states](Client::state_watcher).
    pub(crate) fn end_session(&self) {
        self.serving.service.ends_session.store(true, Ordering::SeqCst);
    }

    /// Waits until nothing is sent or received any more.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + use<> {
        let mut over = self.serving.over.clone();
        async move {
            // Nothing is ever told but the end.
            let _ = over.changed().await;
        }
    }

    /// What a watch of this client tells next; `None` once the client is cut off.
    pub(crate) async fn told(&self, watcher: &mut PersistentWatcher) -> Option<WatchedEvent> {
        let mut event = pin!(watcher.changed());
        poll_fn(|context| {
            // A watch panics if it is asked for more than its client will ever tell.
            let work = self.serving.service.lock();
            if work.is_none() { Poll::Ready(None) } else { event.as_mut().poll(context).map(Some) }
        })
        .await
    }

    /// Ends its task as a panic would.
    #[cfg(test)]
    pub(crate) fn die(&self) {
        self.serving.task.abort();
    }

    fn end(&self, work: MutexGuard<'_, Option<Work>>) {
        self.serving.service.end(work);
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
        // A call that waits for an answer holds the link.
        let work = self.serving.service.lock();
        // The client that is dropped next has its task end the session, and then nothing is left for the task to do.
        let ends = self.serving.service.ends_session.load(Ordering::SeqCst) && connected(self.client.state());
        if !ends {
            self.end(work);
        }
    }
}

impl Serving {
    /// Serves a client until its state changes for the first time.
    fn begin(work: Work, mut states: StateWatcher) -> Self {
        let (alive, over) = watch::channel(());
        let service = Arc::new(Service {
            work: Mutex::new(Some(work)),
            cut: AtomicBool::new(false),
            ends_session: AtomicBool::new(false),
        });
        let task = spawn({
            let service = service.clone();
            async move {
                let _alive = alive;
                let mut changed = pin!(states.changed());
                poll_fn(|context| service.serve(context, changed.as_mut())).await;
            }
        });
        Serving { task: task.abort_handle(), service, over }
    }
}

impl Service {
    fn lock(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the client for a while; ready once its connection has broken.
    fn serve(&self, context: &mut Context<'_>, changed: Pin<&mut impl Future<Output = SessionState>>) -> Poll<()> {
        let mut work = self.lock();
        let Some(present) = work.as_mut() else { return Poll::Ready(()) };
        if present.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        match changed.poll(context) {
            Poll::Pending => Poll::Pending,
            // It has found another connection in no time: what was sent on that one nobody knows.
            Poll::Ready(state) if connected(state) => Poll::Ready(()),
            Poll::Ready(_) => {
                self.end(work);
                Poll::Ready(())
            }
        }
    }

    fn end(&self, mut work: MutexGuard<'_, Option<Work>>) {
        self.cut.store(true, Ordering::SeqCst);
        let ended = work.take();
        drop(work);
        // The tasks that this wakes may look at what is left of it.
        drop(ended);
    }
}

fn connected(state: SessionState) -> bool {
    matches!(state, SessionState::SyncConnected | SessionState::ConnectedReadOnly)
}

/// Catches the task that the client spawns when it is connected.
#[derive(Default)]
struct Catch(Mutex<Option<Work>>);

impl Spawn for Catch {
    fn spawn(&self, task: Task) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::into_pin(task.future));
    }
}

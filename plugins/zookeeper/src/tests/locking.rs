//! Asking for locks, and looking at their queues.

use registry_plugin::{Backend, Bytes, ErrorKind, Held, Key, LockRequest, Result};
use tokio::{task::JoinHandle, time::timeout};
use zookeeper_client::{Acls, CreateMode, Stat};

use super::support::*;

pub(crate) const LOCK: &str = "/locks/a";

/// What tests of locks do with a client.
pub(crate) trait Contender {
    /// Asks for the lock, and waits if asked to.
    fn ask(&self, waits: bool) -> impl Future<Output = Result<Held>> + Send + 'static;

    /// Asks for the lock in the background.
    fn queue(&self) -> JoinHandle<Result<Held>>;

    /// Has the lock, which nobody else has.
    async fn lock(&self) -> Held;

    async fn try_lock(&self) -> Result<Held>;

    async fn unlock(&self, held: Held);

    /// The names of all that is in the queue, from the first on.
    async fn queued(&self) -> Vec<String>;

    async fn until_queued(&self, count: usize);

    /// Makes a queue entry as another program would, whose name begins like that; its own name.
    async fn queue_as(&self, prefix: &str) -> String;

    /// Makes something below the lock.
    async fn make(&self, name: &str, mode: CreateMode);

    async fn remove(&self, name: &str);

    async fn stat(&self, at: Key<'_>) -> Option<Stat>;

    /// How many entries were ever made below the lock: the server counts makings and removals.
    async fn ever_made(&self) -> i32;

    fn raw(&self) -> std::sync::Arc<crate::session::Link>;
}

impl Contender for Client {
    fn ask(&self, waits: bool) -> impl Future<Output = Result<Held>> + Send + 'static {
        let request = LockRequest::detached(&self.context, LOCK, Bytes::from_static(b"who"), waits, 0);
        self.backend.clone().lock(request)
    }

    fn queue(&self) -> JoinHandle<Result<Held>> {
        tokio::spawn(self.ask(true))
    }

    async fn lock(&self) -> Held {
        within(self.ask(true)).await.expect("the lock is free")
    }

    async fn try_lock(&self) -> Result<Held> {
        within(self.ask(false)).await
    }

    async fn unlock(&self, held: Held) {
        within(self.backend.clone().unlock(held)).await.expect("a release");
    }

    async fn queued(&self) -> Vec<String> {
        let mut names = match self.children(key(LOCK)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            names => names.expect("an answer"),
        };
        names.sort_by_key(|name| name.rsplit_once("-lock-").map(|(_, number)| number.to_owned()));
        names
    }

    async fn until_queued(&self, count: usize) {
        until(&format!("{count} are in the queue"), async || self.queued().await.len() == count).await;
    }

    async fn queue_as(&self, prefix: &str) -> String {
        let path = self.paths.path(key(&key(LOCK).child(prefix)));
        let options = CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
        let (_, number) = self.raw().create(&path, b"", &options).await.expect("an entry");
        format!("{prefix}{number}")
    }

    async fn make(&self, name: &str, mode: CreateMode) {
        let path = self.paths.path(key(&key(LOCK).child(name)));
        self.raw().create(&path, b"", &mode.with_acls(Acls::anyone_all())).await.expect("an entry");
    }

    async fn remove(&self, name: &str) {
        self.raw().delete(&self.paths.path(key(&key(LOCK).child(name))), None).await.expect("a delete");
    }

    async fn stat(&self, at: Key<'_>) -> Option<Stat> {
        self.raw().check_stat(&self.paths.path(at)).await.expect("an answer")
    }

    async fn ever_made(&self) -> i32 {
        let stat = self.stat(key(LOCK)).await.expect("the lock's key");
        (stat.cversion + stat.num_children) / 2
    }

    fn raw(&self) -> std::sync::Arc<crate::session::Link> {
        self.session.client().expect("it is open")
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future).await.expect("in time")
}

/// What came of asking in the background.
pub(crate) async fn had(asked: JoinHandle<Result<Held>>) -> Result<Held> {
    within(asked).await.expect("no panic")
}

pub(crate) fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// The name of a holder's entry.
pub(crate) fn name(held: &Held) -> &str {
    Key::from_checked(&held.entry).name()
}

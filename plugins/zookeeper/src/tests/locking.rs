//! Asking for locks, and looking at their queues.

use registry_plugin::{Backend, Bytes, ErrorKind, Held, Key, LockRequest, Result};
use tokio::{task::JoinHandle, time::timeout};
use zookeeper_client::{Acls, CreateMode, Stat};

use super::support::*;

pub(crate) const LOCK: &str = "/locks/a";

impl Client {
    /// Asks for the lock, and waits if asked to.
    pub(crate) fn ask(&self, waits: bool) -> impl Future<Output = Result<Held>> + Send + 'static {
        let request = LockRequest::detached(&self.context, LOCK, Bytes::from_static(b"who"), waits, 0);
        self.backend.clone().lock(request)
    }

    /// Asks for the lock in the background.
    pub(crate) fn queue(&self) -> JoinHandle<Result<Held>> {
        tokio::spawn(self.ask(true))
    }

    /// Has the lock, which nobody else has.
    pub(crate) async fn lock(&self) -> Held {
        within(self.ask(true)).await.expect("the lock is free")
    }

    pub(crate) async fn try_lock(&self) -> Result<Held> {
        within(self.ask(false)).await
    }

    pub(crate) async fn unlock(&self, held: Held) {
        within(self.backend.clone().unlock(held)).await.expect("a release");
    }

    /// The names of all that is in the queue, from the first on.
    pub(crate) async fn queued(&self) -> Vec<String> {
        let mut names = match self.children(key(LOCK)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            names => names.expect("an answer"),
        };
        names.sort_by_key(|name| name.rsplit_once("-lock-").map(|(_, number)| number.to_owned()));
        names
    }

    pub(crate) async fn until_queued(&self, count: usize) {
        until(&format!("{count} are in the queue"), async || self.queued().await.len() == count).await;
    }

    /// Makes a queue entry as another program would, whose name begins like that; its own name.
    pub(crate) async fn queue_as(&self, prefix: &str) -> String {
        let path = self.paths.path(key(&key(LOCK).child(prefix)));
        let options = CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
        let (_, number) = self.raw().create(&path, b"", &options).await.expect("an entry");
        format!("{prefix}{number}")
    }

    /// Makes something below the lock.
    pub(crate) async fn make(&self, name: &str, mode: CreateMode) {
        let path = self.paths.path(key(&key(LOCK).child(name)));
        self.raw().create(&path, b"", &mode.with_acls(Acls::anyone_all())).await.expect("an entry");
    }

    pub(crate) async fn remove(&self, name: &str) {
        self.raw().delete(&self.paths.path(key(&key(LOCK).child(name))), None).await.expect("a delete");
    }

    pub(crate) async fn stat(&self, at: Key<'_>) -> Option<Stat> {
        self.raw().check_stat(&self.paths.path(at)).await.expect("an answer")
    }

    /// How many entries were ever made below the lock: the server counts makings and removals.
    pub(crate) async fn ever_made(&self) -> i32 {
        let stat = self.stat(key(LOCK)).await.expect("the lock's key");
        (stat.cversion + stat.num_children) / 2
    }

    pub(crate) fn raw(&self) -> std::sync::Arc<zookeeper_client::Client> {
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

//! The calls that clients make, each told of.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use registry_chaos::history::{Action, Answer, Leaf};
use registry_host::{Entry, FencingToken, Guard, Registry, Result, Version};

use super::log::Log;

/// A registry whose calls are told of.
pub(crate) struct Calls {
    pub(crate) registry: Registry,
    pub(crate) log: Log,
    /// What the client's values begin with: its number and its life.
    name: String,
    values: AtomicU64,
}

impl Calls {
    pub(crate) fn new(registry: Registry, log: Log, client: u32, life: u32) -> Self {
        Calls { registry, log, name: format!("{client}/{life}"), values: AtomicU64::new(0) }
    }

    /// A value that nobody else has written or will write.
    pub(crate) fn value(&self) -> String {
        format!("{}/{}", self.name, self.number())
    }

    pub(crate) async fn put(&self, key: &str, ephemeral: bool) -> Result<Version> {
        let value = self.value();
        let put = self.registry.put(key, value.clone());
        let put = if ephemeral { put.ephemeral() } else { put };
        let action = Action::Put { key: key.to_owned(), value, ephemeral };
        self.log.call(action, self.limit(), put.into_future(), written).await
    }

    /// Writes a value on the condition that the entry is at a version, or not there.
    pub(crate) async fn put_if(&self, key: &str, value: String, version: Option<Version>) -> Result<Version> {
        let put = self.registry.put(key, value.clone());
        let put = match version {
            Some(version) => put.if_version(version),
            None => put.if_absent(),
        };
        let action = Action::PutIf { key: key.to_owned(), value, version: version.map(Version::get) };
        self.log.call(action, self.limit(), put.into_future(), written).await
    }

    /// Writes what only the holder of a lock may, who is known by his entry in the queue and his token.
    pub(crate) async fn fenced(&self, lock: &str, entry: &str, token: FencingToken, key: &str) -> Result<Version> {
        let value = format!("{}/{token}/{}", self.name, self.number());
        let mut txn = self.registry.txn();
        let put = txn.check_held_entry(entry, token).put(key, &value).handle();
        let committed = async { Ok(txn.commit().await?.version_of(put)) };
        let action =
            Action::Fenced { lock: lock.to_owned(), token: token.get(), key: key.to_owned(), value: value.clone() };
        self.log.call(action, self.limit(), committed, written).await
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<u64> {
        let action = Action::Delete { key: key.to_owned() };
        self.log.call(action, self.limit(), self.registry.delete(key).into_future(), |_| Answer::Done).await
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let action = Action::Get { key: key.to_owned() };
        let answer = |entry: &Option<Entry>| Answer::Entry { entry: entry.as_ref().map(leaf) };
        self.log.call(action, self.limit(), self.registry.get(key), answer).await
    }

    pub(crate) async fn list(&self, key: &str) -> Result<Vec<Entry>> {
        let action = Action::List { key: key.to_owned() };
        let answer = |entries: &Vec<Entry>| Answer::Entries { entries: entries.iter().map(leaf).collect() };
        self.log.call(action, self.limit(), self.registry.list(key), answer).await
    }

    /// Waits for a lock, for as long as it takes if there is no limit.
    pub(crate) async fn lock(&self, lock: &str, limit: Option<Duration>) -> Result<Guard> {
        let queued = self.registry.lock(lock);
        let queued = limit.into_iter().fold(queued, |queued, limit| queued.within(limit));
        // Leaving the queue may take as long as any call.
        let deadline = limit.map(|limit| limit + self.registry.operation_timeout());
        let action = Action::Lock { lock: lock.to_owned() };
        self.log.call(action, deadline, queued.into_future(), |guard| Answer::Held { token: guard.token().get() }).await
    }

    pub(crate) async fn release(&self, guard: Guard) -> Result<()> {
        let action = Action::Release { lock: guard.key().to_owned(), token: guard.token().get() };
        self.log.call(action, self.limit(), guard.release(), |()| Answer::Done).await
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.log.call(Action::Close, self.limit(), self.registry.close(), |()| Answer::Done).await
    }

    /// How long any call may take.
    pub(crate) fn limit(&self) -> Option<Duration> {
        Some(self.registry.operation_timeout())
    }

    fn number(&self) -> u64 {
        self.values.fetch_add(1, Ordering::Relaxed)
    }
}

/// An entry as a history has it.
pub(crate) fn leaf(entry: &Entry) -> Leaf {
    Leaf {
        key: entry.key.clone(),
        value: String::from_utf8_lossy(&entry.value).into_owned(),
        version: entry.version.get(),
        owner: entry.ephemeral.map(|session| session.0),
    }
}

fn written(version: &Version) -> Answer {
    Answer::Written { version: version.get() }
}

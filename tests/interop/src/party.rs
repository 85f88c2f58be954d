//! The clients that meet on a server, with what all of them can do.

use std::collections::BTreeMap;

use registry_host::{Guard, Registry};
use registry_interop::Value;

use crate::driver::Driver;

/// The registry through its plugin, or a client that nobody here wrote.
pub(crate) enum Party {
    Ours(Registry),
    Theirs(Box<Driver>),
}

/// A lock that is held for as long as this and its holder's session are there.
pub(crate) struct Locked {
    /// The holder's entry in the queue.
    pub(crate) entry: String,
    _guard: Option<Guard>,
}

impl Party {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "registry",
            Self::Theirs(driver) => driver.client().name(),
        }
    }

    pub(crate) fn is_theirs(&self) -> bool {
        matches!(self, Self::Theirs(_))
    }

    pub(crate) async fn put(&mut self, key: &str, value: &[u8]) {
        match self {
            Self::Ours(registry) => drop(registry.put(key, value).await.expect("a put")),
            Self::Theirs(driver) => driver.put(key, &Value::Bytes(value.to_vec())).await,
        }
    }

    pub(crate) async fn put_ephemeral(&mut self, key: &str, value: &[u8]) {
        match self {
            Self::Ours(registry) => drop(registry.put(key, value).ephemeral().await.expect("an ephemeral put")),
            Self::Theirs(driver) => driver.put_ephemeral(key, &Value::Bytes(value.to_vec())).await,
        }
    }

    pub(crate) async fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        match self {
            Self::Ours(registry) => registry.get(key).await.expect("a get").map(|entry| entry.value.to_vec()),
            Self::Theirs(driver) => driver.get(key).await.map(Value::into_bytes),
        }
    }

    /// The key's own entry and all below it.
    pub(crate) async fn tree(&mut self, key: &str) -> BTreeMap<String, Vec<u8>> {
        match self {
            Self::Ours(registry) => {
                let listed = registry.list(key).await.expect("a list");
                listed.into_iter().map(|entry| (entry.key, entry.value.to_vec())).collect()
            }
            Self::Theirs(driver) => {
                driver.tree(key).await.into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
            }
        }
    }

    pub(crate) async fn delete(&mut self, key: &str) {
        match self {
            Self::Ours(registry) => drop(registry.delete(key).await.expect("a delete")),
            Self::Theirs(driver) => driver.delete(key).await,
        }
    }

    /// Waits for a lock.
    pub(crate) async fn lock(&mut self, key: &str) -> Locked {
        match self {
            Self::Ours(registry) => {
                let guard = registry.lock(key).await.expect("the lock");
                Locked { entry: guard.entry().to_owned(), _guard: Some(guard) }
            }
            Self::Theirs(driver) => Locked { entry: driver.lock(key).await, _guard: None },
        }
    }

    /// Ends its session.
    pub(crate) async fn close(self) {
        match self {
            Self::Ours(registry) => registry.close().await.expect("the session ends"),
            Self::Theirs(driver) => driver.close().await,
        }
    }

    /// Vanishes without ending its session.
    pub(crate) async fn die(self) {
        match self {
            Self::Ours(registry) => registry.abandon(),
            Self::Theirs(driver) => driver.kill().await,
        }
    }
}

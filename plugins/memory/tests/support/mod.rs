//! Sessions on trees that no other test knows.
#![allow(dead_code, unreachable_pub)]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use registry_memory::{Config, Memory, TreeName};
use registry_plugin::{
    Backend, Check, Committed, Context, Entry, ErrorKind, Key, Listing, Mode, Operation, Options, Page, Result, Txn,
    Version,
};
use tokio::runtime::Handle;

/// The name of a tree that nobody has used before.
pub fn new_tree() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("tree {}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// A connection, as the SDK would keep it.
pub struct Session {
    pub memory: Memory,
    pub context: Context,
}

impl Session {
    pub async fn open(tree: &str, namespace: &str) -> Self {
        Session::open_for(tree, namespace, Duration::from_secs(30)).await
    }

    pub async fn open_for(tree: &str, namespace: &str, timeout: Duration) -> Self {
        let mut options = Options::new("registry.memory");
        options.namespace = namespace.to_owned();
        options.session_timeout = timeout;
        let context = Context::detached::<Memory>(options, Handle::current());
        let config = Config { name: TreeName(tree.to_owned()) };
        let memory = Memory::connect(config, context.clone()).await.expect("memory connects");
        Session { memory, context }
    }

    pub async fn commit(&self, checks: &[Check<'_>], operations: &[Operation<'_>]) -> Result<Committed> {
        let txn = Txn::new(checks, operations);
        txn.validate(self.context.namespace())?;
        self.memory.commit(txn).await
    }

    pub async fn put(&self, key: &str, value: &str) -> Result<Version> {
        let committed = self.commit(&[], &[put(key, value)]).await?;
        Ok(committed.version(0).expect("a put has a version"))
    }

    pub async fn put_ephemeral(&self, key: &str) -> Result<Version> {
        let committed = self.commit(&[], &[ephemeral(key)]).await?;
        Ok(committed.version(0).expect("a put has a version"))
    }

    pub async fn delete(&self, key: &str) -> Result<u64> {
        Ok(self.commit(&[], &[Operation::Delete(k(key))]).await?.deleted())
    }

    pub async fn find(&self, key: &str) -> Option<Entry> {
        self.memory.get(k(key)).await.expect("get")
    }

    pub async fn children(&self, key: &str) -> Vec<String> {
        self.memory.children(k(key)).await.expect("children")
    }

    pub async fn list(&self, key: &str) -> Vec<Entry> {
        match self.memory.list(k(key), Page::first(1_000)).await.expect("list") {
            Listing::Page { entries, next: None } => entries,
            other => panic!("the whole listing in one page, not {other:?}"),
        }
    }

    pub async fn keys(&self, key: &str) -> Vec<String> {
        self.list(key).await.into_iter().map(|entry| entry.key).collect()
    }
}

pub fn k(key: &str) -> Key<'_> {
    Key::new(key).expect("a key")
}

pub fn put<'a>(key: &'a str, value: &'a str) -> Operation<'a> {
    Operation::Put { key: k(key), value: value.as_bytes(), mode: Mode::Persistent }
}

pub fn ephemeral(key: &str) -> Operation<'_> {
    Operation::Put { key: k(key), value: b"", mode: Mode::Ephemeral }
}

/// The kind of an error and the key it names.
pub fn refused<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, Option<String>) {
    let error = result.expect_err("an error");
    (error.kind(), error.key().map(str::to_owned))
}

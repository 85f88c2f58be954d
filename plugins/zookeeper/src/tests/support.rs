//! Connections to test servers, and waiting with a deadline.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use registry_plugin::{
    Backend, Check, Committed, Context, Entry, Error, Key, Listing, Mode, Operation, Options, Page, Result, SessionId,
    SessionState, Txn, config::from_value,
};
use registry_test_servers::ZooKeeper as Server;
use serde_json::{Value, json};
use tokio::{runtime::Handle, time::Instant};

use crate::Zookeeper;

/// Far beyond what anything here takes, for machines under load.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A backend, and the context that keeps its tasks.
pub(crate) struct Client {
    pub(crate) backend: Arc<Zookeeper>,
    pub(crate) context: Context,
}

impl Deref for Client {
    type Target = Zookeeper;

    fn deref(&self) -> &Zookeeper {
        &self.backend
    }
}

/// The server that tests share which break nothing.
pub(crate) fn server() -> &'static Server {
    Server::shared().expect("a ZooKeeper server")
}

/// A namespace that no other test has.
pub(crate) fn fresh() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Options with that namespace and a session timeout of 6 s.
pub(crate) fn options(namespace: &str) -> Options {
    let mut options = Options::new("registry.zookeeper");
    options.namespace = namespace.to_owned();
    options.session_timeout = Duration::from_secs(6);
    options
}

pub(crate) async fn connect_with(section: Value, options: Options) -> Result<Client> {
    let config = from_value(&section, &options.prefix).map_err(Error::from)?;
    let context = Context::detached::<Zookeeper>(options, Handle::current());
    // The host's clock, which a context without a host does not have.
    let session = context.session().clone();
    context.spawn(async move {
        loop {
            session.state();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    Ok(Client { backend: Arc::new(Zookeeper::connect(config, context.clone()).await?), context })
}

/// A connection to the shared server with that namespace.
pub(crate) async fn connect_to(namespace: &str) -> Client {
    let section = json!({ "connect-string": server().connect_string() });
    connect_with(section, options(namespace)).await.expect("a connection")
}

pub(crate) async fn connect() -> Client {
    connect_to(&fresh()).await
}

pub(crate) fn key(text: &str) -> Key<'_> {
    Key::new(text).expect(text)
}

pub(crate) fn put<'a>(at: &'a str, value: &'a str) -> Operation<'a> {
    Operation::Put { key: key(at), value: value.as_bytes(), mode: Mode::Persistent }
}

pub(crate) fn ephemeral<'a>(at: &'a str, value: &'a str) -> Operation<'a> {
    Operation::Put { key: key(at), value: value.as_bytes(), mode: Mode::Ephemeral }
}

pub(crate) fn delete(at: &str) -> Operation<'_> {
    Operation::Delete(key(at))
}

impl Client {
    pub(crate) async fn txn(&self, checks: &[Check<'_>], operations: &[Operation<'_>]) -> Result<Committed> {
        let txn = Txn::new(checks, operations);
        txn.validate("")?;
        self.commit(txn).await
    }

    pub(crate) async fn write(&self, operations: &[Operation<'_>]) -> Result<Committed> {
        self.txn(&[], operations).await
    }

    pub(crate) async fn find(&self, at: &str) -> Option<Entry> {
        self.get(key(at)).await.expect("an answer")
    }

    /// The whole listing, in pages of `limit`.
    pub(crate) async fn all(&self, at: &str, limit: usize) -> Vec<Entry> {
        let mut all = Vec::new();
        let mut page = Page::first(limit);
        loop {
            match self.list(key(at), page).await.expect("a page") {
                Listing::Page { entries, next } => {
                    all.extend(entries);
                    match next {
                        Some(next) => page = Page::after(next, limit),
                        None => return all,
                    }
                }
                Listing::Restart => {
                    all.clear();
                    page = Page::first(limit);
                }
                _ => unreachable!("an unknown listing"),
            }
        }
    }

    pub(crate) async fn keys(&self, at: &str) -> Vec<String> {
        self.all(at, 1000).await.into_iter().map(|entry| entry.key).collect()
    }
}

impl Client {
    pub(crate) fn state(&self) -> Option<SessionState> {
        self.context.session().state()
    }

    pub(crate) fn id(&self) -> SessionId {
        self.context.session().current().expect("a session").0
    }

    pub(crate) async fn until_state(&self, state: SessionState) {
        until(&format!("the session is {state}"), async || self.state() == Some(state)).await;
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

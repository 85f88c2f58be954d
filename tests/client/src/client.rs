//! The client.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use registry_plugin::{
    Backend, Check, Committed, Context, Entry, Error, Listing, Operation, Options, Page, Result, SessionId,
    SessionState, Txn, config::from_value,
};
use serde_json::Value;
use tokio::{runtime::Handle, time::sleep};

use crate::{key, until};

/// A backend, and the context that keeps its tasks.
pub struct Client<B> {
    /// The backend itself.
    pub backend: Arc<B>,
    /// Its tasks end with the last clone.
    pub context: Context,
}

impl<B> Deref for Client<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.backend
    }
}

/// A namespace that no other test of this process has.
pub fn fresh() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Options of a backend with that namespace and a session timeout of 10 s.
pub fn options<B: Backend>(namespace: &str) -> Options {
    let mut options = Options::new(format!("registry.{}", B::NAME));
    options.namespace = namespace.to_owned();
    // A server that stands still for a moment, as on a busy machine, is not taken for one that has gone.
    options.session_timeout = Duration::from_secs(10);
    options
}

impl<B: Backend> Client<B> {
    /// Connects with that section of the configuration.
    ///
    /// # Errors
    ///
    /// Those of the configuration and of the backend.
    pub async fn connect(section: Value, options: Options) -> Result<Self> {
        let config = from_value(&section, &options.prefix).map_err(Error::from)?;
        let context = Context::detached::<B>(options, Handle::current());
        // The host's clock, which a context without a host does not have.
        let session = context.session().clone();
        context.spawn(async move {
            loop {
                session.state();
                sleep(Duration::from_millis(20)).await;
            }
        });
        Ok(Client { backend: Arc::new(B::connect(config, context.clone()).await?), context })
    }

    /// Commits a Txn, having held it against the limits.
    ///
    /// # Errors
    ///
    /// Those of the limits and of the backend.
    pub async fn txn(&self, checks: &[Check<'_>], operations: &[Operation<'_>]) -> Result<Committed> {
        let txn = Txn::new(checks, operations);
        txn.validate("")?;
        self.commit(txn).await
    }

    /// The same without checks.
    ///
    /// # Errors
    ///
    /// As [`txn`](Client::txn).
    pub async fn write(&self, operations: &[Operation<'_>]) -> Result<Committed> {
        self.txn(&[], operations).await
    }

    /// The entry of a key, if there is one.
    pub async fn find(&self, at: &str) -> Option<Entry> {
        self.get(key(at)).await.expect("an answer")
    }

    /// The whole listing, in pages of `limit`.
    pub async fn all(&self, at: &str, limit: usize) -> Vec<Entry> {
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

    /// The keys of the whole listing.
    pub async fn keys(&self, at: &str) -> Vec<String> {
        self.all(at, 1000).await.into_iter().map(|entry| entry.key).collect()
    }

    /// The session's state.
    pub fn state(&self) -> Option<SessionState> {
        self.context.session().state()
    }

    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.context.session().current().expect("a session").0
    }

    /// Waits until the session has that state.
    pub async fn until_state(&self, state: SessionState) {
        until(&format!("the session is {state}"), async || self.state() == Some(state)).await;
    }
}

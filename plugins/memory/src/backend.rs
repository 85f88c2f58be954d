//! The backend: one session on a tree.

use std::{sync::Arc, time::Duration};

use registry_plugin::{
    Backend, Committed, Contact, Context, Entry, Error, ErrorKind, Key, Listing, Moment, Page, Result, Scope,
    SessionId, Txn, WatchSink,
};
use tokio::time::sleep;

use crate::{Config, namespace::Namespace, tree::Tree, trees, txn::Plan, watch::Watch};

/// A session on a tree of this process.
///
/// # Behavior
///
/// Every call is ready at once. Dropped or left by its tasks without [`close`](Backend::close), as when its client
/// crashes, the session lives on until its timeout has passed.
pub struct Memory {
    tree: Arc<Tree>,
    name: String,
    namespace: Namespace,
    session: SessionId,
    _client: Client,
}

impl Backend for Memory {
    const NAME: &'static str = "memory";
    type Config = Config;

    async fn connect(config: Config, context: Context) -> Result<Self> {
        let (tree, session) = trees::join(&config.name.0);
        let timeout = context.session_timeout();
        let client = || Client { tree: tree.clone(), session, timeout };
        // A session in this process can't lose contact.
        context.session().connected(session, timeout, Contact::Always);
        context.spawn(expire_in_time(client()));
        let (namespace, _client) = (Namespace::new(context.namespace()), client());
        Ok(Memory { tree, name: config.name.0, namespace, session, _client })
    }

    async fn server(&self) -> Result<String> {
        self.tree.read(self.session, |_| format!("memory {}, tree '{}'", env!("CARGO_PKG_VERSION"), self.name))
    }

    async fn get(&self, key: Key<'_>) -> Result<Option<Entry>> {
        let mut found = self.find(key)?;
        if let Some(entry) = &mut found {
            key.as_str().clone_into(&mut entry.key);
        }
        Ok(found)
    }

    fn get_at_hand(&self, key: Key<'_>) -> Option<Result<Option<Entry>>> {
        Some(self.find(key))
    }

    async fn children(&self, key: Key<'_>) -> Result<Vec<String>> {
        let place = self.namespace.place(key);
        self.tree.read(self.session, |entries| {
            if !key.is_root() && entries.find(&place).is_none() {
                let message = "there is no such entry, so it has no children";
                return Err(Error::new(ErrorKind::NotFound, message).or_key(key));
            }
            let children = entries.within(&place, Scope::Children).into_iter();
            Ok(children.filter_map(|(place, _)| Some(self.namespace.key(place)?.name().to_owned())).collect())
        })?
    }

    /// Gives the whole listing as one page: that keeps it to one revision without keeping revisions.
    async fn list(&self, key: Key<'_>, _page: Page) -> Result<Listing> {
        let place = self.namespace.place(key);
        self.tree.read(self.session, |entries| {
            let found = entries.within(&place, Scope::Subtree).into_iter();
            Listing::last(found.filter_map(|(place, stored)| self.namespace.entry(place, stored)).collect())
        })
    }

    async fn commit(&self, txn: Txn<'_>) -> Result<Committed> {
        let plan = Plan::new(txn, &self.namespace, self.session)?;
        self.tree.commit(self.session, plan)
    }

    async fn watch(&self, _key: Key<'_>, _scope: Scope, sink: WatchSink) -> Result<()> {
        let _told = self.tree.watch(self.session, Watch::new(self.namespace.clone(), sink.clone()))?;
        sink.closed().await;
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.tree.end(self.session);
        trees::sweep();
        Ok(())
    }
}

impl Memory {
    /// The entry of a key, without the key, which the caller knows.
    fn find(&self, key: Key<'_>) -> Result<Option<Entry>> {
        self.namespace.look_at(key, |place| {
            self.tree.read(self.session, |entries| Some(entries.find(place)?.entry(String::new())))
        })
    }
}

/// Abandons the session when it is dropped, which means nothing to one that was closed.
struct Client {
    tree: Arc<Tree>,
    session: SessionId,
    timeout: Duration,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tree.abandon(self.session, Moment::now() + self.timeout);
    }
}

/// Ends abandoned sessions when they expire, also when nobody calls anything.
async fn expire_in_time(client: Client) {
    let tree = &client.tree;
    let mut next = tree.next_expiry();
    loop {
        let at = *next.borrow_and_update();
        let expiry = async {
            match at {
                // Timers stand still while the machine sleeps; a look once a second keeps that harmless.
                Some(at) => sleep(at.since(Moment::now()).min(Duration::from_secs(1))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = expiry => tree.expire(),
            // The tree, and the sender with it, is there as long as this is.
            _ = next.changed() => {}
        }
    }
}

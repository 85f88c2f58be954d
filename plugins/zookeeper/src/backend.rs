//! The backend: a session on ZooKeeper servers.

use std::sync::Arc;

use registry_plugin::{
    Backend, Capabilities, Capability, Committed, Context, Entry, Held, Key, Listing, LockRequest, Page, Result, Scope,
    Txn, WatchSink, lock::recipe::contend,
};
use tokio::join;
use zookeeper_client::Client;

use crate::{
    config::{Config, Settings},
    error::of_read,
    four_letter_word,
    freshness::Freshness,
    lock::{Numbered, QUEUE_ENTRIES, release},
    opening,
    paths::Paths,
    read::{self, Reader, Warned},
    session::{Link, Session},
    txn::{Known, Writer},
    watch::{Hub, Watch},
};

/// A connection to ZooKeeper servers, and the one session on it.
///
/// # Behavior
///
/// Dropped without [`close`](Backend::close), as when its client crashes, nothing more is sent, and what the session
/// owns goes when its timeout has passed.
pub struct Zookeeper {
    pub(crate) paths: Arc<Paths>,
    pub(crate) session: Arc<Session>,
    known: Known,
    freshness: Freshness,
    hub: Arc<Hub>,
    warned: Warned,
    context: Context,
}

impl Zookeeper {
    /// A read, with what must be answered before it sent ahead; both travel together.
    async fn fresh<T>(&self, client: &Client, read: impl Future<Output = Result<T>>) -> Result<T> {
        let (ahead, read) = join!(self.freshness.ahead(client).answered(), read);
        ahead.map_err(of_read)?;
        read
    }
}

impl Backend for Zookeeper {
    const NAME: &'static str = "zookeeper";
    /// A follower tells the leader of its sessions late, by up to half a tick.
    const MARGIN_DIVISOR: u32 = 4;
    /// It warns of each attempt to connect that fails, of which there are many until a server is back.
    const QUIETED: &'static [&'static str] = &["zookeeper_client"];
    const SERVERS: Option<&'static str> = Some("connect-string");

    const QUEUE_ENTRIES: &'static [&'static str] = QUEUE_ENTRIES;

    type Config = Config;

    fn claims() -> Capabilities {
        Capabilities::all()
            .without(Capability::SnapshotLists, "each entry is as it was at some moment of the call")
            .without(Capability::AtomicRecursiveDelete, "from the leaves up, until nothing is left; at once while it fits one request and nobody writes below meanwhile")
            .without(Capability::ExactVersions, "a check may pass wrongly if the entry was deleted, recreated and written as often as before, between the read and the write")
            .without(Capability::StableCreated, "a put that changes the mode or the owner recreates the entry")
    }

    async fn connect(config: Config, context: Context) -> Result<Self> {
        let settings = Settings::new(config, &context)?;
        let session = opening::open(&settings, &context).await?;
        let hub = Hub::new(session.clone(), settings.paths.clone());
        Ok(Zookeeper {
            paths: settings.paths,
            session,
            known: Known::new(),
            freshness: Freshness::new(settings.sync_reads),
            hub,
            warned: Warned::default(),
            context,
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.freshness.within(Self::claims())
    }

    async fn server(&self) -> Result<String> {
        self.session.ask(|link| async move { link.sync("/").await.map_err(of_read) }).await?;
        let dial = self.session.dial();
        Ok(match four_letter_word::version(dial).await {
            Some(version) => format!("ZooKeeper {version} at {}", dial.addresses()),
            // The word may be forbidden.
            None => format!("ZooKeeper at {}", dial.addresses()),
        })
    }

    async fn get(&self, key: Key<'_>) -> Result<Option<Entry>> {
        let question = |link: Arc<Link>| async move { self.fresh(&link, read::get(&link, &self.paths, key)).await };
        self.session.ask(question).await
    }

    async fn children(&self, key: Key<'_>) -> Result<Vec<String>> {
        let question =
            |link: Arc<Link>| async move { self.fresh(&link, read::children(&link, &self.paths, key)).await };
        self.session.ask(question).await
    }

    async fn list(&self, key: Key<'_>, _page: Page) -> Result<Listing> {
        let patience = self.context.operation_timeout();
        let question = |link: Arc<Link>| async move {
            let reader = Reader { link: &link, paths: &self.paths, warned: &self.warned, patience };
            self.fresh(&link, reader.list(key)).await
        };
        self.session.ask(question).await.map(Listing::last)
    }

    async fn commit(&self, txn: Txn<'_>) -> Result<Committed> {
        let writer = Writer { session: &self.session, paths: &self.paths, known: &self.known };
        loop {
            if let Some(answer) = self.session.answered(writer.commit(txn).await) {
                return answer;
            }
        }
    }

    async fn watch(&self, key: Key<'_>, scope: Scope, sink: WatchSink) -> Result<()> {
        Watch { hub: &self.hub, warned: &self.warned, context: &self.context, key, scope, sink: &sink }.run().await
    }

    async fn lock(self: Arc<Self>, request: LockRequest) -> Result<Held> {
        let place = Numbered::new(self.session.clone(), &self.paths, request)?;
        contend(self, place).await
    }

    async fn unlock(self: Arc<Self>, held: Held) -> Result<()> {
        release(&self.session, &self.paths, &held).await
    }

    async fn close(&self) -> Result<()> {
        self.session.close().await
    }
}

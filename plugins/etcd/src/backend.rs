//! The backend: a session on an etcd cluster.

use std::sync::Arc;

use registry_plugin::{
    Backend, Committed, Context, Effect, Entry, Error, ErrorKind, Key, Listing, Outcome, Page, Result, Scope, Txn,
    WatchSink,
};
use tokio::time::timeout;

use crate::{
    access::Access,
    config::{Config, Settings},
    endpoints::Endpoints,
    error::is_without_connection,
    keys::Namespace,
    read::Reader,
    session::Session,
    txn,
    watch::Watch,
};

/// A connection to an etcd cluster, and the one session on it.
///
/// # Behavior
///
/// One server is used until it fails, or another answers while it is silent. Dropped without [`close`](Backend::close),
/// as when its client crashes, nothing more is sent, and what the session owns goes when its timeout has passed.
pub struct Etcd {
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) namespace: Namespace,
    pub(crate) access: Access,
    pub(crate) session: Arc<Session>,
}

impl Etcd {
    fn reader(&self) -> Reader<'_> {
        Reader { endpoints: &self.endpoints, namespace: &self.namespace, access: Some(&self.access) }
    }

    /// A listing with the sessions that own its entries.
    async fn shown(&self, listing: Listing) -> Result<Listing> {
        let Listing::Page { mut entries, next } = listing else { return Ok(listing) };
        Ok(match (self.session.show(&self.namespace, &mut entries).await?, next) {
            (false, _) => Listing::Restart,
            (true, Some(next)) => Listing::page(entries, next),
            (true, None) => Listing::last(entries),
        })
    }
}

impl Backend for Etcd {
    const NAME: &'static str = "etcd";
    /// DolphinScheduler's name for it, beside its other keys for etcd.
    const SESSION_TIMEOUT: Option<&'static str> = Some("ttl");

    const SERVERS: Option<&'static str> = Some("endpoints");
    type Config = Config;

    async fn connect(config: Config, context: Context) -> Result<Self> {
        let settings = Settings::new(config, &context)?;
        let (endpoints, within) = (Arc::new(settings.endpoints), context.opening().within(settings.connection_timeout));
        let advice = settings.advice;
        let namespace = Namespace::new(context.namespace());
        let access = Access::new(settings.user);
        let open = async {
            // It shows also whether the server lets this client in at all: etcd grants a lease to anybody.
            Box::pin(endpoints.find(context.opening())).await?;
            Session::open(endpoints.clone(), &context).await
        };
        let opened = timeout(within, open).await.unwrap_or_else(|_| {
            let silence = || Error::new(ErrorKind::Timeout, format!("no answer within {within:?}"));
            Err(endpoints.trouble().unwrap_or_else(silence))
        });
        let session = opened.map_err(|error| unreachable(error, &endpoints, advice, &context))?;
        Ok(Etcd { endpoints, namespace, access, session })
    }

    async fn server(&self) -> Result<String> {
        let status = self.endpoints.call(Effect::Read, |connection| {
            let mut client = connection.maintenance.clone();
            async move { client.status().await }
        });
        let status = status.await?;
        Ok(format!("etcd {} at {}", status.version(), self.endpoints.current().1.address()))
    }

    async fn get(&self, key: Key<'_>) -> Result<Option<Entry>> {
        loop {
            let entry = self.session.watched(self.reader().get(key).await)?;
            let mut shown = entry.into_iter().collect::<Vec<_>>();
            if self.session.show(&self.namespace, &mut shown).await? {
                return Ok(shown.pop());
            }
        }
    }

    async fn children(&self, key: Key<'_>) -> Result<Vec<String>> {
        self.session.watched(self.reader().children(key).await)
    }

    async fn list(&self, key: Key<'_>, page: Page) -> Result<Listing> {
        self.shown(self.session.watched(self.reader().list(key, page).await)?).await
    }

    async fn queue(&self, lock: Key<'_>, page: Page) -> Result<Listing> {
        // Nobody may be passed over: who stands in front may be one whose entry this user may not read.
        let reader = Reader { access: None, ..self.reader() };
        self.shown(self.session.watched(reader.list(lock, page).await)?).await
    }

    async fn commit(&self, txn: Txn<'_>) -> Result<Committed> {
        self.session.watched(txn::commit(&self.endpoints, &self.namespace, &self.access, &self.session, txn).await)
    }

    async fn watch(&self, key: Key<'_>, scope: Scope, sink: WatchSink) -> Result<()> {
        let watch = Watch {
            endpoints: &self.endpoints,
            namespace: &self.namespace,
            access: &self.access,
            session: &self.session,
            key,
            scope,
            sink: &sink,
        };
        watch.run().await
    }

    async fn close(&self) -> Result<()> {
        self.session.close().await
    }
}

/// The error of a connection that did not come about, naming all endpoints.
fn unreachable(error: Error, endpoints: &Endpoints, advice: &str, context: &Context) -> Error {
    if !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) {
        return error;
    }
    let message = format!(
        "no etcd server could be reached at {}; check {} and the servers{}",
        endpoints.addresses(),
        context.config_key("endpoints"),
        if is_without_connection(&error) { "" } else { advice },
    );
    let servers = context.opening().servers();
    // What the servers' own lines say is not said again.
    let causes = error.causes().iter().filter(|cause| !servers.iter().any(|line| line.ends_with(cause.as_str())));
    [error.message()]
        .into_iter()
        .chain(servers.iter().chain(causes).map(String::as_str))
        .fold(Error::new(ErrorKind::Unavailable, message), |error, cause| error.with_cause_text(cause))
        .set_outcome(Outcome::NotApplied)
}

//! The handle that host servers use.

mod delete;
mod ephemerals;
mod guard;
#[cfg(feature = "json")]
mod json;
mod leader;
mod lock;
mod opening;
mod put;
mod read;
mod session;
mod telling;
mod txn;
mod watch;
mod watching;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use registry_abi::{Connection, OPENING_TIMEOUT, RawOptions, Tuple2};
use registry_api::{Capabilities, Capability, Error, ErrorKind, Key, Outcome, Result};
use tokio::runtime::Handle;

pub use self::{
    delete::Delete,
    ephemerals::{EphemeralEvent, Ephemerals},
    guard::Guard,
    leader::{Leader, Observer},
    lock::Lock,
    opening::{Attempt, Opening, Progress},
    put::Put,
    session::{Session, States},
    txn::{Added, Committed, DeleteHandle, PutHandle, Txn},
    watch::Watch,
};
use self::{ephemerals::Upkeep, opening::Tried, session::Hearing, watching::Watching};
use crate::{
    ConfigKey, DisconnectStrategy, Plugin, Settings,
    layers::{Layers, Operation},
};

/// A connection to the coordination registry that the configuration names: one session, shared by all clones.
///
/// # Behavior
///
/// Every call ends by its deadline, `registry.operation-timeout` unless it is given another. While the session is
/// suspended nothing is sent: calls wait. Dropping the last clone closes the session in the background;
/// [`close`](Registry::close) waits until its ephemerals and locks are gone.
///
/// # Cancellation
///
/// Every future may be dropped at any await. What the call had set up itself is removed in the background; a write that
/// was sent may still be applied.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use registry_host::{Registry, Scope, Settings};
///
/// # async fn example() -> registry_host::Result<()> {
/// let registry = Registry::open(Settings::load("registry.yaml")?).await?;
/// registry.put("/nodes/worker/default/10.0.0.7:1234", "{}").ephemeral().await?;
/// let mut members = registry.watch("/nodes/worker", Scope::Subtree).await?;
/// let guard = registry.lock("/lock/failover").within(Duration::from_secs(5)).await?;
/// registry.txn().check_held(&guard).put("/task/7", "taken").commit().await?;
/// while let Some(event) = members.next().await {
///     println!("{:?}", event?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    connection: Connection,
    plugin: Plugin,
    session: Arc<Hearing>,
    namespace: String,
    capabilities: Capabilities,
    timeout: Duration,
    disconnect_strategy: DisconnectStrategy,
    layers: Arc<Layers>,
    watching: Arc<Watching>,
    upkeep: Arc<Upkeep>,
}

impl Registry {
    /// Loads the plugin that `registry.type` names and opens a session with it.
    ///
    /// # Errors
    ///
    /// `PluginRejected` when no plugin could be loaded, `InvalidConfig` before any connection is tried, and what the
    /// server says: `Unavailable`, `Unauthenticated` and so on; `Other` outside of a tokio runtime.
    pub async fn open(settings: Settings) -> Result<Self> {
        Self::opening(settings).await
    }

    /// The same as [`open`](Registry::open), for a host that limits how long it may take, or wants to hear how it goes.
    pub fn opening(settings: Settings) -> Opening {
        Opening::new(settings)
    }

    /// Opens a session with a plugin that is loaded already.
    ///
    /// # Errors
    ///
    /// As [`open`](Registry::open), but for loading.
    pub async fn connect(plugin: Plugin, settings: Settings) -> Result<Self> {
        Self::opening(settings).with(plugin).await
    }

    async fn establish(plugin: Plugin, settings: Settings, limit: Option<Duration>, tried: Arc<Tried>) -> Result<Self> {
        let runtime = runtime()?;
        let keys = &plugin.metadata().keys;
        let section = settings.section(keys)?;
        warn(&settings, keys);
        let session_timeout = settings.session_timeout(keys)?;
        let options = RawOptions {
            config: section.json().to_string().into(),
            prefix: section.prefix().into(),
            base: settings.base().to_string_lossy().into_owned().into(),
            namespace: settings.namespace().into(),
            session_timeout: session_timeout.into(),
            operation_timeout: settings.operation_timeout().into(),
            more: limit.map(asked).into_iter().collect(),
        };
        let session = Arc::new(Hearing::new(plugin.name(), settings.disconnect_strategy().limit(), runtime.clone()));
        let layers = Arc::new(Layers::new(plugin.name(), runtime.clone()));
        let opening = plugin.root().connect()(options, session::host_end(plugin.name(), Arc::clone(&session), tried));
        let within = opening_timeout(session_timeout, &settings);
        let within = limit.map_or(within, |limit| limit.min(within));
        let connection =
            layers.run(Operation::Open, None, Some(within), opening).await.map_err(|error| section.locate(error))?;
        let capabilities = capabilities(&connection);
        Ok(Registry(Arc::new_cyclic(|registry| Inner {
            upkeep: Upkeep::new(plugin.name(), runtime, Weak::clone(registry)),
            watching: Arc::new(Watching::new(plugin.name())),
            connection,
            plugin,
            session,
            namespace: settings.namespace().to_owned(),
            capabilities,
            timeout: settings.operation_timeout(),
            disconnect_strategy: settings.disconnect_strategy(),
            layers,
        })))
    }

    /// The session: its id, timeout, state and transitions.
    pub fn session(&self) -> Session {
        Session::new(Arc::clone(&self.0.session))
    }

    /// What the backend can do, and what it promises in place of what it can't.
    pub fn capabilities(&self) -> &Capabilities {
        &self.0.capabilities
    }

    /// The plugin that the backend comes from.
    pub fn plugin(&self) -> &Plugin {
        &self.0.plugin
    }

    /// The namespace that every key lies below on the backend.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// How long a call may take that is given no deadline of its own.
    pub fn operation_timeout(&self) -> Duration {
        self.0.timeout
    }

    /// What its host is to do without a session, `registry.disconnect-strategy`.
    pub fn disconnect_strategy(&self) -> DisconnectStrategy {
        self.0.disconnect_strategy
    }

    /// Asks the server for its name and version.
    ///
    /// # Errors
    ///
    /// `Timeout` or `Unavailable` when it doesn't answer.
    pub async fn server(&self) -> Result<String> {
        let inner = &*self.0;
        let asked = inner.connection.server(inner.timeout.into());
        Ok(inner.layers.run(Operation::Server, None, Some(inner.timeout), asked).await?.into())
    }

    /// Ends the session; its ephemerals and locks are gone when this returns, and every later call gives `Closed`.
    ///
    /// # Errors
    ///
    /// `Timeout` or `Unavailable` with the outcome `Unknown`: the session then ends with its own timeout. `Closed` when
    /// it was closed before.
    ///
    /// # Cancellation
    ///
    /// The closing goes on in the background.
    pub async fn close(&self) -> Result<()> {
        let inner = &*self.0;
        let closing = inner.connection.close(inner.timeout.into());
        inner.layers.run(Operation::Close, None, Some(inner.timeout), closing).await
    }

    /// Stops every task of the connection at once and sends nothing more, as if the process had died: ephemerals and
    /// locks stay until the session's timeout has passed.
    ///
    /// For tests of what the others then see.
    pub fn abandon(&self) {
        self.0.upkeep.end();
        self.0.connection.abandon();
    }

    /// Checks a key's form and that this registry may touch it.
    fn key<'a>(&self, operation: Operation, key: &'a str) -> Result<Key<'a>> {
        let refused = |error: Error| error.or_operation(operation.name()).or_plugin(self.0.plugin.name());
        let key = Key::new(key).map_err(|invalid| refused(invalid.into()))?;
        if self.0.namespace.is_empty() && is_reserved(key) {
            let error = Error::new(
                ErrorKind::InvalidKey,
                "/zookeeper is ZooKeeper's own: with an empty registry.namespace it is hidden on every backend",
            );
            return Err(refused(error.or_key(key)));
        }
        Ok(key)
    }

    /// The same for an operation that is about an entry, which the root is not.
    fn entry_key<'a>(&self, operation: Operation, key: &'a str) -> Result<Key<'a>> {
        let key = self.key(operation, key)?;
        if key.is_root() {
            let error = Error::new(ErrorKind::InvalidKey, "the root '/' is not an entry, name one below it");
            return Err(error.or_operation(operation.name()).or_key(key).or_plugin(self.0.plugin.name()));
        }
        Ok(key)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.upkeep.end();
    }
}

impl Inner {
    /// Whether something below this key, which may be read, must not be.
    fn hides_below(&self, key: Key<'_>) -> bool {
        self.namespace.is_empty() && key.is_root()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("plugin", &self.0.plugin.name())
            .field("namespace", &self.0.namespace)
            .field("session", &self.session())
            .finish()
    }
}

/// ZooKeeper's own tree, which the empty namespace hides on every backend, so that one can be swapped for another
/// (1.4).
fn is_reserved(key: Key<'_>) -> bool {
    const RESERVED: Key<'static> = Key::from_checked("/zookeeper");
    key == RESERVED || RESERVED.contains(key)
}

/// Tells of what the configuration passes over, or takes by default at the host's peril.
fn warn(settings: &Settings, keys: &[ConfigKey]) {
    for warning in settings.warnings(keys) {
        tracing::warn!(target: "registry", "{warning}");
    }
}

/// The runtime that the caller is on: timers and the upkeep of ephemeral entries are left to it.
fn runtime() -> Result<Handle> {
    Handle::try_current().map_err(|error| {
        let message = "there is no tokio runtime here: open the registry inside one, or use registry_host::blocking";
        Error::new(ErrorKind::Other, message).set_outcome(Outcome::NotApplied).or_operation("open").with_cause(&error)
    })
}

async fn load(settings: Settings) -> Result<(Settings, Plugin)> {
    // Reading, hashing and linking a library is slow work for a thread that others share.
    let loading = tokio::task::spawn_blocking(move || {
        let plugin = Plugin::named(
            settings.registry_type(),
            settings.plugin_dirs(),
            settings.plugin_sha256(settings.registry_type()),
        )?;
        Ok((settings, plugin))
    });
    loading.await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::PluginRejected, "the plugin could not be loaded").with_cause(&error))
    })
}

/// Behind the plugin's own connection timeout, which it alone knows: a session that takes longer than it would last
/// without contact, and longer than a minute, is not worth waiting for.
fn opening_timeout(session_timeout: Duration, settings: &Settings) -> Duration {
    (session_timeout + settings.operation_timeout()).max(Duration::from_secs(60))
}

/// How long opening may take, as passed to a plugin.
fn asked(limit: Duration) -> Tuple2<registry_abi::RString, registry_abi::RString> {
    Tuple2(OPENING_TIMEOUT.into(), limit.as_nanos().min(u128::from(u64::MAX)).to_string().into())
}

fn capabilities(connection: &Connection) -> Capabilities {
    connection.lacking().into_iter().fold(Capabilities::all(), |capabilities, lacking| {
        match Capability::from_name(&lacking.0) {
            Some(capability) => capabilities.without(capability, lacking.1),
            // One that this host doesn't know is one that it doesn't rely on.
            None => capabilities,
        }
    })
}

//! The handle on services.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use registry_host::{Error, ErrorKind, Registry, Result, SessionState, Settings};
use tokio::{
    runtime::Handle,
    sync::{RwLock, RwLockReadGuard},
    time::timeout,
};

use crate::{
    Role,
    layout::Layout,
    register::{Keeper, Registrations},
    settings::Options,
    subscribe::Watched,
};

/// How many are unregistered at once.
const AT_ONCE: usize = 16;

/// The providers and consumers on a registry, and this process's own among them.
///
/// # Behavior
///
/// What is told here is what the registry last told: while contact is lost, that is the past. After a lost session what
/// this process has registered is registered again, each for itself; what can't be is reported and tried again.
#[derive(Clone)]
pub struct Discovery(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) registry: Registry,
    /// Whether the registry is for this alone, and is closed with it.
    owns: bool,
    options: Options,
    pub(crate) layout: Layout,
    pub(crate) registrations: Arc<Registrations>,
    pub(crate) watched: Mutex<HashMap<(Role, String), Weak<Watched>>>,
    /// What is on its way holds this.
    working: RwLock<()>,
    closed: AtomicBool,
    keeper: Mutex<Option<Keeper>>,
    /// Where it was opened: what is left to be done goes on there.
    pub(crate) runtime: Handle,
}

impl Discovery {
    /// Opens a registry of its own, whose keys begin at the root: `registry.namespace` does not apply to what Dubbo's
    /// processes read. A host that uses a registry for more has two sessions.
    ///
    /// # Errors
    ///
    /// As [`Registry::open`], and `InvalidConfig` of `registry.discovery`.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let options = Options::of(settings)?;
        let registry = Registry::open(settings.in_namespace("")?).await?;
        Ok(Self::new(registry, options, true))
    }

    /// Uses a registry that is open, and its session. Keys stand below its namespace, where only processes look that
    /// have the same: Dubbo's have none.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn on(registry: Registry, options: Options) -> Self {
        Self::new(registry, options, false)
    }

    fn new(registry: Registry, options: Options, owns: bool) -> Self {
        let registrations = Arc::new(Registrations::default());
        let keeper = Keeper::begin(&registry, &registrations);
        Discovery(Arc::new(Inner {
            layout: Layout::new(&options),
            registry,
            owns,
            options,
            registrations,
            watched: Mutex::default(),
            working: RwLock::new(()),
            closed: AtomicBool::new(false),
            keeper: Mutex::new(Some(keeper)),
            runtime: Handle::current(),
        }))
    }

    /// The registry that it is on.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Where what stands, and what is done with empty sets.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Whether there is a session: what is registered is there, and what is told is the present.
    pub fn is_available(&self) -> bool {
        !self.0.is_closed() && self.0.registry.session().state() == SessionState::Connected
    }

    /// Ends all subscriptions, waits for what is on its way, unregisters what goes with the process, and closes the
    /// registry unless it was given. What is persistent (`dynamic=false`) stays.
    ///
    /// # Behavior
    ///
    /// Each step takes `registry.operation-timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`Registry::close`]: what couldn't be unregistered goes with the session. `Closed` when it was closed before.
    pub async fn close(&self) -> Result<()> {
        let inner = &*self.0;
        if inner.closed.swap(true, Ordering::SeqCst) {
            return Err(closed());
        }
        let limit = inner.registry.operation_timeout();
        for watched in inner.lock(&inner.watched).drain().filter_map(|(_, watched)| watched.upgrade()) {
            watched.end();
        }
        if timeout(limit, inner.working.write()).await.is_err() {
            tracing::warn!("something was still on its way when the discovery was closed");
        }
        drop(inner.lock(&inner.keeper).take());
        if inner.owns {
            // All that goes with the session goes with it at once.
            inner.registrations.clear();
            return inner.registry.close().await;
        }
        let registered = inner.registrations.take_dynamic();
        let gone = stream::iter(registered).map(|registered| async move { registered.remove(&inner.registry).await });
        let gone = gone.buffer_unordered(AT_ONCE).filter_map(async |gone: Result<()>| gone.err()).collect::<Vec<_>>();
        match timeout(limit, gone).await {
            Ok(errors) => errors.into_iter().next().map_or(Ok(()), Err),
            Err(_) => Err(late(limit)),
        }
    }
}

impl Inner {
    /// Something begins that [`close`](Discovery::close) waits for.
    pub(crate) async fn working(&self) -> Result<RwLockReadGuard<'_, ()>> {
        let working = self.working.read().await;
        if self.is_closed() { Err(closed()) } else { Ok(working) }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn lock<'m, T>(&self, mutex: &'m Mutex<T>) -> MutexGuard<'m, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the discovery is closed")
}

fn late(limit: Duration) -> Error {
    let message = format!("not all is unregistered within {limit:?}; the rest goes with the session");
    Error::new(ErrorKind::Timeout, message)
}

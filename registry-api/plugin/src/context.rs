//! What a backend is given beside its configuration.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use registry_api::Result;
use tokio::runtime::Handle;

use crate::{
    Backend, Opening, SessionReporter,
    call::{Effect, call},
    tasks::Tasks,
};

/// What the host asks of every connection, whatever the backend.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Segments joined by `/`, no slash at either end; may be empty (1.4).
    pub namespace: String,
    /// The session timeout asked for.
    pub session_timeout: Duration,
    /// How long a call may take that names no deadline of its own.
    pub operation_timeout: Duration,
    /// The folder that relative paths of the configuration start from.
    pub base: PathBuf,
    /// The configuration's path, `registry.<name>`, for messages.
    pub prefix: String,
}

impl Options {
    /// Options with no namespace, a session timeout of 30 s and an operation timeout of 5 s, the defaults of a host.
    pub fn new(prefix: impl Into<String>) -> Self {
        Options {
            namespace: String::new(),
            session_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(5),
            base: PathBuf::new(),
            prefix: prefix.into(),
        }
    }
}

/// What a backend is given when it connects: what the host asks for, its session's reporter, and a place for its tasks.
#[derive(Clone)]
pub struct Context {
    options: Arc<Options>,
    session: SessionReporter,
    opening: Opening,
    tasks: Tasks,
}

impl Context {
    pub(crate) fn new(options: Options, session: SessionReporter, opening: Opening, tasks: Tasks) -> Self {
        Context { options: Arc::new(options), session, opening, tasks }
    }

    /// A context without a host, for tests of a backend: the session is reported to nobody, and no clock is kept.
    ///
    /// # Behavior
    ///
    /// The tasks end when the last clone of the context is dropped; a test keeps one for as long as its connection is
    /// open.
    pub fn detached<B: Backend>(options: Options, runtime: Handle) -> Self {
        let session = SessionReporter::new(Box::new(|_, _| ()), B::MARGIN_DIVISOR);
        Context::new(options, session, Opening::unheard(), Tasks::new(runtime))
    }

    /// The namespace: segments joined by `/`, no slash at either end; may be empty. The backend prepends it to every
    /// key.
    pub fn namespace(&self) -> &str {
        &self.options.namespace
    }

    /// The session timeout that the host asks for; the server may grant another.
    pub fn session_timeout(&self) -> Duration {
        self.options.session_timeout
    }

    /// How long one request to the server may take in background work. Calls are held to their deadline from outside.
    pub fn operation_timeout(&self) -> Duration {
        self.options.operation_timeout
    }

    /// The full path of a configuration key, for messages: `registry.etcd.endpoints`.
    pub fn config_key(&self, name: &str) -> String {
        format!("{}.{name}", self.options.prefix)
    }

    /// A path from the configuration, relative to the folder of the configuration file.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.options.base.join(path)
    }

    /// Where the backend reports what it learns of its session.
    pub fn session(&self) -> &SessionReporter {
        &self.session
    }

    /// Where the backend reports which servers it tries while it connects, and how long that may take.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Runs a request of work that has no deadline from outside: once the session is connected, for at most the
    /// operation timeout in all (4.5).
    ///
    /// # Errors
    ///
    /// `Timeout`: `NotApplied` when nothing was sent, else [what the effect says](Effect::unanswered); `Closed`; those
    /// of the request.
    pub fn call<T, F>(&self, effect: Effect, request: F) -> impl Future<Output = Result<T>> + use<'_, T, F>
    where
        F: Future<Output = Result<T>>,
    {
        call(&self.session, self.operation_timeout(), effect, request)
    }

    /// Runs a task on the plugin's runtime until it ends or the connection does. A panic in it is logged and ends it;
    /// for what must go on there is [`keep`](Context::keep).
    ///
    /// # Cancellation
    ///
    /// The task is dropped at an await when the connection closes.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs work that must go on for as long as the connection does, such as the keepalives of its session.
    ///
    /// # Behavior
    ///
    /// `begin` makes a task. If that panics, the panic is logged as an error and `begin` is asked for another task
    /// after a pause of 20 ms to 2 s. The work ends when a task ends by itself, or with the connection.
    ///
    /// # Cancellation
    ///
    /// The task is dropped at an await when the connection closes.
    pub fn keep<F>(&self, work: &'static str, begin: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.keep(work, begin);
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

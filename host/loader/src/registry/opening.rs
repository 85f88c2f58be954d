//! Opening a registry, and the reports of its progress.

use std::{
    fmt,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use registry_api::Result;
use tokio::time::{Instant, sleep_until};

use super::{Registry, load, runtime};
use crate::{Plugin, Settings};

/// How long opening may take before its progress is reported. It is reported again at twice the time, if there is news.
const QUIET: Duration = Duration::from_secs(1);

/// How many servers are reported.
const MOST: usize = 64;

/// How many characters of a failure are reported.
const LONGEST: usize = 300;

/// Why there is no session yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The plugin that opens it.
    pub plugin: String,
    /// For how long it has been opening.
    pub elapsed: Duration,
    /// The servers that were tried so far, in the order in which they first were; none if the plugin doesn't tell.
    pub servers: Vec<Attempt>,
}

/// A server that was tried, or still is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The server, as the plugin calls it: usually `host:port`.
    pub server: String,
    /// Why it gave no session the last time; none while it has not answered.
    pub failure: Option<String>,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no session with {} after {}s", self.plugin, self.elapsed.as_secs())?;
        for (number, Attempt { server, failure }) in self.servers.iter().enumerate() {
            let failure = failure.as_deref().unwrap_or("no answer yet");
            write!(f, "{} {server}: {failure}", if number == 0 { ":" } else { ";" })?;
        }
        f.write_str("; still trying")
    }
}

/// Tells of progress.
type Tell = Box<dyn FnMut(&Progress) + Send>;

/// A registry that is being opened; await it.
///
/// # Behavior
///
/// If it takes longer than a second, what is tried and why it failed so far is reported to
/// [`on_progress`](Opening::on_progress), or else as a warning of the target `registry`. If there is news, that is
/// repeated after twice the time, and so on.
///
/// # Errors
///
/// As [`Registry::open`].
///
/// # Cancellation
///
/// Dropping the future ends the attempt.
///
/// # Examples
///
/// ```no_run
/// # use std::time::Duration;
/// # use registry_host::{Registry, Settings};
/// # async fn example() -> registry_host::Result<()> {
/// let opening = Registry::opening(Settings::load("registry.yaml")?).within(Duration::from_secs(3));
/// let registry = opening.on_progress(|progress| eprintln!("{progress}")).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is opened until it is awaited"]
pub struct Opening {
    settings: Settings,
    plugin: Option<Plugin>,
    pub(super) limit: Option<Duration>,
    tell: Option<Tell>,
}

impl Opening {
    pub(super) fn new(settings: Settings) -> Self {
        Opening { settings, plugin: None, limit: None, tell: None }
    }

    /// Opens it with a plugin that is loaded already.
    pub fn with(mut self, plugin: Plugin) -> Self {
        self.plugin = Some(plugin);
        self
    }

    /// Gives up after this long, if the plugin's own configuration doesn't ask for less.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Tells this, instead of the log, why there is no session yet.
    pub fn on_progress(mut self, tell: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }
}

impl IntoFuture for Opening {
    type Output = Result<Registry>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Registry>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Opening { settings, plugin, limit, tell } = self;
            // Loading and waiting need one, too.
            runtime()?;
            let (settings, plugin) = match plugin {
                Some(plugin) => (settings, plugin),
                None => load(settings).await?,
            };
            let tried = Arc::new(Tried::default());
            let telling = Telling { plugin: plugin.name().to_owned(), tried: Arc::clone(&tried), tell };
            telling.beside(Registry::establish(plugin, settings, limit, tried)).await
        })
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("plugin", &self.plugin).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// What a plugin has reported of the servers that it tries.
#[derive(Default)]
pub(super) struct Tried(Mutex<Vec<Attempt>>);

impl Tried {
    /// Hears of a server that is tried, or of why it has failed.
    pub(super) fn hear(&self, server: &str, failure: Option<&str>) {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = failure.map(|failure| failure.chars().take(LONGEST).collect());
        match servers.iter().position(|known| known.server == server) {
            // That it is tried once more does not undo why it failed.
            Some(at) => servers[at].failure = failure.or(servers[at].failure.take()),
            None if servers.len() < MOST => servers.push(Attempt { server: server.to_owned(), failure }),
            None => {}
        }
    }
}

/// Tells why there is no session yet.
struct Telling {
    plugin: String,
    tried: Arc<Tried>,
    tell: Option<Tell>,
}

impl Telling {
    /// Waits for the session, and tells meanwhile.
    async fn beside<T>(mut self, opening: impl Future<Output = T>) -> T {
        let mut opening = pin!(opening);
        let begun = Instant::now();
        let (mut elapsed, mut told) = (QUIET, None);
        loop {
            tokio::select! {
                biased;
                opened = &mut opening => return opened,
                () = sleep_until(begun + elapsed) => {}
            }
            let servers = self.tried.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if told.as_ref() != Some(&servers) {
                self.say(&Progress { plugin: self.plugin.clone(), elapsed, servers: servers.clone() });
                told = Some(servers);
            }
            elapsed *= 2;
        }
    }

    fn say(&mut self, progress: &Progress) {
        match &mut self.tell {
            Some(tell) => tell(progress),
            None => tracing::warn!(target: "registry", plugin = self.plugin, "{progress}"),
        }
    }
}

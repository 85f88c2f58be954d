//! What every command is given: the options, the output, and a registry that is opened and closed round it.

use std::future::pending;
use std::time::Duration;

use registry_cluster::SECTION;
use registry_host::{Error, ErrorKind, Key, Opening, Outcome, Plugin, Registry, Settings, SettingsBuilder};
use tokio::time::{Instant, sleep_until};

use crate::exit::{Done, Failure, LOST, OK, UNAVAILABLE};
use crate::options::Options;
use crate::output::{Output, report_progress};
use crate::signals::Signals;

/// How long a registry that may not answer is asked to end the session; its timeout ends it anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much later than its limit a command is given up: a call that ends by itself can say more.
const GRACE: Duration = Duration::from_millis(200);

/// The surroundings of one command.
pub(crate) struct Context {
    /// When the command was begun.
    pub(crate) begun: Instant,
    pub(crate) options: Options,
    pub(crate) output: Output,
    /// Whether the command's keys begin at the root, and not below the namespace.
    pub(crate) at_root: bool,
    /// Gives the whole command line, for what describes it.
    pub(crate) definition: fn() -> clap::Command,
}

impl Context {
    /// The layers of the configuration: the file, the environment, `--set` and the options that are short for it.
    ///
    /// # Errors
    ///
    /// As [`settings`](Context::settings), and `PluginRejected`: the servers' key is the plugin's own.
    pub(crate) fn layers(&self) -> Result<SettingsBuilder, Failure> {
        let options = &self.options;
        let layers = Settings::builder().section(SECTION).section(registry_discovery::SECTION);
        let layers = registry_tasks::settings::register(layers).process_environment();
        let layers = options.config.iter().fold(layers, |layers, file| layers.file(file));
        let layers = options.target.iter().fold(layers, |layers, target| layers.target(target));
        let layers = options.plugin_dir.iter().fold(layers, |layers, folder| layers.plugin_dir(folder));
        // Before what is set key by key, which takes precedence.
        let layers = options.url.iter().fold(layers, |layers, url| layers.set_value("registry.url", url));
        let layers = options.set.iter().fold(layers, |layers, assignment| layers.set(assignment));
        let short = [("registry.type", &options.registry_type), ("registry.namespace", &options.namespace)];
        let mut layers = short.into_iter().fold(layers, |layers, (key, value)| {
            value.iter().fold(layers, |layers, value| layers.set_value(key, value))
        });
        if options.endpoints.is_none() && options.namespace.is_none() {
            return Ok(layers);
        }
        let settings = layers.clone().build()?;
        let registry_type = settings.registry_type();
        if let Some(namespace) = options.namespace.as_ref().filter(|namespace| **namespace != settings.namespace()) {
            // A namespace of the backend's own section takes precedence.
            layers = layers.set_value(format!("registry.{registry_type}.namespace"), namespace);
        }
        if let Some(endpoints) = &options.endpoints {
            layers = layers.set_value(format!("registry.{registry_type}.{}", servers_key(&settings)?), endpoints);
        }
        Ok(layers)
    }

    /// The configuration that the layers make.
    ///
    /// # Errors
    ///
    /// `InvalidConfig`.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Ok(self.layers()?.build()?)
    }

    /// Has the command's registry opened where services stand, at the root: gives their options.
    ///
    /// # Errors
    ///
    /// `InvalidConfig`.
    pub(crate) fn discovery(&mut self) -> Result<registry_discovery::Options, Failure> {
        self.at_root = true;
        Ok(registry_discovery::Options::of(&self.settings()?)?)
    }

    /// When the command is to be given up, if --timeout says so.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.begun.checked_add(self.options.timeout?)
    }

    /// The same for a command that opens a registry: no call takes longer than the command may.
    fn settings_to_open(&self) -> Result<Settings, Failure> {
        let settings = self.settings()?;
        let settings = match self.options.timeout {
            Some(limit) if limit < settings.operation_timeout() => {
                let limit = format!("{}ms", limit.as_millis().max(1));
                self.layers()?.set_value("registry.operation-timeout", limit).build()?
            }
            _ => settings,
        };
        if self.at_root { Ok(settings.in_namespace("")?) } else { Ok(settings) }
    }

    /// A registry that is about to be opened, in the time that is left; how that goes is told on standard error.
    pub(crate) fn opening(&self, settings: Settings) -> Opening {
        let format = self.output.format;
        let opening = Registry::opening(settings).on_progress(move |progress| report_progress(format, progress));
        match self.deadline() {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // In whole milliseconds, as it is told to the user.
                opening.within(Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1)))
            }
            None => opening,
        }
    }

    /// Runs something on a registry of its own; a signal or --timeout ends it. The session is closed before this
    /// returns.
    pub(crate) async fn session(&mut self, work: impl AsyncFnOnce(&Registry, &mut Output) -> Done) -> Done {
        let limit = self.options.timeout.unwrap_or_default();
        let late = self.deadline().map(|deadline| deadline + GRACE);
        let work = async |registry: &Registry, output: &mut Output, signals: &mut Signals| {
            tokio::select! {
                done = work(registry, output) => done,
                ending = signals.next() => Ok(ending.code()),
                () = at(late) => Err(given_up(limit).into()),
            }
        };
        let (done, closed) = self.run(work, late).await;
        if let Err(error) = closed {
            // Such a session owns nothing that anyone could miss or trip over.
            tracing::info!(%error, "the session was not closed, it ends with its timeout");
        }
        done
    }

    /// The same for what listens to the signals itself, and puts entries that must be gone when this returns.
    pub(crate) async fn standing(
        &mut self,
        work: impl AsyncFnOnce(&Registry, &mut Output, &mut Signals) -> Done,
    ) -> Done {
        match self.run(work, None).await {
            (Ok(OK), Err(error)) => Err(error.into()),
            (Ok(code), Err(error)) => {
                tracing::warn!(%error, "the session was not closed, its entries stay until it times out");
                Ok(code)
            }
            (done, _) => done,
        }
    }

    async fn run(
        &mut self,
        work: impl AsyncFnOnce(&Registry, &mut Output, &mut Signals) -> Done,
        late: Option<Instant>,
    ) -> (Done, Result<(), Error>) {
        let opened = async {
            let settings = self.settings_to_open()?;
            let mut signals = Signals::listen()?;
            tokio::select! {
                opened = self.opening(settings).into_future() => Ok(Ok((opened?, signals))),
                ending = signals.next() => Ok(Err(ending.code())),
            }
        };
        let (registry, mut signals) = match opened.await {
            Ok(Ok(opened)) => opened,
            Ok(Err(code)) => return (Ok(code), Ok(())),
            Err(failure) => return (Err(failure), Ok(())),
        };
        let done = work(&registry, &mut self.output, &mut signals).await;
        let answers = !matches!(&done, Err(failure) if [UNAVAILABLE, LOST].contains(&failure.code()));
        let closed = tokio::select! {
            closed = registry.close() => closed,
            // A second signal means: don't wait.
            _ = signals.next() => Ok(()),
            () = tokio::time::sleep(PATIENCE), if !answers => Ok(()),
            () = at(late) => Ok(()),
        };
        (done, closed)
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

/// What a plugin calls the list of its servers.
fn servers_key(settings: &Settings) -> Result<String, Failure> {
    let registry_type = settings.registry_type();
    let plugin = Plugin::named(registry_type, settings.plugin_dirs(), settings.plugin_sha256(registry_type))?;
    plugin.metadata().servers_key.clone().ok_or_else(|| {
        Failure::Usage(format!(
            "--endpoints says nothing to the backend {registry_type}, which has no key for servers; \
             registry plugins show {registry_type} names its keys"
        ))
    })
}

fn given_up(limit: Duration) -> Error {
    let message = format!("not done within {limit:?}, as long as --timeout allows");
    Error::new(ErrorKind::Timeout, message).set_outcome(Outcome::Unknown)
}

/// Checks a key's form, before anything is opened.
///
/// # Errors
///
/// `InvalidKey`.
pub(crate) fn check_key(operation: &str, key: &str) -> Result<(), Failure> {
    match Key::new(key) {
        Ok(_) => Ok(()),
        Err(invalid) => Err(Error::from(invalid).or_operation(operation).into()),
    }
}

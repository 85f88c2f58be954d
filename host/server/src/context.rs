//! What every command is given: the options, the output, and a registry that is opened and closed round it.

use std::time::Duration;

use registry_host::{Error, Key, Registry, Settings, SettingsBuilder};

use crate::cli::Options;
use crate::exit::{Done, Failure, LOST, OK, UNAVAILABLE};
use crate::output::Output;
use crate::signals::Signals;

/// How long a registry that may not answer is asked to end the session; its timeout ends it anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// The surroundings of one command.
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) output: Output,
}

impl Context {
    /// The layers of the configuration: the file, the environment, `--set`.
    pub(crate) fn layers(&self) -> SettingsBuilder {
        let options = &self.options;
        let layers = Settings::builder().process_environment();
        let layers = options.config.iter().fold(layers, |layers, file| layers.file(file));
        let layers = options.plugin_dir.iter().fold(layers, |layers, folder| layers.plugin_dir(folder));
        options.set.iter().fold(layers, |layers, assignment| layers.set(assignment))
    }

    /// The configuration that the layers make.
    ///
    /// # Errors
    ///
    /// `InvalidConfig`.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Ok(self.layers().build()?)
    }

    /// Runs something on a registry of its own; a signal ends it. The session is closed before this returns.
    pub(crate) async fn session(&mut self, work: impl AsyncFnOnce(&Registry, &mut Output) -> Done) -> Done {
        let work = async |registry: &Registry, output: &mut Output, signals: &mut Signals| {
            tokio::select! {
                done = work(registry, output) => done,
                ending = signals.next() => Ok(ending.code()),
            }
        };
        let (done, closed) = self.run(work).await;
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
        match self.run(work).await {
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
    ) -> (Done, Result<(), Error>) {
        let opened = async {
            let settings = self.settings()?;
            let mut signals = Signals::listen()?;
            tokio::select! {
                opened = Registry::open(settings) => Ok(Ok((opened?, signals))),
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
            // Whoever asks a second time does not want to wait.
            _ = signals.next() => Ok(()),
            () = tokio::time::sleep(PATIENCE), if !answers => Ok(()),
        };
        (done, closed)
    }
}

/// Checks a key's form, before anything is opened.
///
/// # Errors
///
/// `InvalidKey`.
pub(crate) fn check_key(operation: &str, key: &str) -> Result<(), Failure> {
    match Key::new(key) {
        Ok(_) => Ok(()),
        Err(invalid) => Err(Error::from(invalid).with_operation(operation).into()),
    }
}

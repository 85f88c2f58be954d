//! The court: a backend that laws are tried on.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::Arc,
    time::Duration,
};

use registry_host::{Capabilities, ErrorKind, Plugin, Registry, Result, Settings, SettingsBuilder};

/// Where the laws have their roots.
pub(crate) const ROOT: &str = "/laws";

/// A backend that laws are tried on: it opens clients of it, each with a session of its own.
#[derive(Clone)]
pub struct Court(Arc<CourtState>);

struct CourtState {
    plugin: Plugin,
    settings: SettingsBuilder,
    base: Settings,
    /// Cleans up after the laws.
    usher: Registry,
}

/// What a client has otherwise than configured.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    pub(crate) namespace: Option<String>,
    pub(crate) session_timeout: Option<Duration>,
    pub(crate) operation_timeout: Option<Duration>,
}

impl Court {
    /// Loads the plugin that the configuration names, and opens a first session.
    ///
    /// # Errors
    ///
    /// As [`Registry::open`].
    pub async fn open(settings: SettingsBuilder) -> Result<Self> {
        let base = settings.clone().build()?;
        let usher = Registry::open(base.clone()).await?;
        Ok(Self::new(usher.plugin().clone(), settings, base, usher))
    }

    /// Opens a first session with a plugin that is loaded already, or linked in.
    ///
    /// # Errors
    ///
    /// As [`Registry::connect`].
    pub async fn with_plugin(plugin: Plugin, settings: SettingsBuilder) -> Result<Self> {
        let base = settings.clone().build()?;
        let usher = Registry::connect(plugin.clone(), base.clone()).await?;
        Ok(Self::new(plugin, settings, base, usher))
    }

    fn new(plugin: Plugin, settings: SettingsBuilder, base: Settings, usher: Registry) -> Self {
        Court(Arc::new(CourtState { plugin, settings, base, usher }))
    }

    /// What the backend can do, and what it promises in place of what it can't.
    pub fn capabilities(&self) -> &Capabilities {
        self.0.usher.capabilities()
    }

    /// Names what lies below `/laws`: nothing once every law is through, unless one was cut short.
    ///
    /// # Errors
    ///
    /// As [`Registry::children`], but for `NotFound`.
    pub async fn left_behind(&self) -> Result<Vec<String>> {
        match self.0.usher.children(ROOT).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            names => names,
        }
    }

    /// Removes `/laws`, unless something lies below it, and ends the court's own session.
    ///
    /// # Errors
    ///
    /// As [`Registry::close`].
    pub async fn close(&self) -> Result<()> {
        match self.0.usher.delete(ROOT).await {
            Err(error) if error.kind() != ErrorKind::HasChildren => Err(error),
            _ => self.0.usher.close().await,
        }
    }

    pub(crate) fn usher(&self) -> &Registry {
        &self.0.usher
    }

    pub(crate) fn namespace(&self) -> &str {
        self.0.base.namespace()
    }

    pub(crate) fn registry_type(&self) -> &str {
        self.0.base.registry_type()
    }

    /// Opens a client on these terms, and with these keys set over all else.
    pub(crate) async fn client(&self, terms: &Terms, set: &[(&str, &str)]) -> Result<Registry> {
        let section = format!("registry.{}", self.registry_type());
        let mut settings = self.0.settings.clone();
        if let Some(namespace) = &terms.namespace {
            settings = settings.set_value(format!("{section}.namespace"), namespace);
        }
        if let Some(timeout) = terms.session_timeout {
            settings = settings.set_value(format!("{section}.session-timeout"), format!("{}ms", timeout.as_millis()));
        }
        if let Some(timeout) = terms.operation_timeout {
            settings = settings.set_value("registry.operation-timeout", format!("{}ms", timeout.as_millis()));
        }
        for (key, value) in set {
            settings = settings.set_value(*key, *value);
        }
        Registry::connect(self.0.plugin.clone(), settings.build()?).await
    }
}

/// A number that no other run draws.
pub(crate) fn draw() -> u64 {
    RandomState::new().build_hasher().finish()
}

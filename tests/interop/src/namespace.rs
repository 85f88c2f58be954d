//! A namespace on a server, where the registry and others meet.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use registry_host::{Registry, Settings};
use registry_interop::Client;
use registry_suite::{beside, open, unique};

use crate::{backend::Backend, driver::Driver, party::Party, peer::Peer};

/// How long everybody's sessions outlive them: as short as a loaded machine allows.
pub(crate) const SESSION: Duration = Duration::from_secs(10);

/// Where the drivers are: in the folder beside this executable's own.
pub(crate) fn built() -> PathBuf {
    beside().parent().unwrap_or(Path::new("/")).join("interop")
}

/// A namespace that nothing else uses.
pub(crate) struct Namespace {
    backend: Backend,
    namespace: String,
}

impl Namespace {
    pub(crate) fn on(backend: Backend) -> Self {
        Self { backend, namespace: unique("interop") }
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    /// Where a key lies on the server.
    pub(crate) fn of(&self, key: &str) -> String {
        self.backend.prefix(&self.namespace) + key
    }

    /// What a registry here is configured with, as assignments.
    pub(crate) fn settings(&self) -> Vec<String> {
        let mut settings = self.backend.settings().to_vec();
        settings.push(format!("registry.namespace={}", self.namespace));
        settings.push(format!("registry.session-timeout={}s", SESSION.as_secs()));
        settings
    }

    /// Opens a session of ours.
    pub(crate) async fn registry(&self) -> Registry {
        let settings = Settings::builder().plugin_dir(beside());
        let settings = self.settings().into_iter().fold(settings, |settings, setting| settings.set(setting));
        open(settings).await.expect("a registry opens")
    }

    /// Opens a session of theirs.
    pub(crate) fn driver(&self, client: Client) -> Box<Driver> {
        Box::new(Driver::start(client, &built(), &self.backend.server(), &self.backend.prefix(&self.namespace)))
    }

    /// Starts a server of theirs in this namespace.
    pub(crate) fn peer(&self, client: Client, role: &str, properties: &[&str]) -> Peer {
        let server = self.backend.server();
        Peer::start(client, &built(), &[&[server.as_str(), &self.namespace, role], properties].concat())
    }

    /// Opens a session of ours and of each of theirs.
    pub(crate) async fn everybody(&self) -> Vec<Party> {
        let theirs = self.backend.clients().iter().map(|client| Party::Theirs(self.driver(*client)));
        let mut everybody: Vec<_> = theirs.collect();
        everybody.push(Party::Ours(self.registry().await));
        everybody
    }
}

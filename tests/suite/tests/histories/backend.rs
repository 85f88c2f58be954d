//! The backends that histories are played on.

use registry_host::{Plugin, Registry, Result, SettingsBuilder};
use registry_suite::{etcd, memory, open, unique, zookeeper};
use registry_test_servers::{Etcd, ZooKeeper};

/// A backend's name, and what reaches it.
type Reached = (&'static str, fn() -> SettingsBuilder);

/// Every backend. Their servers have one member each, so that each reader sees what anybody has completed.
pub(crate) const BACKENDS: &[Reached] = &[
    ("memory", memory),
    ("etcd", || etcd(Etcd::shared().expect("an etcd runs"))),
    ("zookeeper", || zookeeper(ZooKeeper::shared().expect("a ZooKeeper runs"))),
    ("zookeeper by quorum", || {
        let server = ZooKeeper::shared().expect("a ZooKeeper runs");
        zookeeper(server).set_value("registry.zookeeper.sync-reads", "quorum")
    }),
];

/// A backend that clients can be opened on.
#[derive(Clone)]
pub(crate) struct Backend {
    name: &'static str,
    settings: SettingsBuilder,
    /// One that is linked in, in place of the one that the settings name.
    linked: Option<Plugin>,
}

impl Backend {
    /// One of [`BACKENDS`], with its server.
    pub(crate) fn reach((name, settings): &Reached) -> Self {
        Backend { name, settings: settings(), linked: None }
    }

    /// One that is linked in.
    pub(crate) fn linked(name: &'static str, plugin: Plugin, settings: SettingsBuilder) -> Self {
        Backend { name, settings, linked: Some(plugin) }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The same backend, in a namespace that nobody has used.
    pub(crate) fn afresh(&self) -> Self {
        let settings = self.settings.clone().set_value("registry.namespace", unique("history"));
        Backend { settings, ..self.clone() }
    }

    /// Opens a client.
    pub(crate) async fn client(&self) -> Result<Registry> {
        match &self.linked {
            Some(plugin) => Registry::connect(plugin.clone(), self.settings.clone().build()?).await,
            None => open(self.settings.clone()).await,
        }
    }
}

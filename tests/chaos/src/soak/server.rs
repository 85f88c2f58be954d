//! The server that a day is lived on, behind a network that can break.

use std::path::Path;

use clap::ValueEnum;
use registry_host::{Settings, SettingsBuilder};
use registry_suite::Server as _;
use registry_test_servers::{Etcd, Proxy, ZooKeeper};

use crate::run::Failure;

/// A backend.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Kind {
    /// In this process.
    Memory,
    /// etcd.
    Etcd,
    /// ZooKeeper.
    Zookeeper,
}

impl Kind {
    /// The name that a registry's configuration has for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::Etcd => "etcd",
            Kind::Zookeeper => "zookeeper",
        }
    }
}

/// A running server; for the memory backend there is none.
pub(super) enum Server {
    Memory,
    Etcd(Etcd, Proxy),
    ZooKeeper(ZooKeeper, Proxy),
}

impl Server {
    /// Starts it, and blocks until it is ready.
    pub(super) fn start(kind: Kind) -> Result<Self, Failure> {
        Ok(match kind {
            Kind::Memory => Server::Memory,
            Kind::Etcd => {
                let etcd = Etcd::start()?;
                let proxy = Proxy::to(etcd.address())?;
                Server::Etcd(etcd, proxy)
            }
            Kind::Zookeeper => {
                let zookeeper = ZooKeeper::start()?;
                let proxy = Proxy::to(zookeeper.address())?;
                Server::ZooKeeper(zookeeper, proxy)
            }
        })
    }

    /// The settings of a host that reaches it over the network.
    pub(super) fn settings(&self, plugin_dir: &Path) -> SettingsBuilder {
        let settings = Settings::builder().plugin_dir(plugin_dir).set("registry.namespace=soak");
        match self {
            Server::Memory => settings.set("registry.type=memory").set("registry.memory.name=soak"),
            Server::Etcd(_, proxy) => {
                settings.set("registry.type=etcd").set_value("registry.etcd.endpoints", proxy.address().to_string())
            }
            Server::ZooKeeper(_, proxy) => settings
                .set("registry.type=zookeeper")
                .set_value("registry.zookeeper.connect-string", proxy.address().to_string()),
        }
    }

    /// Breaks every connection; new ones are carried.
    pub(super) fn reset(&self) {
        if let Server::Etcd(_, proxy) | Server::ZooKeeper(_, proxy) = self {
            proxy.reset();
        }
    }

    /// How many sessions it has; `None` if nobody can say.
    pub(super) fn sessions(&self) -> Option<u64> {
        match self {
            Server::Memory => None,
            Server::Etcd(etcd, _) => Some(etcd.sessions().len() as u64),
            Server::ZooKeeper(zookeeper, _) => Some(zookeeper.sessions().len() as u64),
        }
    }

    /// What servers do by themselves in production: etcd's history is compacted.
    pub(super) fn tidy(&self) -> Result<(), Failure> {
        if let Server::Etcd(etcd, _) = self {
            etcd.compact()?;
        }
        Ok(())
    }
}

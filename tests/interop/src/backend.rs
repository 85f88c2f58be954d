//! The servers that others have clients for.

use registry_interop::Client;
use registry_test_servers::{Etcd, ZooKeeper};

/// A server, and the registry's plugin for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Etcd,
    ZooKeeper,
}

impl Backend {
    pub(crate) const ALL: [Self; 2] = [Self::Etcd, Self::ZooKeeper];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ZooKeeper => "zookeeper",
        }
    }

    /// Whose clients meet here.
    pub(crate) const fn clients(self) -> &'static [Client] {
        match self {
            Self::Etcd => &[Client::Go],
            Self::ZooKeeper => &[Client::Curator, Client::Kazoo],
        }
    }

    /// The server's address, as its own clients want it.
    pub(crate) fn server(self) -> String {
        match self {
            Self::Etcd => etcd().endpoint(),
            Self::ZooKeeper => zookeeper().connect_string(),
        }
    }

    /// What the registry is configured with, as assignments.
    pub(crate) fn settings(self) -> [String; 2] {
        let address = match self {
            Self::Etcd => "registry.etcd.endpoints",
            Self::ZooKeeper => "registry.zookeeper.connect-string",
        };
        [format!("registry.type={}", self.name()), format!("{address}={}", self.server())]
    }

    /// What the server's keys begin with.
    pub(crate) fn prefix(self, namespace: &str) -> String {
        match self {
            Self::Etcd => namespace.to_owned(),
            Self::ZooKeeper => format!("/{namespace}"),
        }
    }
}

/// The etcd that all trials share.
pub(crate) fn etcd() -> &'static Etcd {
    Etcd::shared().expect("an etcd runs")
}

fn zookeeper() -> &'static ZooKeeper {
    ZooKeeper::shared().expect("a ZooKeeper runs")
}

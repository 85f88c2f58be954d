//! Three servers of a kind, whichever it is.

use std::sync::Arc;

use clap::ValueEnum;
use registry_interop::Client;
use registry_test_servers::{Etcd, Member, Result, ZooKeeper};

/// How many servers there are: the fewest of which one may fail.
const MEMBERS: usize = 3;

/// A kind of servers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    Etcd,
    Zookeeper,
}

impl Backend {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Backend::Etcd => "etcd",
            Backend::Zookeeper => "ZooKeeper",
        }
    }

    /// Whose client is measured beside ours.
    pub(crate) fn peer(self) -> Client {
        match self {
            Backend::Etcd => Client::Go,
            Backend::Zookeeper => Client::Curator,
        }
    }

    /// What its users call it.
    pub(crate) fn peer_name(self) -> &'static str {
        match self {
            Backend::Etcd => "Go clientv3",
            Backend::Zookeeper => "Curator",
        }
    }

    pub(crate) fn start(self) -> Result<Arc<dyn Servers>> {
        Ok(match self {
            Backend::Etcd => Arc::new(Etcd::builder().members(MEMBERS).start()?),
            Backend::Zookeeper => Arc::new(ZooKeeper::builder().members(MEMBERS).start()?),
        })
    }
}

/// Running servers.
pub(crate) trait Servers: Send + Sync {
    fn backend(&self) -> Backend;

    fn members(&self) -> &[Member];

    fn leader(&self) -> Result<&Member>;

    fn version(&self) -> Result<String>;

    /// Where clients find all of them.
    fn addresses(&self) -> String;

    /// What a registry on them is configured with.
    fn settings(&self) -> Vec<String>;
}

impl Servers for Etcd {
    fn backend(&self) -> Backend {
        Backend::Etcd
    }

    fn members(&self) -> &[Member] {
        self.members()
    }

    fn leader(&self) -> Result<&Member> {
        self.leader()
    }

    fn version(&self) -> Result<String> {
        self.version()
    }

    fn addresses(&self) -> String {
        self.endpoints().join(",")
    }

    fn settings(&self) -> Vec<String> {
        vec!["registry.type=etcd".to_owned(), format!("registry.etcd.endpoints={}", self.addresses())]
    }
}

impl Servers for ZooKeeper {
    fn backend(&self) -> Backend {
        Backend::Zookeeper
    }

    fn members(&self) -> &[Member] {
        self.members()
    }

    fn leader(&self) -> Result<&Member> {
        self.leader()
    }

    fn version(&self) -> Result<String> {
        self.version()
    }

    fn addresses(&self) -> String {
        self.connect_string()
    }

    fn settings(&self) -> Vec<String> {
        let servers = format!("registry.zookeeper.connect-string={}", self.addresses());
        vec!["registry.type=zookeeper".to_owned(), servers]
    }
}

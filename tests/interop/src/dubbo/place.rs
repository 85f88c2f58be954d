//! A server where providers and consumers meet.

use std::net::{SocketAddr, TcpListener};

use registry_discovery::SECTION;
use registry_host::Settings;
use registry_suite::beside;
use registry_test_servers::{Etcd, Proxy, ZooKeeper};

use super::theirs::{Language, Theirs};

/// The server of one trial.
pub(super) struct Place {
    server: Server,
    address: String,
}

enum Server {
    Etcd(Etcd),
    ZooKeeper(ZooKeeper),
}

impl Place {
    pub(super) fn etcd() -> Self {
        let server = Etcd::start().expect("an etcd runs");
        Place { address: server.address().to_string(), server: Server::Etcd(server) }
    }

    /// Nobody's session is longer than 8 s there, whatever they ask for.
    pub(super) fn zookeeper() -> Self {
        let server = ZooKeeper::builder().setting("maxSessionTimeout=8000").start().expect("a ZooKeeper runs");
        Place { address: server.address().to_string(), server: Server::ZooKeeper(server) }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Another way to the server, that can be cut.
    pub(super) fn proxy(&self) -> Proxy {
        let server: SocketAddr = match &self.server {
            Server::Etcd(server) => server.address(),
            Server::ZooKeeper(server) => server.address(),
        };
        Proxy::to(server).expect("a proxy runs")
    }

    /// For ours.
    pub(super) fn settings(&self, address: &str) -> Settings {
        let (backend, key) = match &self.server {
            Server::Etcd(_) => ("etcd", "registry.etcd.endpoints"),
            Server::ZooKeeper(_) => ("zookeeper", "registry.zookeeper.connect-string"),
        };
        let settings = Settings::builder().section(SECTION).plugin_dir(beside());
        let settings = settings.set_value("registry.type", backend).set_value(key, address);
        settings.set("registry.session-timeout=8s").build().expect("settings")
    }

    pub(super) fn provider(&self, language: Language, level: &str, address: &str) -> Theirs {
        Theirs::start(language, "provider", self.kind(), level, address)
    }

    pub(super) fn consumer(&self, language: Language, level: &str, address: &str) -> Theirs {
        Theirs::start(language, "consumer", self.kind(), level, address)
    }

    fn kind(&self) -> &'static str {
        match &self.server {
            Server::Etcd(_) => "etcdv3",
            Server::ZooKeeper(_) => "zookeeper",
        }
    }
}

/// A port that nobody listens at just now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

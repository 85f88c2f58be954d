//! Sessions that end against their holders' will.

use registry_host::{Registry, SessionState, SettingsBuilder};
use registry_test_servers::{Etcd, Proxy, ZooKeeper};

use crate::{
    backends::{etcd, zookeeper},
    waiting::{SOON, wait_until},
};

/// How the session of one registry is ended, while all others on the same shared server go on.
pub enum Ending {
    /// Its lease is taken from it.
    Revoked,
    /// Its only way to the server is cut until it has given up.
    CutOff(Proxy),
}

impl Ending {
    /// The settings of each kind of server, with the way that it has.
    ///
    /// # Panics
    ///
    /// If a server can't be started.
    pub fn each() -> [(SettingsBuilder, Self); 2] {
        let (lease, session) =
            (Etcd::shared().expect("an etcd server"), ZooKeeper::shared().expect("a ZooKeeper server"));
        let way = Proxy::to(session.address()).expect("a proxy");
        [(etcd(lease), Ending::Revoked), (zookeeper(session), Ending::CutOff(way))]
    }

    /// The same settings for the registry whose session is to end, which is not to take longer than needs be.
    pub fn awaits(&self, settings: SettingsBuilder) -> SettingsBuilder {
        let settings = settings.set("registry.session-timeout=4s");
        match self {
            Ending::Revoked => settings,
            Ending::CutOff(way) => settings.set_value("registry.zookeeper.connect-string", way.address().to_string()),
        }
    }

    /// Ends the registry's session, and waits until it has another one.
    ///
    /// # Panics
    ///
    /// If it has none in time.
    pub async fn of(&self, registry: &Registry) {
        let lost = registry.session().id();
        let state = || registry.session().state();
        match self {
            Ending::Revoked => {
                let revoked = Etcd::shared().and_then(|server| server.etcdctl(["lease", "revoke", &lost.to_string()]));
                revoked.expect("a revocation");
            }
            Ending::CutOff(way) => {
                way.cut();
                wait_until("the session is lost", SOON, || state() == SessionState::Lost).await;
                // What tried to connect meanwhile is not answered late.
                way.reset();
                way.heal();
            }
        }
        let follows = || registry.session().id() != lost && state() == SessionState::Connected;
        wait_until("another session follows", SOON, follows).await;
    }
}

//! Three servers of one kind, and what can befall one of them.

use registry_host::SettingsBuilder;
use registry_test_servers::{Etcd, Member, PeerNetwork, Proxy, Result, ZooKeeper};

use crate::backends::{open, settings};
use crate::waiting::{SOON, eventually};

/// Three servers of one kind, between which the network can be broken, and the network to each of them, too.
pub struct Cluster {
    servers: Servers,
    /// How clients reach each member.
    ways: Vec<Proxy>,
}

enum Servers {
    Etcd(Etcd),
    ZooKeeper(ZooKeeper),
}

/// What befalls one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its process is killed.
    Killed,
    /// Its process is stopped: it keeps its connections and says nothing.
    Stopped,
    /// Its clients don't reach it, and hear nothing of it.
    CutOff,
    /// The other members don't reach it, and hear nothing of it.
    Isolated,
}

impl Fault {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Killed, Self::Stopped, Self::CutOff, Self::Isolated];
}

impl Cluster {
    /// Three of etcd.
    ///
    /// # Panics
    ///
    /// If they can't be started.
    pub fn etcd() -> Self {
        Self::of(Servers::Etcd(Etcd::builder().members(3).network().start().expect("a cluster of etcd")))
    }

    /// Three of ZooKeeper.
    ///
    /// # Panics
    ///
    /// If they can't be started.
    pub fn zookeeper() -> Self {
        let builder = ZooKeeper::builder().members(3).network();
        Self::of(Servers::ZooKeeper(builder.start().expect("an ensemble of ZooKeeper")))
    }

    fn of(servers: Servers) -> Self {
        let mut cluster = Cluster { servers, ways: Vec::new() };
        cluster.ways = cluster.members().iter().map(|member| Proxy::to(member.address()).expect("a proxy")).collect();
        cluster
    }

    /// The settings of a client that knows all members.
    pub fn settings(&self) -> SettingsBuilder {
        self.settings_at(self.ways.iter())
    }

    /// The settings of a client that knows this member alone.
    pub fn settings_of(&self, member: &Member) -> SettingsBuilder {
        self.settings_at([&self.ways[member.number()]])
    }

    fn settings_at<'a>(&self, ways: impl IntoIterator<Item = &'a Proxy>) -> SettingsBuilder {
        let (name, key) = match &self.servers {
            Servers::Etcd(_) => ("etcd", "registry.etcd.endpoints"),
            Servers::ZooKeeper(_) => ("zookeeper", "registry.zookeeper.connect-string"),
        };
        let addresses: Vec<_> = ways.into_iter().map(|way| way.address().to_string()).collect();
        settings(name).set_value(key, addresses.join(","))
    }

    /// The members.
    pub fn members(&self) -> &[Member] {
        match &self.servers {
            Servers::Etcd(servers) => servers.members(),
            Servers::ZooKeeper(servers) => servers.members(),
        }
    }

    /// How clients reach a member.
    pub fn way(&self, member: &Member) -> &Proxy {
        &self.ways[member.number()]
    }

    /// What connects the members.
    ///
    /// # Panics
    ///
    /// Never: it was asked for.
    pub fn network(&self) -> &PeerNetwork {
        match &self.servers {
            Servers::Etcd(servers) => servers.network(),
            Servers::ZooKeeper(servers) => servers.network(),
        }
        .expect("a network")
    }

    /// The member that leads, once one does.
    pub async fn leader(&self) -> &Member {
        eventually("one leads", SOON * 2, async || self.leads().ok()).await
    }

    fn leads(&self) -> Result<&Member> {
        match &self.servers {
            Servers::Etcd(servers) => servers.leader(),
            Servers::ZooKeeper(servers) => servers.leader(),
        }
    }

    /// Has something befall a member.
    ///
    /// # Panics
    ///
    /// If the member does not run.
    pub fn strike(&self, member: &Member, fault: Fault) {
        match fault {
            Fault::Killed => member.kill(),
            Fault::Stopped => member.stop().expect("it runs"),
            Fault::CutOff => self.way(member).cut(),
            Fault::Isolated => self.network().isolate(member),
        }
    }

    /// Ends what has befallen a member, and waits until it serves again.
    ///
    /// # Panics
    ///
    /// If it doesn't.
    pub async fn mend(&self, member: &Member, fault: Fault) {
        match fault {
            Fault::Killed => member.restart().expect("it starts"),
            Fault::Stopped => member.cont().expect("it runs"),
            Fault::CutOff => {
                // Who is still there sees a break, as one does when TCP gives up.
                self.way(member).reset();
                self.way(member).heal();
            }
            Fault::Isolated => self.network().heal(),
        }
        self.serves(member).await;
    }

    /// Waits until sessions are given through this member, and writes done.
    pub async fn serves(&self, member: &Member) {
        let through_it = self.settings_of(member);
        eventually("it serves", SOON * 2, async || {
            let registry = open(through_it.clone()).await.ok()?;
            let served = registry.put("/serves", "").await.is_ok();
            registry.close().await.ok()?;
            served.then_some(())
        })
        .await;
    }
}

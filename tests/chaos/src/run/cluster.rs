//! The servers of a run.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::ValueEnum;
use etcd_client::{AlarmAction, AlarmOptions, AlarmType, Client, CompactionOptions};
use registry_suite::Server;
use registry_test_servers::{Etcd, Member, PeerNetwork, ZooKeeper};
use tokio::time::{Instant, sleep, timeout};

use super::Failure;

/// How long a member may take to say who leads.
const ASKED: Duration = Duration::from_secs(1);
/// How long the servers may take for what is asked of all of them, at one attempt.
const ASKED_ONCE: Duration = Duration::from_secs(8);
/// How long attempts are made at that.
const ASKED_OF_ALL: Duration = Duration::from_secs(40);

/// What a member's disk has room for: etcd's log in files of 64 MB, three of them for a moment, and its data.
const DISK: u64 = 300 << 20;

/// Which servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Backend {
    /// etcd.
    Etcd,
    /// ZooKeeper.
    Zookeeper,
}

impl Backend {
    /// The name that a registry's configuration has for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Backend::Etcd => "etcd",
            Backend::Zookeeper => "zookeeper",
        }
    }

    /// What a registry is configured with that finds the members at these addresses.
    pub(crate) fn assignments(self, members: impl IntoIterator<Item = SocketAddr>) -> [String; 2] {
        let members: Vec<_> = members.into_iter().collect();
        let joined =
            |prefix: &str| members.iter().map(|address| format!("{prefix}{address}")).collect::<Vec<_>>().join(",");
        let found = match self {
            Backend::Etcd => format!("registry.etcd.endpoints={}", joined("http://")),
            Backend::Zookeeper => format!("registry.zookeeper.connect-string={}", joined("")),
        };
        [format!("registry.type={}", self.name()), found]
    }
}

/// Running servers.
pub(crate) enum Cluster {
    Etcd(Etcd),
    ZooKeeper(Arc<ZooKeeper>),
}

impl Cluster {
    /// Starts so many members, with disks of their own or without, and blocks until they are ready.
    pub(crate) fn start(backend: Backend, members: usize, disks: bool) -> Result<Self, Failure> {
        let (mut etcd, mut zookeeper) = (Etcd::builder().members(members), ZooKeeper::builder().members(members));
        if disks {
            (etcd, zookeeper) = (etcd.disk(DISK), zookeeper.disk(DISK));
        }
        Ok(match (backend, members) {
            (Backend::Etcd, 1) => Cluster::Etcd(etcd.start()?),
            (Backend::Etcd, _) => Cluster::Etcd(etcd.network().start()?),
            (Backend::Zookeeper, 1) => Cluster::ZooKeeper(Arc::new(zookeeper.start()?)),
            (Backend::Zookeeper, _) => Cluster::ZooKeeper(Arc::new(zookeeper.network().start()?)),
        })
    }

    /// What connects the members, of which there are several.
    pub(crate) fn network(&self) -> registry_test_servers::Result<&PeerNetwork> {
        match self {
            Cluster::Etcd(etcd) => etcd.network(),
            Cluster::ZooKeeper(zookeeper) => zookeeper.network(),
        }
    }

    pub(crate) fn members(&self) -> &[Member] {
        match self {
            Cluster::Etcd(etcd) => etcd.members(),
            Cluster::ZooKeeper(zookeeper) => zookeeper.members(),
        }
    }

    /// The number of the member that leads, if one says so.
    pub(crate) async fn leader(&self) -> Option<usize> {
        match self {
            Cluster::Etcd(etcd) => {
                for (number, member) in etcd.members().iter().enumerate() {
                    if matches!(timeout(ASKED, leads(member)).await, Ok(Ok(true))) {
                        return Some(number);
                    }
                }
                None
            }
            Cluster::ZooKeeper(zookeeper) => {
                let asked = Arc::clone(zookeeper);
                let leader = tokio::task::spawn_blocking(move || asked.leader().ok().map(Member::address));
                let leader = leader.await.ok()??;
                zookeeper.members().iter().position(|member| member.address() == leader)
            }
        }
    }

    /// Takes away all history before now; only etcd has any.
    pub(crate) async fn compact(&self) -> Result<(), Failure> {
        let endpoints: Vec<_> = self.members().iter().map(Member::endpoint).collect();
        insist(|| compact(endpoints.clone())).await
    }

    /// Makes the servers refuse writes as if their storage were full, or no longer; only etcd does so.
    pub(crate) async fn alarm(&self, on: bool) -> Result<(), Failure> {
        // An alarm is one member's, and counts for all.
        let endpoint = self.members()[0].endpoint();
        insist(|| alarm(endpoint.clone(), on)).await
    }

    /// How many sessions, and how many watches if they can be counted.
    pub(crate) fn holds(&self) -> (u64, Option<u64>) {
        let server: &dyn Server = match self {
            Cluster::Etcd(etcd) => etcd,
            Cluster::ZooKeeper(zookeeper) => &**zookeeper,
        };
        // Each member counts its own watches.
        let watches = (self.members().len() == 1).then(|| server.watches() as u64);
        (server.sessions().len() as u64, watches)
    }
}

async fn compact(endpoints: Vec<String>) -> Result<(), etcd_client::Error> {
    let mut client = Client::connect(&endpoints, None).await?;
    let revision = client.status().await?.header().map_or(0, |header| header.revision());
    match client.compact(revision, Some(CompactionOptions::new())).await {
        // Another client's fault was quicker.
        Err(etcd_client::Error::GRpcStatus(status)) if status.message().contains("has been compacted") => Ok(()),
        compacted => compacted.map(drop),
    }
}

async fn alarm(endpoint: String, on: bool) -> Result<(), etcd_client::Error> {
    let mut client = Client::connect([endpoint], None).await?;
    let mut options = AlarmOptions::new();
    options.with_member(client.status().await?.header().map_or(0, |header| header.member_id()));
    let action = if on { AlarmAction::Activate } else { AlarmAction::Deactivate };
    client.alarm(action, AlarmType::Nospace, Some(options)).await.map(drop)
}

/// Asks again until it is done: other faults may be in the way.
async fn insist<F: Future<Output = Result<(), etcd_client::Error>>>(ask: impl Fn() -> F) -> Result<(), Failure> {
    let deadline = Instant::now() + ASKED_OF_ALL;
    loop {
        match timeout(ASKED_ONCE, ask()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if Instant::now() >= deadline => return Err(error.into()),
            Err(elapsed) if Instant::now() >= deadline => return Err(elapsed.into()),
            Ok(Err(_)) | Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn leads(member: &Member) -> Result<bool, etcd_client::Error> {
    let status = Client::connect([member.endpoint()], None).await?.status().await?;
    Ok(status.header().is_some_and(|header| header.member_id() == status.leader()))
}

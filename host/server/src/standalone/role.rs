//! What a server does: it only takes part in its cluster, hands tasks out, or runs them.

use std::net::{Ipv4Addr, TcpListener};

use registry_cluster::{Cluster, DEFAULT_GROUP, Incarnation, Membership, MembershipState, Options};
use registry_host::{Error, ErrorKind, Registry, Result};
use registry_tasks::master::Master;
use registry_tasks::settings::{MasterSettings, ServersSettings, WorkerSettings};
use registry_tasks::worker::{Ready, Setup, serve};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

/// What a server is to do.
#[derive(Clone)]
pub(super) enum Kind {
    /// It registers as a worker, and does nothing.
    Member,
    Master(MasterSettings, ServersSettings),
    Worker(WorkerSettings, ServersSettings),
}

/// A server that does so.
pub(super) enum Role {
    /// Nobody else on this machine has the address while the server is there.
    Member(Membership, TcpListener),
    Master(Box<Master>),
    Worker(Worker),
}

/// A worker in the background.
pub(super) struct Worker {
    serving: AbortOnDropHandle<Result<()>>,
    ask: watch::Sender<u32>,
    // What its commands and results are in, for as long as it serves.
    _data: TempDir,
}

impl Kind {
    /// Registers a server that does so.
    pub(super) async fn start(self, registry: &Registry, options: Options) -> Result<(Role, Ready)> {
        match self {
            Kind::Member => member(registry, options).await,
            Kind::Master(settings, servers) => {
                let master = Master::start(registry.clone(), options, settings, &servers).await?;
                let ready = Ready {
                    address: master.address().to_owned(),
                    incarnation: master.incarnation(),
                    states: master.states(),
                    cluster: master.cluster().clone(),
                };
                Ok((Role::Master(Box::new(master)), ready))
            }
            Kind::Worker(settings, servers) => worker(registry, options, settings, servers).await,
        }
    }
}

impl Role {
    /// Whether others need it to leave in order.
    pub(super) fn is_master(&self) -> bool {
        matches!(self, Role::Master(_))
    }

    /// Lets the server die: it sends nothing more, and its session is left to time out.
    pub(super) async fn abandon(self, registry: &Registry) {
        match self {
            Role::Member(membership, _) => membership.abandon().await,
            Role::Master(_) | Role::Worker(_) => registry.abandon(),
        }
    }

    /// Leaves in order. A worker finishes what it runs, for as long as `worker.drain-deadline` allows.
    pub(super) async fn leave(self) -> Result<()> {
        match self {
            Role::Member(membership, _listener) => membership.leave().await,
            Role::Master(master) => master.leave().await,
            Role::Worker(mut worker) => {
                worker.ask.send_modify(|times| *times += 1);
                ended((&mut worker.serving).await)
            }
        }
    }
}

async fn member(registry: &Registry, options: Options) -> Result<(Role, Ready)> {
    let refused = |error| Error::new(ErrorKind::Other, "no port of 127.0.0.1 is free").with_cause(&error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?.to_string();
    let cluster = Cluster::open(registry.clone(), options).await?;
    let membership = cluster.register(registry_cluster::Server::worker(&address, [DEFAULT_GROUP])?).await?;
    let (incarnation, states): (Incarnation, watch::Receiver<MembershipState>) =
        (membership.incarnation(), membership.states());
    Ok((Role::Member(membership, listener), Ready { address, incarnation, states, cluster }))
}

async fn worker(
    registry: &Registry,
    options: Options,
    mut settings: WorkerSettings,
    servers: ServersSettings,
) -> Result<(Role, Ready)> {
    let refused = |error| Error::new(ErrorKind::Other, "no folder for a worker's data can be made").with_cause(&error);
    let data = tempfile::tempdir().map_err(refused)?;
    settings.data_dir = Some(data.path().to_owned());
    let (ask, asked) = watch::channel(0);
    let (ready, told) = oneshot::channel();
    let setup = Setup { options, servers, worker: settings, groups: vec![DEFAULT_GROUP.to_owned()] };
    let registry = registry.clone();
    let serving = tokio::spawn(async move { serve(&registry, setup, asked, ready).await });
    let mut worker = Worker { serving: AbortOnDropHandle::new(serving), ask, _data: data };
    match told.await {
        Ok(ready) => Ok((Role::Worker(worker), ready)),
        Err(_) => {
            let ended = ended((&mut worker.serving).await);
            Err(ended.err().unwrap_or_else(|| Error::new(ErrorKind::Other, "the worker has ended")))
        }
    }
}

/// How a worker has ended.
fn ended(joined: std::result::Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    joined.unwrap_or_else(|error| Err(Error::new(ErrorKind::Other, "the worker has ended").with_cause(&error)))
}

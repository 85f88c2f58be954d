//! One server: its place in the cluster, and what it hears there.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use registry_cluster::{Change, Cluster, DEFAULT_GROUP, Incarnation, Membership, MembershipState, Options};
use registry_host::{Error, ErrorKind, Opening, Registry, Result, SessionState};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a server tells whoever shows the table.
pub(super) enum Update {
    /// Its session's state.
    Session(SessionState),
    /// How it stands.
    MembershipState(MembershipState),
    /// What has changed among the members.
    Change(Change),
}

/// A server that is registered.
pub(super) struct Server {
    registry: Registry,
    address: String,
    incarnation: Incarnation,
    /// None once it has left or was abandoned.
    membership: Option<Membership>,
    telling: Option<JoinHandle<()>>,
    pub(super) abandoned: bool,
    // Nobody else on this machine has the address while the server is there.
    _listener: TcpListener,
}

impl Server {
    /// Takes an address, opens a session and registers.
    pub(super) async fn open(opening: Opening, options: Options) -> Result<Self> {
        let refused = |error| Error::new(ErrorKind::Other, "no port of 127.0.0.1 can be had").with_cause(&error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?.to_string();
        let registry = opening.await?;
        let membership = match register(&registry, options, &address).await {
            Ok(membership) => membership,
            Err(error) => {
                // The session may hold the entry all the same.
                let _ = registry.close().await;
                return Err(error);
            }
        };
        let (incarnation, membership) = (membership.incarnation(), Some(membership));
        Ok(Server { registry, address, incarnation, membership, telling: None, abandoned: false, _listener: listener })
    }

    /// How long its session outlives it.
    pub(super) fn session_timeout(&self) -> Duration {
        self.registry.session().timeout()
    }

    /// Where the server is.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Which process it is, told apart from others at its address.
    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Begins to tell what it hears, under the server's number.
    pub(super) fn start(&mut self, number: usize, tell: Sender<(usize, Update)>) {
        if let Some(membership) = &self.membership {
            let (cluster, standings) = (membership.cluster().clone(), membership.states());
            self.telling = Some(tokio::spawn(tell_all(cluster, standings, number, tell)));
        }
    }

    /// Lets the server die: it sends nothing more, and its session is left to time out.
    pub(super) async fn abandon(&mut self) {
        self.abandoned = true;
        self.fall_silent().await;
        if let Some(membership) = self.membership.take() {
            membership.abandon().await;
        }
    }

    /// Ends the server: it leaves in order, and its session is closed.
    pub(super) async fn close(&mut self) -> Result<()> {
        self.fall_silent().await;
        if self.abandoned {
            return Ok(());
        }
        let left = match self.membership.take() {
            Some(membership) => membership.leave().await,
            None => Ok(()),
        };
        let closed = self.registry.close().await;
        match left {
            // It was told to stop, and its entries are released.
            Err(error) if error.kind() == ErrorKind::SessionLost => closed,
            left => left.and(closed),
        }
    }

    async fn fall_silent(&mut self) {
        if let Some(telling) = self.telling.take() {
            telling.abort();
            // It ends at its next await, and must not find the session closed before.
            let _ = telling.await;
        }
    }
}

async fn register(registry: &Registry, options: Options, address: &str) -> Result<Membership> {
    let cluster = Cluster::open(registry.clone(), options).await?;
    cluster.register(registry_cluster::Server::worker(address, [DEFAULT_GROUP])?).await
}

/// Tells of the session, of the server's standing, and of everyone who comes, beats or goes.
async fn tell_all(
    cluster: Cluster,
    mut standings: watch::Receiver<MembershipState>,
    number: usize,
    tell: Sender<(usize, Update)>,
) {
    let mut states = cluster.registry().session().states();
    let mut changes = cluster.workers(DEFAULT_GROUP).changes();
    loop {
        let told = tokio::select! {
            // Why it stands as it does is told first.
            biased;
            Some(state) = states.next() => Update::Session(state),
            Ok(()) = standings.changed() => Update::MembershipState(standings.borrow_and_update().clone()),
            Some(change) = changes.next() => Update::Change(change),
            else => return,
        };
        if tell.send((number, told)).await.is_err() {
            // Nobody listens any more once the table is closed.
            return;
        }
    }
}

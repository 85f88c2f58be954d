//! One server: its place in the cluster, and what it hears there.

use std::time::Duration;

use registry_cluster::{
    Change, Cluster, DEFAULT_GROUP, Incarnation, MemberFilter, MembershipState, Options, Role as As,
};
use registry_host::{ErrorKind, Opening, Registry, Result, SessionState};
use registry_tasks::worker::Ready;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::role::{Kind, Role};

/// What a server tells the table.
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
    ready: Ready,
    /// None once it has left or was abandoned.
    role: Option<Role>,
    telling: Option<JoinHandle<()>>,
    pub(super) abandoned: bool,
}

impl Server {
    /// Opens a session and registers.
    pub(super) async fn open(opening: Opening, options: Options, kind: Kind) -> Result<Self> {
        let registry = opening.await?;
        match kind.start(&registry, options).await {
            Ok((role, ready)) => Ok(Server { registry, ready, role: Some(role), telling: None, abandoned: false }),
            Err(error) => {
                // The session may hold the entry all the same.
                let _ = registry.close().await;
                Err(error)
            }
        }
    }

    /// Its registry.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whether it hands tasks out.
    pub(super) fn is_master(&self) -> bool {
        self.role.as_ref().is_some_and(Role::is_master)
    }

    /// How long its session outlives it.
    pub(super) fn session_timeout(&self) -> Duration {
        self.registry.session().timeout()
    }

    /// Where the server is.
    pub(super) fn address(&self) -> &str {
        &self.ready.address
    }

    /// Which process it is, told apart from others at its address.
    pub(super) fn incarnation(&self) -> Incarnation {
        self.ready.incarnation
    }

    /// Begins to tell what it hears, under the server's number.
    pub(super) fn start(&mut self, number: usize, tell: Sender<(usize, Update)>) {
        let (cluster, standings) = (self.ready.cluster.clone(), self.ready.states.clone());
        self.telling = Some(tokio::spawn(tell_all(cluster, standings, number, tell)));
    }

    /// Lets the server die: it sends nothing more, and its session is left to time out.
    pub(super) async fn abandon(&mut self) {
        self.abandoned = true;
        self.fall_silent().await;
        if let Some(role) = self.role.take() {
            role.abandon(&self.registry).await;
        }
    }

    /// Ends the server: it leaves in order, and its session is closed.
    pub(super) async fn close(&mut self) -> Result<()> {
        self.fall_silent().await;
        if self.abandoned {
            return Ok(());
        }
        let left = match self.role.take() {
            Some(role) => role.leave().await,
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

/// Tells of the session, of the server's standing, and of everyone who comes, beats or goes.
async fn tell_all(
    cluster: Cluster,
    mut standings: watch::Receiver<MembershipState>,
    number: usize,
    tell: Sender<(usize, Update)>,
) {
    let mut states = cluster.registry().session().states();
    let mut changes = cluster.members(MemberFilter::All).changes();
    // A worker that is elsewhere in several groups is one row.
    let is_shown = |change: &Change| {
        let member = change.member();
        member.role == As::Master || member.group.as_deref() == Some(DEFAULT_GROUP)
    };
    loop {
        let told = tokio::select! {
            // Why it stands as it does is told first.
            biased;
            Some(state) = states.next() => Update::Session(state),
            Ok(()) = standings.changed() => Update::MembershipState(standings.borrow_and_update().clone()),
            Some(change) = changes.next() => {
                if !is_shown(&change) {
                    continue;
                }
                Update::Change(change)
            }
            else => return,
        };
        if tell.send((number, told)).await.is_err() {
            // Nobody listens any more once the table is closed.
            return;
        }
    }
}

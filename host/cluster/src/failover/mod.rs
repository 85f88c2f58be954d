//! Taking over for servers that have gone.

mod due;
mod lives;
mod marks;
mod taking;
mod watching;

use std::{error, sync::Arc};

use registry_host::{Error, ErrorKind, Guard, Result};
use tokio::sync::watch;

use self::lives::Lives;
use crate::{
    Cluster, Incarnation, Membership, MembershipState, Role, Server,
    record::CLUSTER,
    task::{self, Task},
    view,
};

/// A server that is gone without having left in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Departed {
    /// What it was.
    pub role: Role,
    /// Where it was, `host:port`.
    pub address: String,
    /// The process that it was: what another one at the same address has begun since is not to be taken over.
    pub incarnation: Incarnation,
    /// Whether another process is registered at its address by now.
    pub restarted: bool,
}

/// What a host does for a server that is gone.
pub trait TakeOver: Send + Sync + 'static {
    /// Takes over what the server has left.
    ///
    /// # Behavior
    ///
    /// At most one master at a time runs this for servers of one role; the guard's token says which. What is written
    /// goes through [`check_held`](registry_host::Txn::check_held), or carries the token to where it is checked.
    /// It must do the same when it is run again: it is, here or on another master, if it fails, or its master dies
    /// before it is recorded that it is done.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being done; it is run again after a pause, also if it panics.
    ///
    /// # Cancellation
    ///
    /// It is dropped when the lock is lost or the master is to stop.
    fn take_over(
        &self,
        departed: &Departed,
        guard: &Guard,
    ) -> impl Future<Output = std::result::Result<(), Box<dyn error::Error + Send + Sync>>> + Send;
}

/// A master that takes over for servers that have gone, as long as this is kept.
#[derive(Debug)]
#[must_use = "failover ends when it is dropped"]
pub struct Failover {
    _watching: Task,
    _roles: [Task; 2],
    _marks: Task,
}

/// What both roles need.
struct Shared<T> {
    cluster: Cluster,
    server: Server,
    incarnation: Incarnation,
    standing: watch::Receiver<MembershipState>,
    lives: Arc<Lives>,
    host: T,
}

impl Membership {
    /// Has this master take over for servers that have gone, beside all others that do.
    ///
    /// # Behavior
    ///
    /// When a server's entries go with its session and it has not left in order, one of the masters takes the lock of
    /// its role, `/lock/failover/masters` or `/lock/failover/workers`. Once `registry.cluster.failover-grace` has
    /// passed it writes down that it takes over, together with the server's dead mark, and only if the server isn't
    /// back: from then on a server that comes back is told to stop. Then it runs the host's [`TakeOver`], and at last
    /// removes the record of the server's incarnation, if it still holds the lock. Whatever is left unfinished is
    /// started again by the next one. A server that was restarted meanwhile gets no dead mark.
    ///
    /// For a server whose session lives, and whose entries somebody has deleted, nobody takes over until it has
    /// stopped; nor does a master take over for anybody whose own entries are gone.
    ///
    /// That also goes for all who had gone before: the first master after an outage of all takes over for everyone who
    /// was there. The first of the masters that do this also removes dead marks that are older than
    /// `registry.cluster.dead-mark-retention`. Servers of DolphinScheduler, which leave no record, get one as soon as
    /// the first of the masters that do leave one sees them.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a worker; else as [`Registry::watch`](registry_host::Registry::watch).
    pub async fn fail_over(&self, host: impl TakeOver) -> Result<Failover> {
        if self.server().role() != Role::Master {
            let message = format!("{} can't take over for others, only a master can", self.server());
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let lives = Lives::new();
        let watching = view::mirror(self.cluster().registry(), CLUSTER, Arc::clone(&lives)).await?;
        let shared = Arc::new(Shared {
            cluster: self.cluster().clone(),
            server: self.server().clone(),
            incarnation: self.incarnation(),
            standing: self.states(),
            lives,
            host,
        });
        let roles = Role::ALL.map(|role| {
            let shared = Arc::clone(&shared);
            task::spawn("taking over for others", move || watching::watch(Arc::clone(&shared), role))
        });
        let marks = task::spawn("removing old dead marks", move || marks::watch(Arc::clone(&shared)));
        Ok(Failover { _watching: watching, _roles: roles, _marks: marks })
    }
}

impl<T> Shared<T> {
    fn is_serving(&self) -> bool {
        matches!(*self.standing.borrow(), MembershipState::Serving)
    }

    /// Whether this master is the first of those that keep records: what is to be done once is its work.
    pub(super) fn is_first(&self) -> bool {
        let masters = self.cluster.masters().now();
        let order = |master: &crate::Member| (master.incarnation(), master.address.clone());
        let first = masters.iter().filter(|master| !master.is_foreign()).map(|master| order(master)).min();
        first.is_some_and(|(incarnation, _)| incarnation == Some(self.incarnation))
    }
}

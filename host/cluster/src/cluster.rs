//! The handle on a cluster.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use registry_host::{ErrorKind, Registry, Result, SessionState};

use crate::{
    Groups, Incarnation, Member, MemberFilter, Members, NoSlot, Options, Role, Server, Slot,
    balance::Balancer,
    compat::dolphinscheduler::layout::{DEAD_SERVERS, NODES, mark_key, mark_name, marked},
    pulse::Pulse,
    record::Record,
    server::group_name,
    task::Task,
    view::{self, Board},
};

/// The servers that are registered, seen through one watch that all clones share.
///
/// # Behavior
///
/// It shows what the registry last reported: while contact is lost, that is the past. After a reconnect what
/// changed meanwhile is reported by itself. The watch ends with the last clone.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    options: Options,
    board: Arc<Board>,
    balancer: Mutex<Balancer>,
    pulse: Pulse,
    /// Whether slots are refused for the sake of masters that count in another way.
    slots_refused: AtomicBool,
    _watching: Task,
}

impl Cluster {
    /// Begins to watch the members; ready once all who are there have been seen.
    ///
    /// # Errors
    ///
    /// As [`Registry::watch`].
    ///
    /// # Cancellation
    ///
    /// The watch ends.
    pub async fn open(registry: Registry, options: Options) -> Result<Self> {
        let board = Board::new();
        let watching = view::mirror(&registry, NODES, Arc::clone(&board)).await?;
        let balancer = Mutex::new(Balancer::new(options.of_role(Role::Master).host_selector));
        let pulse = Pulse::begin(&registry);
        let slots_refused = AtomicBool::new(false);
        Ok(Cluster(Arc::new(Inner { registry, options, board, balancer, pulse, slots_refused, _watching: watching })))
    }

    /// The registry that it is seen through.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// How servers take part.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// The masters.
    pub fn masters(&self) -> Members {
        self.members(MemberFilter::Masters)
    }

    /// The workers of a group, whose name is trimmed, and `default` if it is empty; else names are compared as they
    /// are.
    ///
    /// # Behavior
    ///
    /// DolphinScheduler up to 3.0, whose heartbeats are no JSON, puts the names of groups into lower case. What such a
    /// worker has registered below `gpu` may be meant for `GPU`, and is among the workers of both.
    pub fn workers(&self, group: &str) -> Members {
        // What can't be a group's name is nobody's.
        self.members(MemberFilter::Group(group_name(group).unwrap_or_else(|_| group.to_owned())))
    }

    /// Members of any choice.
    pub fn members(&self, which: MemberFilter) -> Members {
        Members::new(&self.0.board, which)
    }

    /// The groups that have a worker.
    pub fn groups(&self) -> Groups {
        Groups::new(&self.0.board)
    }

    /// Chooses a worker of a group, as `registry.cluster.host-selector` says.
    ///
    /// # Behavior
    ///
    /// Of the [workers of a group](Cluster::workers) those that an old version has registered under its name in lower
    /// case are chosen only while none is registered under the very name.
    ///
    /// # Errors
    ///
    /// `NotFound` if no worker of the group is normal; it names the group.
    pub fn choose(&self, group: &str) -> Result<Arc<Member>> {
        let mut members = self.workers(group).now();
        let is_exact = |member: &Arc<Member>| {
            member.group.as_deref().is_some_and(|own| group_name(group).is_ok_and(|it| it == own))
        };
        if members.iter().any(is_exact) {
            members.retain(is_exact);
        }
        let mut balancer = self.0.balancer.lock().unwrap_or_else(PoisonError::into_inner);
        balancer.choose(group, &members)
    }

    /// The slot of the master at an address.
    ///
    /// # Errors
    ///
    /// Why it has none; a warning in the log says so once if that is because of another kind of masters.
    ///
    /// # Behavior
    ///
    /// It is right as soon as the view is: milliseconds after a master has joined, left or become abnormal. A master
    /// that is cut off has its slot until its session is `Lost`, which it is told before the others can see it gone.
    /// One whose process has stood still, for a twelfth of the session's timeout or longer, has none until the registry
    /// has answered again.
    pub fn slot(&self, address: &str) -> std::result::Result<Slot, NoSlot> {
        self.slot_of(address, None)
    }

    /// The same for one incarnation of a master, if one is given.
    pub(crate) fn slot_of(&self, address: &str, incarnation: Option<Incarnation>) -> std::result::Result<Slot, NoSlot> {
        let registry = &self.0.registry;
        let slot = match registry.session().state() {
            SessionState::Lost | SessionState::Closed => Err(NoSlot::NotSeen),
            _ if !self.0.pulse.is_felt(registry) => Err(NoSlot::NotSeen),
            _ => Slot::of(address, incarnation, &self.masters().now()),
        };
        let refused = matches!(slot, Err(NoSlot::Foreign { .. }));
        if self.0.slots_refused.swap(refused, Ordering::Relaxed) != refused {
            match &slot {
                Err(why) if refused => tracing::warn!(master = address, %why, "the master has no slot"),
                _ => tracing::info!(master = address, "slots are counted again"),
            }
        }
        slot
    }

    /// Declares a server dead: it is told to stop at its next beat.
    ///
    /// # Errors
    ///
    /// As [`Registry::put`].
    pub async fn mark_dead(&self, server: &Server) -> Result<()> {
        let (role, address) = (server.role(), server.address());
        let marked = self.0.registry.put(&mark_key(role, address), mark_name(role, address)).await;
        marked.map(drop)
    }

    /// Whether an incarnation has ended for good: it has left in order, or a master has taken over for it.
    ///
    /// Only of those that keep records, as the servers of this crate do.
    ///
    /// # Errors
    ///
    /// As [`Registry::get`].
    pub async fn is_over(&self, server: &Server, incarnation: Incarnation) -> Result<bool> {
        let record = Record::new(server.role(), server.address(), Vec::new(), incarnation);
        Ok(self.0.registry.get(&record.key()).await?.is_none())
    }

    /// The servers that are marked as dead: role and address, sorted.
    ///
    /// # Behavior
    ///
    /// If this user may not look into the marks' folder, as when one of another user has made it, they are none, and a
    /// warning says why.
    ///
    /// # Errors
    ///
    /// As [`Registry::children`].
    pub async fn marked_dead(&self) -> Result<Vec<(Role, String)>> {
        match self.0.registry.children(DEAD_SERVERS).await {
            Ok(names) => Ok(names.iter().filter_map(|name| marked(name)).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                tracing::warn!(%error, "which servers are marked as dead can't be seen by this user");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.0.board
    }
}

//! One server's own place in the cluster.

mod beats;
mod entries;
mod looking;
mod readers;
mod registering;
mod state;

use std::{
    fmt,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use registry_host::{Error, ErrorKind, Result, Version, panic_message};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

pub use self::state::{MembershipState, Stop};
use self::{beats::Signals, entries::Entries};
use crate::{Cluster, Incarnation, NoSlot, Server, Slot, record::Record};

/// How long a host may take for what it does [before the entries are released](Membership::before_release).
pub const RELEASE_WITHIN: Duration = Duration::from_secs(10);

/// A server that is registered, and beats.
///
/// # Behavior
///
/// The heartbeat is written every `max-heartbeat-interval`, and at once when the server's status changes or another
/// session has followed a lost one. The same Txn checks that its entries are still its own and that nobody has declared
/// it dead. If they aren't, its entries are released and it is told to stop, once and for good.
///
/// Dropping it releases the entries in the background, as if the server had died: others take over for it. One that has
/// nothing left to be taken over [leaves](Membership::leave).
#[derive(Debug)]
pub struct Membership {
    cluster: Cluster,
    server: Server,
    incarnation: Incarnation,
    standing: watch::Receiver<MembershipState>,
    failure: watch::Receiver<Option<Error>>,
    tasks: watch::Sender<Tasks>,
    leaving: mpsc::Sender<oneshot::Sender<Result<()>>>,
    before_release: BeforeRelease,
    beating: JoinHandle<()>,
}

type Work = Box<dyn FnOnce(Arc<Stop>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What a host does before the entries of its server are released.
#[derive(Clone, Default)]
pub(super) struct BeforeRelease(Arc<Mutex<Option<Work>>>);

impl BeforeRelease {
    pub(super) fn take(&self) -> Option<Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for BeforeRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeforeRelease").finish_non_exhaustive()
    }
}

/// What a worker has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tasks {
    waiting: i32,
    draining: bool,
}

impl Cluster {
    /// Registers a server, and beats for it from then on.
    ///
    /// # Behavior
    ///
    /// A master holds `/lock/failover/startup-masters` meanwhile. The server's own dead mark is cleared and its entries
    /// are put at once, all or none. The entries of a former process at the same address are taken over: if that still
    /// runs, it is told to stop. Ready when the server's own view shows it.
    ///
    /// # Errors
    ///
    /// `Timeout` and `Unavailable` if the registry can't be reached for `registry.operation-timeout`; `SessionLost` if
    /// its host is [to stop](registry_host::Session::stop_wanted): another registry has to be opened; `Other` if the
    /// machine can't be measured.
    ///
    /// # Cancellation
    ///
    /// What was put already is removed in the background.
    pub async fn register(&self, server: Server) -> Result<Membership> {
        Membership::register(self.clone(), server).await
    }
}

impl Membership {
    async fn register(cluster: Cluster, server: Server) -> Result<Self> {
        let session = cluster.registry().session();
        let stop_wanted = beats::stop_wanted(&session, cluster.options().said_of(server.role()));
        let (beats, figures) = tokio::select! {
            biased;
            // A server that registers nevertheless is told to stop at once, and only leaves others something to take
            // over.
            error = stop_wanted => return Err(error),
            registered = registering::register(&cluster, &server) => registered?,
        };
        let incarnation = beats.incarnation;
        let (standing, told) = watch::channel(MembershipState::Serving);
        let (failing, failure) = watch::channel(None);
        let (tasks, counts) = watch::channel(Tasks::default());
        let (leaving, asked) = mpsc::channel(1);
        let before_release = BeforeRelease::default();
        // Its owner is the membership: it ends, after having released the entries, when that is dropped.
        let signals = Signals {
            figures,
            tasks: counts,
            standing: standing.clone(),
            failing,
            leaving: asked,
            before_release: before_release.clone(),
        };
        let (beating, tell) = (beats::beat(beats, signals), standing);
        let beating = tokio::spawn(async move {
            if let Err(panic) = AssertUnwindSafe(beating).catch_unwind().await {
                let message = panic_message(&*panic).to_owned();
                tracing::error!(panic = message, "the heartbeats panicked, the server is told to stop");
                tell.send_replace(MembershipState::Stopped(Arc::new(Stop::Panicked { message })));
            }
        });
        Ok(Membership {
            cluster,
            server,
            incarnation,
            standing: told,
            failure,
            tasks,
            leaving,
            before_release,
            beating,
        })
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its incarnation, which is told apart from all others at the same address.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The cluster that it is a member of.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Tells how many tasks wait: a worker of whose tasks more wait than it executes at once is busy.
    pub fn set_waiting_tasks(&self, waiting: i32) {
        self.tasks.send_if_modified(|tasks| std::mem::replace(&mut tasks.waiting, waiting) != waiting);
    }

    /// Tells, with the next heartbeat and at once, that the server finishes what it has and leaves: it is given no
    /// more work.
    pub fn set_draining(&self) {
        self.tasks.send_if_modified(|tasks| !std::mem::replace(&mut tasks.draining, true));
    }

    /// Does something before the entries of a server are released that is to stop, such as ending its work: others take
    /// over only afterwards. It has [`RELEASE_WITHIN`] for that. A second call replaces what the first has said.
    ///
    /// # Behavior
    ///
    /// It is not done for a server that [leaves](Membership::leave), and not in time for one without a session, whose
    /// entries go by themselves.
    pub fn before_release<F>(&self, work: impl FnOnce(Arc<Stop>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let work: Work = Box::new(move |stop| Box::pin(work(stop)));
        *self.before_release.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    /// The key and the version of the record of this incarnation, as they are now. A Txn that checks it is refused once
    /// somebody has begun to take over for this server, or has replaced it.
    ///
    /// # Errors
    ///
    /// `SessionLost` if that has happened already; else as [`Registry::get`](registry_host::Registry::get).
    pub async fn fence(&self) -> Result<(String, Version)> {
        let record = Record::new(self.server.role(), self.server.address(), Vec::new(), self.incarnation);
        let entry = self.cluster.registry().get(&record.key()).await?;
        let own = entry.and_then(|entry| Some((Record::of(&entry)?, entry.version)));
        match own {
            Some((Record { taken_over: None, replaced_by: None, .. }, version)) => Ok((record.key(), version)),
            _ => {
                let message = format!("{} is no longer who it was: others may do its work", self.server);
                Err(Error::new(ErrorKind::SessionLost, message))
            }
        }
    }

    /// How it stands.
    pub fn state(&self) -> MembershipState {
        self.standing.borrow().clone()
    }

    /// Told of how it stands, whenever that changes.
    pub fn states(&self) -> watch::Receiver<MembershipState> {
        self.standing.clone()
    }

    /// Why it couldn't beat last; `None` if it could.
    pub fn failure(&self) -> Option<Error> {
        self.failure.borrow().clone()
    }

    /// Waits until the server is to stop, and says why.
    ///
    /// # Behavior
    ///
    /// Its entries are released by then, unless the registry can't be reached: without a session they go by themselves.
    /// There is one cause only: asking again gives the same.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub fn stopped(&self) -> impl Future<Output = Arc<Stop>> + Send + 'static {
        let mut standing = self.standing.clone();
        async move {
            let stopped = standing.wait_for(|standing| matches!(standing, MembershipState::Stopped(_))).await;
            match stopped.as_deref() {
                Ok(MembershipState::Stopped(stop)) => Arc::clone(stop),
                // The heartbeat task has ended without a word: its runtime has shut down.
                _ => Arc::new(Stop::Left),
            }
        }
    }

    /// A master's slot, or why it has none.
    ///
    /// # Errors
    ///
    /// As [`Cluster::slot`]; [`NotServing`](NoSlot::NotServing) once the server was told to stop, and
    /// [`NotSeen`](NoSlot::NotSeen) as soon as the view shows another process at its address.
    pub fn slot(&self) -> std::result::Result<Slot, NoSlot> {
        match self.state() {
            MembershipState::Serving => self.cluster.slot_of(self.server.address(), Some(self.incarnation)),
            _ => Err(NoSlot::NotServing),
        }
    }

    /// Leaves the cluster in order: its entries go, and nobody takes over for it.
    ///
    /// # Errors
    ///
    /// `Timeout` and `Unavailable`: it may not have left yet, and may be taken over for when the session ends.
    /// `SessionLost` if it was told to stop before.
    pub async fn leave(&self) -> Result<()> {
        let over = || Error::new(ErrorKind::SessionLost, format!("{} was told to stop before it left", self.server));
        let (answer, left) = oneshot::channel();
        self.leaving.send(answer).await.map_err(|_| over())?;
        left.await.map_err(|_| over())?
    }

    /// Ends its beats and [abandons](registry_host::Registry::abandon) its registry, as if the process had died: its
    /// entries stay until the session's timeout has passed, and others take over for it then.
    ///
    /// For tests of what the others then see.
    ///
    /// # Cancellation
    ///
    /// Its beats end; whether the registry is abandoned is not known.
    pub async fn abandon(self) {
        self.beating.abort();
        // It ends at its next await. Until then it would take the registry for closed, and say that the server is to
        // stop.
        let _ = self.beating.await;
        self.cluster.registry().abandon();
    }
}

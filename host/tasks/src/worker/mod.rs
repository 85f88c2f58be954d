//! The server that runs tasks.
//!
//! It registers, takes tasks from masters over its port, and runs each below a supervisor. Before a command starts the
//! worker itself writes `accepted` into the task's record. The write is conditional on what the master has written and
//! on the worker's own record being untouched: a worker that was taken over accepts nothing. Results are on its disk
//! until a master says that they are recorded.
//!
//! | what happens | what becomes of the commands |
//! |---|---|
//! | SIGTERM, or it is told to drain | they may end until `worker.drain-deadline`, then they are ended and handed back |
//! | a second SIGTERM | they are killed and handed back |
//! | its session is lost | they are ended before others may start them (`worker.cut-off`) |
//! | it is replaced or declared dead | they are ended before its entries are released |
//! | `kill -9` | their supervisors end them; they are lost, as the next worker with the same data tells |

mod accepting;
mod attempt;
mod counts;
mod data;
mod keeping;
mod leaving;
mod reporting;
mod service;
mod table;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry_cluster::{Cluster, Incarnation, Membership, MembershipState, Options, Role, Server};
use registry_host::{Error, ErrorKind, Registry, Result, Version};
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use self::data::Data;
use self::service::Service;
use self::table::Table;
use crate::protocol::messages::worker_server::WorkerServer;
use crate::protocol::{Channels, bind};
use crate::record::WorkerRef;
use crate::run::Executor;
use crate::settings::{ServersSettings, WorkerSettings};
use crate::spool::Spool;
use crate::store::Store;

/// What a worker is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its part in the cluster.
    pub options: Options,
    /// What it shares with masters.
    pub servers: ServersSettings,
    /// What is its own.
    pub worker: WorkerSettings,
    /// The groups that it registers in.
    pub groups: Vec<String>,
}

/// A worker that can be given tasks.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where it is, `host:port`.
    pub address: String,
    /// Which of the processes there.
    pub incarnation: Incarnation,
    /// How it stands in its cluster.
    pub states: watch::Receiver<MembershipState>,
    /// The cluster that it is a member of.
    pub cluster: Cluster,
}

/// What all parts of a worker share.
struct Shared {
    me: WorkerRef,
    membership: Membership,
    store: Store,
    channels: Channels,
    executor: Arc<Executor>,
    spool: Arc<Spool>,
    settings: WorkerSettings,
    threads: usize,
    table: Table,
    /// As many as commands may run at once.
    slots: Arc<Semaphore>,
    /// What a Txn checks that only this incarnation may do.
    fence: Mutex<Option<(String, Version)>>,
    /// How many attempts wait for a slot.
    waiting: watch::Sender<i32>,
    /// There are results to be sent.
    results: Notify,
    /// Somebody has asked it to drain.
    drain: watch::Sender<bool>,
}

/// Serves until it is asked to end, which is told by how often that was; `ready` is told once it can be given tasks.
///
/// # Errors
///
/// `InvalidConfig` for settings that can't be; an error that says why the server had to stop.
///
/// # Cancellation
///
/// The commands are ended, and the server is left to its session.
pub async fn serve(
    registry: &Registry,
    setup: Setup,
    asked: watch::Receiver<u32>,
    ready: oneshot::Sender<Ready>,
) -> Result<()> {
    let Setup { options, servers, worker, groups } = setup;
    let threads = threads(options.of_role(Role::Worker).exec_threads)?;
    let listening = worker.listening()?;
    let bound = bind(&listening, &servers).await?;
    let address = bound.address().to_owned();
    let whose = format!("{}-{}", registry.plugin().name(), registry.namespace());
    let data = Data::open(&listening, worker.data_dir.as_deref(), &whose, &address)?;
    let failed = |what: &str, error: std::io::Error| data.refused(what, &error);
    let executor =
        Executor::open(data.folder(), worker.output_limit).map_err(|error| failed("can't be used", error))?;
    executor.clean_all().map_err(|error| failed("can't be read", error))?;
    let spool = Spool::open(&data.folder().join("spool")).map_err(|error| failed("can't be read", error))?;
    let cluster = Cluster::open(registry.clone(), options).await?;
    let membership = cluster.register(Server::worker(&address, &groups)?).await?;
    let me = WorkerRef { address: address.clone(), incarnation: membership.incarnation() };
    let told = Ready { address, incarnation: me.incarnation, states: membership.states(), cluster };
    let shared = Arc::new(Shared {
        me,
        membership,
        store: Store::new(registry.clone()),
        channels: Channels::new(&servers)?,
        executor,
        spool: Arc::new(spool),
        settings: worker,
        threads,
        table: Table::default(),
        slots: Arc::new(Semaphore::new(threads)),
        fence: Mutex::default(),
        waiting: watch::Sender::new(0),
        results: Notify::new(),
        drain: watch::Sender::new(false),
    });
    leaving::end_commands_first(&shared);
    keeping::set_patience(&shared);
    let _background = shared.background();
    let (close, closed) = watch::channel(false);
    let serving = bound.serve(WorkerServer::new(Service(Arc::clone(&shared))), closing(closed));
    // The caller may have stopped waiting.
    let _ = ready.send(told);
    let work = async {
        let ended = leaving::until_the_end(&shared, asked).await;
        close.send_replace(true);
        ended
    };
    tokio::pin!(serving);
    tokio::select! {
        ended = work => {
            // Clients that still read are not waited for for long.
            let _ = tokio::time::timeout(Duration::from_secs(1), serving).await;
            ended
        }
        served = &mut serving => {
            leaving::end_all(&shared, "its port is served no more", Duration::ZERO).await;
            served.and(Err(Error::new(ErrorKind::Other, "the port is served no more")))
        }
    }
}

/// How many commands may run at once.
fn threads(exec_threads: i32) -> Result<usize> {
    usize::try_from(exec_threads).ok().filter(|threads| *threads > 0 && *threads <= Semaphore::MAX_PERMITS).ok_or_else(
        || {
            let message = format!("{exec_threads} is not accepted; accepted: 1 and more");
            Error::new(ErrorKind::InvalidConfig, message).or_key("worker.exec-threads")
        },
    )
}

async fn closing(mut closed: watch::Receiver<bool>) {
    // Without its sender everything has ended as well.
    let _ = closed.wait_for(|closed| *closed).await;
}

impl Shared {
    /// What goes on as long as the worker serves; each is restarted after a panic.
    fn background(self: &Arc<Self>) -> [AbortOnDropHandle<()>; 5] {
        [
            self.supervised("holding the tasks", keeping::hold),
            self.supervised("looking after the session", keeping::end_when_cut_off),
            self.supervised("sending results", reporting::send_all),
            self.supervised("telling how many tasks wait", keeping::tell_waiting),
            self.supervised("removing old output", keeping::prune),
        ]
    }

    fn supervised<F>(self: &Arc<Self>, work: &'static str, begin: fn(Arc<Shared>) -> F) -> AbortOnDropHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shared = Arc::clone(self);
        let begin = move || begin(Arc::clone(&shared));
        AbortOnDropHandle::new(tokio::spawn(registry_host::supervised(work, begin)))
    }
}

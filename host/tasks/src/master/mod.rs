//! The server that hands tasks out.
//!
//! All that a master knows stands in the records: one that begins, or that another's slot falls to, goes on from there.

mod alerts;
mod board;
mod dispatch;
mod heir;
mod keeper;
mod queue;
mod scheduler;
mod service;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use registry_cluster::{
    Cluster, Failover, Incarnation, Membership, MembershipState, Options, Role, Server, Slot, Stop,
};
use registry_host::{Error, ErrorKind, Registry, Result, supervised};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use self::alerts::parse as webhook;
use self::{alerts::Alerts, board::Board, heir::Heir, service::Service};
use crate::figures;
use crate::protocol::{self, Channels, messages::master_server::MasterServer};
use crate::settings::{MasterSettings, ServersSettings};
use crate::store::Store;

/// How long a master that leaves waits for the answers of workers that it has sent tasks to, and for its clients.
const PATIENCE: Duration = Duration::from_secs(5);

/// A master that serves.
///
/// # Behavior
///
/// It hands out the tasks of its [slot](Membership::slot), takes over for workers that have gone, and answers clients
/// and workers. Dropping it ends all of that, as if it had died.
#[derive(Debug)]
pub struct Master {
    address: String,
    incarnation: Incarnation,
    states: watch::Receiver<MembershipState>,
    shared: Arc<Shared>,
    failover: Failover,
    tasks: Vec<AbortOnDropHandle<()>>,
    serving: AbortOnDropHandle<Result<()>>,
    /// Ends the serving of the port.
    close: Option<oneshot::Sender<()>>,
}

/// What the parts of a master share.
#[derive(Debug)]
struct Shared {
    store: Store,
    cluster: Cluster,
    membership: watch::Sender<Option<Membership>>,
    settings: MasterSettings,
    channels: Channels,
    board: Arc<Board>,
    alerts: Alerts,
    address: String,
}

impl Shared {
    /// Its part of the tasks; none while it may hand out nothing.
    fn slot(&self) -> Option<Slot> {
        self.membership.borrow().as_ref()?.slot().ok()
    }

    fn is_serving(&self) -> bool {
        let membership = self.membership.borrow();
        membership.as_ref().is_some_and(|membership| matches!(membership.state(), MembershipState::Serving))
    }
}

impl Master {
    /// Listens, registers, and serves.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for a port that is taken, and for an address that asks for TLS or a token; else as
    /// [`Cluster::register`].
    ///
    /// # Cancellation
    ///
    /// What was registered is removed in the background.
    pub async fn start(
        registry: Registry,
        options: Options,
        settings: MasterSettings,
        servers: &ServersSettings,
    ) -> Result<Self> {
        let bound = protocol::bind(&settings.listening()?, servers).await?;
        let address = bound.address().to_owned();
        let server = Server::master(&address)?;
        let channels = Channels::new(servers)?;
        let (alerts, alerting) = Alerts::begin(&settings.alert)?;
        let selector = options.of_role(Role::Master).host_selector;
        let cluster = Cluster::open(registry.clone(), options).await?;
        let store = Store::new(registry);
        let (board, mirroring) = Board::open(&store).await?;
        let membership = cluster.register(server).await?;
        let (incarnation, states) = (membership.incarnation(), membership.states());
        let heir = Heir::new(store.clone(), alerts.clone());
        let failover = membership.fail_over(heir).await?;
        let shared = Arc::new(Shared {
            store,
            cluster,
            membership: watch::Sender::new(Some(membership)),
            settings,
            channels,
            board,
            alerts,
            address: address.clone(),
        });
        let (close, closed) = oneshot::channel::<()>();
        let service = MasterServer::new(Service::new(Arc::clone(&shared)));
        let service = service.max_decoding_message_size(protocol::LARGEST);
        let serving = AbortOnDropHandle::new(tokio::spawn(bound.serve(service, async { drop(closed.await) })));
        let (handing_out, keeping) = (Arc::clone(&shared), Arc::clone(&shared));
        let mut tasks = vec![
            mirroring,
            spawn("handing out tasks", move || scheduler::run(Arc::clone(&handing_out), selector)),
            spawn("keeping tasks", move || keeper::run(Arc::clone(&keeping))),
        ];
        tasks.extend(alerting);
        Ok(Master { address, incarnation, states, shared, failover, tasks, serving, close: Some(close) })
    }

    /// Where it is, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Which of the processes at its address it is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// How it stands in its cluster.
    pub fn states(&self) -> watch::Receiver<MembershipState> {
        self.states.clone()
    }

    /// The cluster that it is a member of.
    pub fn cluster(&self) -> &Cluster {
        &self.shared.cluster
    }

    /// What sets the gauges that tell how many servers and tasks this master sees: to be called before they are read.
    pub fn measuring(&self) -> impl Fn() + Send + Sync + 'static {
        let (cluster, board) = (self.shared.cluster.clone(), Arc::clone(&self.shared.board));
        move || {
            figures::servers(&cluster);
            figures::tasks(board.seen().tasks().map(|(_, task)| task.record().state));
        }
    }

    /// Waits until it is to stop, and says why.
    ///
    /// # Errors
    ///
    /// That the port can't be served any more.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn stopped(&mut self) -> Result<Arc<Stop>> {
        let stopped = self.shared.membership.borrow().as_ref().map(Membership::stopped);
        let stopped = async {
            match stopped {
                Some(stopped) => stopped.await,
                None => Arc::new(Stop::Left),
            }
        };
        tokio::select! {
            stop = stopped => Ok(stop),
            served = &mut self.serving => match served {
                Ok(Err(error)) => Err(error),
                _ => Err(Error::new(ErrorKind::Other, format!("{} is served no more", self.address))),
            },
        }
    }

    /// Leaves in order: it hands out nothing more, and nobody takes over for it.
    ///
    /// # Errors
    ///
    /// As [`Membership::leave`].
    ///
    /// # Cancellation
    ///
    /// It is dropped.
    pub async fn leave(mut self) -> Result<()> {
        drop(self.failover);
        let membership = self.shared.membership.send_replace(None);
        // Without a slot nothing more is sent; what was sent is another master's, unless it is answered now.
        self.tasks.clear();
        let left = match membership {
            Some(membership) => membership.leave().await,
            None => Ok(()),
        };
        drop(self.close.take());
        // What is not answered by then ends with the port.
        let _ = timeout(PATIENCE, &mut self.serving).await;
        left
    }
}

fn spawn<F>(work: &'static str, begin: impl FnMut() -> F + Send + 'static) -> AbortOnDropHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    AbortOnDropHandle::new(tokio::spawn(supervised(work, begin)))
}

//! The client's host servers, a master and a worker: they register, beat, and the masters take over for those that go.

mod seat;
mod taking;

use std::time::Duration;

use registry_chaos::history::Event;
use registry_cluster::{Cluster, Incarnation, MemberFilter, Options, Role, SECTION};
use registry_conformance::pace;
use registry_host::Registry;
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use self::seat::Seat;
use super::{Arguments, log::Log, settings};

/// How long it is waited before what a fault has prevented is tried again.
const PAUSE: Duration = Duration::from_millis(300);
/// How long a view may take that can't be opened yet.
const QUIET: Duration = Duration::from_secs(20);

/// The servers, as long as they are to be there.
pub(crate) struct Servers {
    log: Log,
    cluster: watch::Receiver<Option<Cluster>>,
    leaving: watch::Sender<bool>,
    living: JoinHandle<()>,
}

impl Servers {
    /// Has them register, again whenever they were told to stop, with a registry of their own.
    pub(crate) fn begin(arguments: &Arguments, log: &Log) -> Self {
        let (seeing, cluster) = watch::channel(None);
        let (leaving, leaves) = watch::channel(false);
        let living = tokio::spawn(live(arguments.clone(), log.clone(), seeing, leaves));
        Servers { log: log.clone(), cluster, leaving, living }
    }

    /// Tells which servers this client sees, once nothing happens any more.
    pub(crate) async fn tell_seen(&self) {
        let mut cluster = self.cluster.clone();
        let seen = pace::timeout(QUIET, cluster.wait_for(Option::is_some)).await;
        let Some(cluster) = seen.and_then(Result::ok).and_then(|cluster| cluster.clone()) else {
            return self.log.wrong("the cluster can't be seen though all is quiet");
        };
        let members = cluster.members(MemberFilter::All).now();
        let names =
            members.iter().map(|member| name(member.role, &member.address, member.incarnation().unwrap_or_default()));
        let mut servers: Vec<_> = names.collect();
        servers.sort_unstable();
        self.log.tell(Event::Seen { servers });
    }

    /// Has them leave in order, and closes their registry.
    pub(crate) async fn leave(self) {
        self.leaving.send_replace(true);
        // Its panic is told of already.
        let _ = self.living.await;
    }
}

/// Keeps both servers in the cluster, with another registry whenever the last one was to be given up.
async fn live(arguments: Arguments, log: Log, seeing: watch::Sender<Option<Cluster>>, leaves: watch::Receiver<bool>) {
    while !*leaves.borrow() {
        match open(&arguments).await {
            Ok(cluster) => {
                seeing.send_replace(Some(cluster.clone()));
                let seat = |role| Seat::new(&cluster, &log, role, arguments.number, leaves.clone()).keep();
                tokio::join!(seat(Role::Master), seat(Role::Worker));
                seeing.send_replace(None);
                let closed = cluster.registry().close().await;
                if let Err(error) = closed
                    && *leaves.borrow()
                {
                    log.failed_undisturbed("the servers' registry could not be closed", &error).await;
                }
            }
            Err(error) => {
                eprintln!("opening the servers' registry: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn open(arguments: &Arguments) -> registry_host::Result<Cluster> {
    // Some wait for another session, some stop and begin again.
    let strategy = if arguments.number.is_multiple_of(2) { "wait" } else { "stop" };
    let settings = settings(arguments).section(SECTION).set_value("registry.disconnect-strategy", strategy);
    let settings = settings.set_value("registry.cluster.max-heartbeat-interval", "500ms").build()?;
    let options = Options::of(&settings)?;
    Cluster::open(Registry::open(settings).await?, options).await
}

/// A server's name in the history: where the record of its life is.
fn name(role: Role, address: &str, incarnation: Incarnation) -> String {
    format!("{role}_{address}/{}-{}", incarnation.startup_time, incarnation.process_id)
}

//! Where faults are made.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use registry_chaos::history::Event;
use registry_test_servers::{Member, Proxy};
use tokio::time::{Instant, sleep, timeout};

use super::{Kind, Planned};
use crate::run::{Cluster, Failure, History};

/// The servers, the ways to them, and the history that tells of what is done to both.
pub(crate) struct Stage {
    pub(crate) cluster: Arc<Cluster>,
    /// Each client's own to each member.
    pub(crate) ways: Vec<Vec<Proxy>>,
    pub(crate) history: History,
    /// When no more faults are begun.
    end: Instant,
    faults: AtomicU32,
}

impl Stage {
    pub(crate) fn new(cluster: Arc<Cluster>, ways: Vec<Vec<Proxy>>, history: History, lasts: Duration) -> Self {
        Stage { cluster, ways, history, end: Instant::now() + lasts, faults: AtomicU32::new(0) }
    }

    /// Makes a fault, waits for as long as it lasts, and undoes it; tells of each step.
    pub(crate) async fn play(
        &self,
        fault: &Planned,
        whom: Vec<String>,
        make: impl Future<Output = Result<(), Failure>>,
        undo: impl Future<Output = Result<(), Failure>>,
    ) {
        let number = self.begin(fault.kind, whom);
        self.done(fault.kind, make.await);
        self.history.tell(Event::Made { fault: number });
        sleep(fault.lasts).await;
        self.history.tell(Event::Undoing { fault: number });
        self.done(fault.kind, undo.await);
        self.history.tell(Event::Undone { fault: number });
    }

    /// Waits for the next fault of a plan to be due; it isn't if what came before took so long that the time has run
    /// out.
    pub(crate) async fn due(&self, fault: &Planned) -> bool {
        sleep(fault.after).await;
        Instant::now() < self.end
    }

    fn begin(&self, kind: Kind, whom: Vec<String>) -> u32 {
        let fault = self.faults.fetch_add(1, Ordering::Relaxed);
        self.history.tell(Event::Fault { fault, kind: kind.to_string(), whom });
        fault
    }

    /// A fault that can't be made or undone is a fault of the run.
    fn done(&self, kind: Kind, done: Result<(), Failure>) {
        if let Err(error) = done {
            self.history.wrong(format!("the run could not make or undo {kind}: {error}"));
        }
    }

    /// Does something to a member that takes its time.
    pub(crate) async fn on_member(
        &self,
        member: usize,
        act: fn(&Member) -> registry_test_servers::Result<()>,
    ) -> Result<(), Failure> {
        let cluster = Arc::clone(&self.cluster);
        Ok(tokio::task::spawn_blocking(move || act(&cluster.members()[member])).await??)
    }

    /// The member that leads; if none does within a while, the first.
    pub(crate) async fn leader(&self) -> usize {
        let asking = async {
            loop {
                match self.cluster.leader().await {
                    Some(leader) => return leader,
                    None => sleep(Duration::from_millis(200)).await,
                }
            }
        };
        timeout(Duration::from_secs(5), asking).await.unwrap_or(0)
    }

    /// One of the members that don't lead, if there are any.
    pub(crate) async fn follower(&self, pick: usize) -> usize {
        let (leader, count) = (self.leader().await, self.cluster.members().len());
        if count == 1 { leader } else { (leader + 1 + pick % (count - 1)) % count }
    }
}

/// What the history calls a member.
pub(crate) fn member_name(member: usize) -> String {
    format!("member {member}")
}

/// What the history calls a client.
pub(crate) fn client_name(client: u32) -> String {
    format!("client {client}")
}

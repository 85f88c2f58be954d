//! Who looks on without any fault: at ephemeral entries that go, and at who leads.

use std::{future::IntoFuture as _, path::Path, sync::Arc, time::Duration};

use registry_chaos::history::Event;
use registry_host::{Entry, Event as Told, Registry, Scope, Settings};
use registry_test_servers::Member;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{Backend, Cluster, Failure, History};

/// How often it is looked who leads.
const OFTEN: Duration = Duration::from_millis(250);
/// How long servers may take that are themselves, on a machine that is busy.
const AT_ONCE: Duration = Duration::from_secs(1);
/// What is written to see whether they are; no client watches it.
const BEAT: &str = "/beat";

/// A registry that is connected to the members themselves, which turns to another soon.
pub(crate) struct Observer {
    registry: Registry,
    watching: JoinHandle<()>,
    looking: JoinHandle<()>,
}

impl Observer {
    pub(crate) async fn open(
        backend: Backend,
        cluster: &Arc<Cluster>,
        plugin_dir: &Path,
        namespace: &str,
        top: &str,
        history: &History,
    ) -> Result<Self, Failure> {
        let members = cluster.members().iter().map(Member::address);
        let settings = Settings::builder().plugin_dir(plugin_dir).set(namespace).set("registry.session-timeout=10s");
        let settings = backend.assignments(members).iter().fold(settings, |settings, one| settings.set(one));
        let registry = Registry::open(settings.build()?).await?;
        let mut events = registry.watch(top, Scope::Subtree).await?;
        let looking = tokio::spawn(look_who_leads(Arc::clone(cluster), registry.clone(), history.clone()));
        let history = history.clone();
        let watching = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    Ok(Told::Delete { last: Entry { key, ephemeral: Some(session), .. } }) => {
                        history.tell(Event::Gone { key, session: session.0 });
                    }
                    Ok(_) => {}
                    Err(error) => history.wrong(format!("the observer's watch has ended (5.4): {error}")),
                }
            }
        });
        Ok(Observer { registry, watching, looking })
    }

    /// Waits until nothing has changed for so long, but not for longer than the limit; tells if it came to that.
    pub(crate) async fn quiet(&self, top: &str, still: Duration, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let (mut before, mut since) = (None, Instant::now());
        while Instant::now() < deadline {
            let listed = self.registry.list(top).await.ok();
            if listed.is_none() || listed != before {
                (before, since) = (listed, Instant::now());
            } else if since.elapsed() >= still {
                return true;
            }
            sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// Waits until no ephemeral entries are left, but not for longer than that; tells how many there are then.
    pub(crate) async fn ephemerals(&self, top: &str, limit: Duration) -> Result<u64, Failure> {
        let deadline = Instant::now() + limit;
        loop {
            let listed = self.registry.list(top).await;
            let left = listed.map(|listed| listed.iter().filter(|entry| entry.is_ephemeral()).count());
            if matches!(left, Ok(0)) || Instant::now() >= deadline {
                return Ok(left? as u64);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.watching.abort();
        self.looking.abort();
        Ok(self.registry.close().await?)
    }
}

/// Tells whenever another member leads, for as long as it is not aborted. Servers that are too slow to say who does, or to write
/// anything, have no leader.
async fn look_who_leads(cluster: Arc<Cluster>, registry: Registry, history: History) {
    let mut before = None;
    loop {
        let written = timeout(AT_ONCE, registry.put(BEAT, "").into_future());
        let (leader, written) = tokio::join!(timeout(AT_ONCE, cluster.leader()), written);
        let leader = leader.ok().flatten().filter(|_| matches!(written, Ok(Ok(_))));
        if before != Some(leader) {
            before = Some(leader);
            history.tell(Event::Leader { member: leader.map(crate::faults::member_name) });
        }
        sleep(OFTEN).await;
    }
}

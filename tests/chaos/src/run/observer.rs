//! Who looks on without any fault: at ephemeral entries that go, and at who leads.

use std::{path::Path, sync::Arc, time::Duration};

use registry_chaos::history::Event;
use registry_host::{Entry, Event as Told, Registry, Scope, Settings};
use registry_test_servers::Member;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{Backend, Cluster, Failure, History};

/// How often it is looked who leads.
const OFTEN: Duration = Duration::from_millis(250);

/// A registry that is connected to the members themselves, which turns to another soon.
pub(crate) struct Observer {
    registry: Registry,
    watching: JoinHandle<()>,
}

impl Observer {
    pub(crate) async fn open(
        backend: Backend,
        cluster: &Cluster,
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
        Ok(Observer { registry, watching })
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
        Ok(self.registry.close().await?)
    }
}

/// Tells whenever another member leads, for as long as it is not aborted.
pub(crate) async fn look_who_leads(cluster: Arc<Cluster>, history: History) {
    let mut before = None;
    loop {
        let leader = cluster.leader().await;
        if before != Some(leader) {
            before = Some(leader);
            history.tell(Event::Leader { member: leader.map(crate::faults::member_name) });
        }
        sleep(OFTEN).await;
    }
}

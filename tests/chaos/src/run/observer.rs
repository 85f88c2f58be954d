//! Who looks on without any fault: at ephemeral entries that go, at servers that have ended, and at who leads.

use std::{
    collections::HashMap,
    future::IntoFuture as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use registry_chaos::history::Event;
use registry_conformance::pace::is_within;
use registry_host::{Entry, Event as WatchEvent, Registry, Scope, Settings, Watch};
use registry_test_servers::Member;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Backend, Cluster, Failure, History};

/// How often it is looked who leads.
const OFTEN: Duration = Duration::from_millis(250);
/// How long servers may take that are themselves, on a machine that is busy.
const AT_ONCE: Duration = Duration::from_secs(1);
/// What is written to see whether they are; no client watches it.
const BEAT: &str = "/beat";

/// Where the records of servers' lives are.
const LIVES: &str = "/cluster/lives";

/// A registry that is connected to the members themselves, which turns to another soon.
pub(crate) struct Observer {
    registry: Registry,
    top: &'static str,
    tasks: [JoinHandle<()>; 3],
}

impl Observer {
    pub(crate) async fn open(
        backend: Backend,
        cluster: &Arc<Cluster>,
        plugin_dir: &Path,
        namespace: &str,
        top: &'static str,
        history: &History,
    ) -> Result<Self, Failure> {
        let members = cluster.members().iter().map(Member::address);
        let settings = Settings::builder().plugin_dir(plugin_dir).set(namespace).set("registry.session-timeout=10s");
        let settings = backend.assignments(members).iter().fold(settings, |settings, one| settings.set(one));
        let registry = Registry::open(settings.build()?).await?;
        let ephemerals = registry.watch(top, Scope::Subtree).await?;
        let lives = registry.watch(LIVES, Scope::Subtree).await?;
        let tasks = [
            tokio::spawn(tell(ephemerals, history.clone(), of_ephemeral)),
            tokio::spawn(tell(lives, history.clone(), |before, now| {
                before.filter(|_| now.is_none()).and_then(life).map(|server| Event::CrossedOut { server })
            })),
            tokio::spawn(look_who_leads(Arc::clone(cluster), registry.clone(), history.clone())),
        ];
        Ok(Observer { registry, top, tasks })
    }

    /// Waits until nothing has changed for so long, but not for longer than the limit; tells if it came to that.
    pub(crate) async fn quiet(&self, still: Duration, limit: Duration) -> bool {
        let began = Instant::now();
        let (mut before, mut since) = (None, began);
        while is_within(limit, began).await {
            let listed = self.listed().await.ok();
            if listed.is_none() || listed != before {
                (before, since) = (listed, Instant::now());
            } else if since.elapsed() >= still {
                return true;
            }
            sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// All that clients write, but for heartbeats.
    async fn listed(&self) -> registry_host::Result<[Vec<Entry>; 2]> {
        Ok([self.registry.list(self.top).await?, self.registry.list(LIVES).await?])
    }

    /// Tells of every server that is not over.
    pub(crate) async fn tell_unfinished(&self, history: &History) -> Result<(), Failure> {
        for entry in self.registry.list(LIVES).await? {
            life(&entry).into_iter().for_each(|server| history.tell(Event::Unfinished { server }));
        }
        Ok(())
    }

    /// Waits until no ephemeral entries are left, but not for longer than that; tells how many there are then.
    pub(crate) async fn ephemerals(&self, limit: Duration) -> Result<u64, Failure> {
        let began = Instant::now();
        loop {
            let listed = self.registry.list(self.top).await;
            let left = listed.map(|listed| listed.iter().filter(|entry| entry.is_ephemeral()).count());
            if matches!(left, Ok(0)) || !is_within(limit, began).await {
                return Ok(left? as u64);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.tasks.iter().for_each(JoinHandle::abort);
        Ok(self.registry.close().await?)
    }
}

/// Tells what the changes mean that a watch tells of: each is given with the entry before it.
async fn tell(mut events: Watch, history: History, meaning: impl Fn(Option<&Entry>, Option<&Entry>) -> Option<Event>) {
    let mut entries: HashMap<String, Entry> = HashMap::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(WatchEvent::Put { entry, .. }) => {
                let before = entries.insert(entry.key.clone(), entry.clone());
                meaning(before.as_ref(), Some(&entry)).into_iter().for_each(|event| history.tell(event));
            }
            Ok(WatchEvent::Delete { last }) => {
                entries.remove(&last.key);
                meaning(Some(&last), None).into_iter().for_each(|event| history.tell(event));
            }
            Ok(_) => {}
            Err(error) => history.wrong(format!("the observer's watch has ended (5.4): {error}")),
        }
    }
}

/// That an ephemeral entry is gone, or hangs on another lease and is what it was.
fn of_ephemeral(before: Option<&Entry>, now: Option<&Entry>) -> Option<Event> {
    let (before, from) = before.and_then(|before| Some((before, before.ephemeral?.0)))?;
    let Some(now) = now else { return Some(Event::Gone { key: before.key.clone(), session: from }) };
    let to = now.ephemeral?.0;
    let same = now.created == before.created && now.value == before.value;
    (same && to != from).then_some(Event::Moved { from, to })
}

/// The server whose record that is; the entries above records are empty.
fn life(entry: &Entry) -> Option<String> {
    let server = entry.key.strip_prefix(LIVES)?.strip_prefix('/')?;
    (!entry.value.is_empty()).then(|| server.to_owned())
}

/// Tells whenever another member leads, for as long as it is not aborted. Servers that are too slow to say who does, or
/// to write anything, have no leader.
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

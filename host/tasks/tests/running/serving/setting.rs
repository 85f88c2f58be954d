//! A registry with tasks on it, and workers.

use std::path::PathBuf;
use std::sync::Arc;

use registry_cluster::{Cluster, Incarnation, Options, SECTION};
use registry_host::{Registry, Settings, SettingsBuilder};
use registry_suite::{Ending, memory, open};
use registry_tasks::protocol::Channels;
use registry_tasks::protocol::messages::{DispatchRequest, LogsRequest, StopRequest};
use registry_tasks::record::{Record, Spec, State, TaskId, WorkerRef, now};
use registry_tasks::settings::{MasterSettings, ServersSettings, WorkerSettings, register};
use registry_tasks::store::{Store, Stored};
use registry_tasks::worker::{Setup, serve};
use tokio::sync::{oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use super::LONG;
use super::master::Played;
use crate::support::{SOON, eventually, within};

/// A registry, and a master that is registered there.
pub(crate) struct Setting {
    /// What workers open.
    settings: SettingsBuilder,
    pub(crate) store: Store,
    pub(crate) cluster: Cluster,
    pub(crate) master: Played,
    files: tempfile::TempDir,
}

fn complete(settings: SettingsBuilder, sets: &[&str]) -> SettingsBuilder {
    let base = [
        "registry.cluster.max-heartbeat-interval=100ms",
        "registry.cluster.max-cpu-load-avg=10000",
        "registry.cluster.reserved-memory=0",
        "master.listen-port=0",
        "worker.listen-port=0",
    ];
    let settings = register(settings.section(SECTION));
    base.iter().chain(sets).fold(settings, |settings, set| settings.set(*set))
}

impl Setting {
    async fn on(settings: SettingsBuilder, workers: SettingsBuilder) -> Self {
        let settings = complete(settings, &[]);
        let built = settings.clone().build().unwrap();
        let registry = open(settings).await.unwrap();
        let cluster = Cluster::open(registry.clone(), Options::of(&built).unwrap()).await.unwrap();
        let master = play(&cluster, &built).await;
        let files = tempfile::tempdir().unwrap();
        Setting { settings: workers, store: Store::new(registry), cluster, master, files }
    }

    /// One on each backend.
    pub(crate) async fn each() -> Vec<Setting> {
        let mut each = vec![Setting::one().await];
        for (settings, _) in Ending::each() {
            each.push(Setting::on(settings.clone(), settings).await);
        }
        each
    }

    pub(crate) async fn one() -> Setting {
        let settings = memory();
        Setting::on(settings.clone(), settings).await
    }

    /// One on each server, with a way to end a worker's session.
    pub(crate) async fn each_whose_session_may_end() -> Vec<(Setting, Ending)> {
        let mut each = Vec::new();
        for (settings, ending) in Ending::each() {
            let workers = ending.awaits(settings.clone());
            each.push((Setting::on(settings, workers).await, ending));
        }
        each
    }

    pub(crate) async fn another_master(&self) -> Played {
        let settings = complete(memory(), &[]).build().unwrap();
        play(&self.cluster, &settings).await
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub(crate) fn record(&self, id: &str, command: &[&str]) -> Record {
        Record::submitted(TaskId::new(id).unwrap(), Spec::new(command.iter().copied()), now())
    }

    /// Writes a task, and that it is sent to a worker.
    pub(crate) async fn sent(&self, record: Record, worker: &Started) -> Offer {
        let stored = self.store.create(record).await.unwrap().expect("it is new");
        let sent = stored.record.sent(worker.me(self), now()).unwrap();
        let Stored { record, version } = self.store.replace(sent, stored.version).await.unwrap().unwrap();
        Offer { record, version, master: self.master.address.clone() }
    }

    pub(crate) async fn send(&self, id: &str, command: &[&str], worker: &Started) -> Offer {
        self.sent(self.record(id, command), worker).await
    }

    /// A command that writes its number into the file of its task's name, and runs on.
    pub(crate) async fn send_long(&self, id: &str, worker: &Started) -> Offer {
        let mut record = self.record(id, &LONG);
        record.spec.env.insert("FILE".to_owned(), self.file(id).display().to_string());
        self.sent(record, worker).await
    }

    pub(crate) async fn state(&self, id: &str) -> State {
        self.store.get(&TaskId::new(id).unwrap()).await.unwrap().unwrap().record.state
    }

    pub(crate) async fn eventually(&self, id: &str, state: State) {
        registry_suite::eventually(format!("{id} is {state}"), SOON, async || {
            (self.state(id).await == state).then_some(())
        })
        .await;
    }

    pub(crate) async fn worker(&self, sets: &[&str]) -> Started {
        self.worker_with(sets, Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// Starts a worker on the data of another.
    pub(crate) async fn worker_with(&self, sets: &[&str], data: Arc<tempfile::TempDir>) -> Started {
        let folder = format!("worker.data-dir={}", data.path().display());
        let settings = complete(self.settings.clone(), &[&[folder.as_str()], sets].concat());
        let built = settings.clone().build().unwrap();
        let registry = open(settings).await.unwrap();
        let setup = Setup {
            options: Options::of(&built).unwrap(),
            servers: ServersSettings::of(&built).unwrap(),
            worker: WorkerSettings::of(&built).unwrap(),
            groups: vec!["default".to_owned()],
        };
        let (ask, asked) = watch::channel(0);
        let (ready, address) = oneshot::channel();
        let serving = {
            let registry = registry.clone();
            tokio::spawn(async move { serve(&registry, setup, asked, ready).await.map_err(|error| error.to_string()) })
        };
        let serving = AbortOnDropHandle::new(serving);
        let address = within(address).await.expect("it serves").address;
        let seen = || self.cluster.workers("default").now().iter().any(|worker| worker.address == address);
        eventually("it is seen", seen).await;
        let channels = Channels::new(&ServersSettings::of(&built).unwrap()).unwrap();
        Started { registry, address, data, ask, serving, channels }
    }
}

async fn play(cluster: &Cluster, settings: &Settings) -> Played {
    let servers = ServersSettings::of(settings).unwrap();
    Played::begin(cluster, &MasterSettings::of(settings).unwrap(), &servers).await
}

/// What a master sends to a worker.
pub(crate) struct Offer {
    pub(crate) record: Record,
    pub(crate) version: registry_host::Version,
    master: String,
}

/// A worker that serves.
pub(crate) struct Started {
    pub(crate) registry: Registry,
    pub(crate) address: String,
    pub(crate) data: Arc<tempfile::TempDir>,
    ask: watch::Sender<u32>,
    serving: AbortOnDropHandle<Result<(), String>>,
    channels: Channels,
}

impl Started {
    fn me(&self, setting: &Setting) -> WorkerRef {
        WorkerRef { address: self.address.clone(), incarnation: self.incarnation(setting) }
    }

    pub(crate) fn incarnation(&self, setting: &Setting) -> Incarnation {
        let workers = setting.cluster.workers("default").now();
        let own = workers.iter().find(|worker| worker.address == self.address);
        own.and_then(|worker| worker.incarnation()).expect("it is seen")
    }

    /// Offers a task; why it isn't taken, if it isn't.
    pub(crate) async fn dispatch(&self, offer: &Offer) -> Result<(), String> {
        let Offer { record, version, master } = offer;
        let request = DispatchRequest { record: record.write(), version: (*version).into(), master: master.clone() };
        let reply = within(self.channels.worker(&self.address).unwrap().dispatch(request)).await.unwrap().into_inner();
        if reply.accepted { Ok(()) } else { Err(reply.why) }
    }

    pub(crate) async fn stop(&self, id: &str, attempt: u32) -> bool {
        let request = StopRequest { id: id.to_owned(), attempt, signal: 15, grace_ms: 10_000 };
        within(self.channels.worker(&self.address).unwrap().stop(request)).await.unwrap().into_inner().held
    }

    pub(crate) async fn logs(&self, id: &str, tail: Option<u64>) -> Result<String, String> {
        let request = LogsRequest { id: id.to_owned(), attempt: 0, tail, follow: true };
        let mut client = self.channels.worker(&self.address).unwrap();
        let answer = within(client.logs(request)).await.map_err(|status| status.message().to_owned())?;
        let (mut chunks, mut text) = (answer.into_inner(), String::new());
        while let Some(chunk) = within(chunks.message()).await.unwrap() {
            text.push_str(&String::from_utf8_lossy(&chunk.data));
        }
        Ok(text)
    }

    /// Asks it to end.
    pub(crate) fn ask(&self) {
        self.ask.send_modify(|times| *times += 1);
    }

    /// Waits until it has ended, and says how.
    pub(crate) async fn ended(self) -> Result<(), String> {
        self.serving.await.unwrap()
    }

    /// Asks it to end, and waits.
    pub(crate) async fn end(self) -> Result<(), String> {
        self.ask();
        within(self.ended()).await
    }

    /// Lets it die.
    pub(crate) async fn abandon(self) -> Self {
        self.serving.abort();
        while !self.serving.is_finished() {
            tokio::task::yield_now().await;
        }
        self.registry.abandon();
        self
    }
}

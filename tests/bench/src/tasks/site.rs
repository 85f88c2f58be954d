//! Masters, workers and clients on one registry.

use std::{path::PathBuf, time::Duration};

use registry_cluster::{Options, SECTION};
use registry_host::{Registry, Settings};
use registry_tasks::{
    client::Client,
    master::Master,
    settings::{MasterSettings, ServersSettings, WorkerSettings, register},
    worker::{Setup, serve},
};
use tempfile::TempDir;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::measure::Failure;

/// How long anything may take that has to come.
pub(super) const SOON: Duration = Duration::from_secs(120);

/// What all are told: a busy machine is no reason to refuse work, and each has a port of its own.
const ALL: [&str; 6] = [
    "registry.cluster.max-cpu-load-avg=100000",
    "registry.cluster.reserved-memory=0",
    "master.listen-port=0",
    "worker.listen-port=0",
    "servers.token=of-the-benchmark",
    "registry.cluster.failover-grace=1s",
];

/// One registry, and what is set on it.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) backend: &'static str,
    pub(crate) assignments: Vec<String>,
    pub(crate) plugin_dir: Option<PathBuf>,
}

/// A master, and its registry.
pub(super) struct Mastering {
    registry: Registry,
    master: Master,
}

/// A worker, and its registry.
pub(super) struct Working {
    registry: Registry,
    ask: watch::Sender<u32>,
    serving: JoinHandle<registry_host::Result<()>>,
    pub(super) address: String,
    _data: TempDir,
}

impl Site {
    pub(super) fn with(&self, assignments: &[&str]) -> Self {
        let more = assignments.iter().map(|assignment| (*assignment).to_owned());
        Site { assignments: self.assignments.iter().cloned().chain(more).collect(), ..self.clone() }
    }

    /// All that is set.
    pub(super) fn assignments(&self) -> impl Iterator<Item = String> {
        let backend = format!("registry.type={}", self.backend);
        [backend].into_iter().chain(ALL.map(str::to_owned)).chain(self.assignments.iter().cloned())
    }

    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let builder = register(Settings::builder().section(SECTION));
        let builder = self.plugin_dir.iter().fold(builder, |builder, folder| builder.plugin_dir(folder));
        Ok(self.assignments().fold(builder, |builder, set| builder.set(set)).build()?)
    }

    pub(super) async fn registry(&self) -> Result<Registry, Failure> {
        Ok(Registry::open(self.settings()?).await?)
    }

    pub(super) async fn client(&self) -> Result<Client, Failure> {
        let settings = self.settings()?;
        Ok(Client::open(&self.registry().await?, &ServersSettings::of(&settings)?).await?)
    }

    pub(super) async fn master(&self) -> Result<Mastering, Failure> {
        let settings = self.settings()?;
        let (own, servers) = (MasterSettings::of(&settings)?, ServersSettings::of(&settings)?);
        let registry = self.registry().await?;
        let starting = Master::start(registry.clone(), Options::of(&settings)?, own, &servers);
        Ok(Mastering { master: timeout(SOON, starting).await??, registry })
    }

    pub(super) async fn worker(&self) -> Result<Working, Failure> {
        let settings = self.settings()?;
        let data = tempfile::tempdir()?;
        let mut worker = WorkerSettings::of(&settings)?;
        worker.data_dir = Some(data.path().to_owned());
        let setup = Setup {
            options: Options::of(&settings)?,
            servers: ServersSettings::of(&settings)?,
            worker,
            groups: vec!["default".to_owned()],
        };
        let (ask, asked) = watch::channel(0);
        let (ready, told) = oneshot::channel();
        let registry = self.registry().await?;
        let own = registry.clone();
        let serving = tokio::spawn(async move { serve(&own, setup, asked, ready).await });
        let Ok(ready) = timeout(SOON, told).await? else {
            serving.await??;
            return Err("the worker has ended".into());
        };
        Ok(Working { registry, ask, serving, address: ready.address, _data: data })
    }
}

impl Mastering {
    pub(super) fn address(&self) -> &str {
        self.master.address()
    }

    pub(super) async fn leave(self) -> Result<(), Failure> {
        self.master.leave().await?;
        Ok(self.registry.close().await?)
    }
}

impl Working {
    /// Waits until it has left in order.
    pub(super) async fn leave(self) -> Result<(), Failure> {
        self.ask.send_modify(|times| *times += 1);
        timeout(SOON, self.serving).await???;
        Ok(self.registry.close().await?)
    }
}

//! Many simulated workers against one master: they register, beat, and say of each task at once that it has ended.

use std::{net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use registry_cluster::{Cluster, Membership, Options, Server as Registered};
use registry_tasks::{
    protocol::{
        Channels, bind,
        messages::{
            DispatchReply, DispatchRequest, DrainReply, DrainRequest, LogsChunk, LogsRequest, ReportRequest, StopReply,
            StopRequest,
            worker_server::{Worker, WorkerServer},
        },
    },
    record::{Outcome, Record, TaskResult, now},
    settings::{Listening, ServersSettings},
    store::{Fence, Store},
};
use tokio::time::sleep;
use tonic::{Request, Response, Status};

use super::{
    child::{Role, Server, eventually},
    ends::{Ends, truths},
    site::Site,
};
use crate::measure::Failure;

/// How many sessions they share.
const SESSIONS: usize = 10;

/// How many register at once.
const AT_ONCE: usize = 16;

/// What they cost the master.
pub(super) struct Cost {
    /// The share of one processor that it uses for their beats.
    pub(super) share: f64,
    /// Its CPU time for a beat, in µs.
    pub(super) per_beat: f64,
    /// The same for a task.
    pub(super) per_task: f64,
    /// Its memory, in MB.
    pub(super) memory: f64,
}

pub(super) async fn measure(site: &Site, count: usize, tasks: usize, idle: Duration) -> Result<Cost, Failure> {
    let master = Server::start(Role::Master, site).await?;
    let settings = site.settings()?;
    let (options, servers) = (Options::of(&settings)?, ServersSettings::of(&settings)?);
    let listening =
        Listening { section: "worker", ip: IpAddr::from([0, 0, 0, 0]), port: 0, advertised: Some("all".to_owned()) };
    let bound = bind(&listening, &servers).await?;
    let port = bound.address().rsplit_once(':').ok_or("no port")?.1.to_owned();
    let mut clusters = Vec::new();
    for _ in 0..SESSIONS {
        clusters.push(Cluster::open(site.registry().await?, options.clone()).await?);
    }
    let store = Store::new(clusters[0].registry().clone());
    let service = Service { store, channels: Arc::new(Channels::new(&servers)?) };
    let serving = tokio::spawn(bound.serve(WorkerServer::new(service), std::future::pending()));
    let registering = (0..count).map(|number| {
        // All of 127.0.0.0/8 is this machine.
        let address = format!("127.1.{}.{}:{port}", number / 250, number % 250 + 1);
        let cluster = &clusters[number % SESSIONS];
        async move { Ok::<Membership, Failure>(cluster.register(Registered::worker(&address, ["default"])?).await?) }
    });
    let registered: Vec<_> = stream::iter(registering).buffer_unordered(AT_ONCE).collect().await;
    let members = registered.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ends = Ends::of(site.client().await?).await?;
    let seen = async || (ends.client().cluster().workers("default").now().len() == count).then_some(());
    eventually("all are seen", seen).await?;
    truths(&ends, tasks.min(20), 4).await?;

    let before = master.used()?;
    sleep(idle).await;
    let after = master.used()?;
    let (cpu, took) = after.since(before);
    let beats = count as f64 * took.as_secs_f64() / options.max_heartbeat_interval.as_secs_f64();
    let share = cpu.as_secs_f64() / took.as_secs_f64();
    truths(&ends, tasks, 64).await?;
    let (with_tasks, took) = master.used()?.since(after);
    // What the beats cost meanwhile is not a task's.
    let for_tasks = with_tasks.as_secs_f64() - share * took.as_secs_f64();
    let cost = Cost {
        share: share * 100.0,
        per_beat: cpu.as_secs_f64() * 1e6 / beats,
        per_task: for_tasks.max(0.0) * 1e6 / tasks as f64,
        memory: master.used()?.memory as f64 / 1e6,
    };
    ends.close().await?;
    serving.abort();
    drop(members);
    for cluster in clusters {
        cluster.registry().close().await?;
    }
    Ok(cost)
}

/// A port that is all of them.
struct Service {
    store: Store,
    channels: Arc<Channels>,
}

#[tonic::async_trait]
impl Worker for Service {
    async fn dispatch(&self, request: Request<DispatchRequest>) -> Result<Response<DispatchReply>, Status> {
        let DispatchRequest { record, version, master } = request.into_inner();
        let record = Record::parse(&record).map_err(|why| Status::invalid_argument(why.to_string()))?;
        let worker = record.worker.clone().ok_or_else(|| Status::invalid_argument("no worker"))?;
        let accepted = self.store.accept(&record, version.into(), &worker, &Fence::default()).await;
        let accepted = accepted.map_err(|error| Status::unavailable(error.to_string()))?.is_some();
        if accepted {
            let (id, attempt, outcome) = (record.id, record.attempt, Outcome::Exited { code: 0 });
            let (started, ended, tail) = (now(), now(), String::new());
            let result =
                TaskResult { id, attempt, worker, outcome, tail, started, ended, output_bytes: 0, dropped_bytes: 0 };
            let channels = Arc::clone(&self.channels);
            tokio::spawn(async move {
                let request = ReportRequest { result: serde_json::to_vec(&result).unwrap_or_default() };
                if let Ok(mut master) = channels.master(&master)
                    && let Err(status) = master.report(request).await
                {
                    eprintln!("a result is not taken: {status}");
                }
            });
        }
        Ok(Response::new(DispatchReply { accepted, why: String::new() }))
    }

    async fn stop(&self, _: Request<StopRequest>) -> Result<Response<StopReply>, Status> {
        Ok(Response::new(StopReply { held: false }))
    }

    type LogsStream = Pin<Box<dyn Stream<Item = Result<LogsChunk, Status>> + Send>>;

    async fn logs(&self, _: Request<LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        Ok(Response::new(Box::pin(stream::empty())))
    }

    async fn drain(&self, _: Request<DrainRequest>) -> Result<Response<DrainReply>, Status> {
        Ok(Response::new(DrainReply {}))
    }
}

//! Masters, clients and workers on one registry; the workers do what the test says.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, stream};
use registry_cluster::{Cluster, Membership, Options, SECTION, Server};
use registry_host::{Registry, SettingsBuilder};
use registry_suite::{Ending, SOON, eventually, open, within};
use registry_tasks::client::Client;
use registry_tasks::master::Master;
use registry_tasks::protocol::messages::{
    Decision, DispatchReply, DispatchRequest, DrainReply, DrainRequest, LogsChunk, LogsRequest, ReportRequest,
    StopReply, StopRequest,
    worker_server::{self, WorkerServer},
};
use registry_tasks::protocol::{Channels, bind};
use registry_tasks::record::{Outcome, Record, TaskId, TaskResult, WorkerRef, now};
use registry_tasks::settings::{MasterSettings, ServersSettings, WorkerSettings, register};
use registry_tasks::store::{Fence, Store, Stored};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status};

/// A registry of its own, in memory.
pub(crate) fn memory() -> SettingsBuilder {
    registry_suite::memory()
}

/// The settings of every backend.
pub(crate) fn every() -> Vec<SettingsBuilder> {
    [memory()].into_iter().chain(Ending::each().map(|(settings, _)| settings)).collect()
}

/// One registry, and all who are on it.
pub(crate) struct Site {
    settings: SettingsBuilder,
}

impl Site {
    pub(crate) async fn new(settings: SettingsBuilder) -> Self {
        let settings = register(settings.section(SECTION))
            .set("registry.cluster.max-heartbeat-interval=200ms")
            .set("registry.cluster.max-cpu-load-avg=10000")
            .set("registry.cluster.reserved-memory=0")
            .set("master.listen-port=0")
            .set("worker.listen-port=0")
            .set("servers.token=told-to-all");
        Site { settings }
    }

    fn settings(&self, assignments: &[&str]) -> SettingsBuilder {
        assignments.iter().fold(self.settings.clone(), |settings, assignment| settings.set(*assignment))
    }

    pub(crate) async fn registry(&self) -> Registry {
        open(self.settings.clone()).await.expect("a registry")
    }

    pub(crate) async fn client(&self) -> Client {
        let servers = ServersSettings::of(&self.settings.clone().build().expect("settings")).expect("settings");
        Client::open(&self.registry().await, &servers).await.expect("a client")
    }

    pub(crate) async fn master(&self, assignments: &[&str]) -> Mastering {
        let settings = self.settings(assignments);
        let built = settings.clone().build().expect("settings");
        let options = Options::of(&built).expect("options");
        let (own, servers) =
            (MasterSettings::of(&built).expect("settings"), ServersSettings::of(&built).expect("settings"));
        let registry = open(settings).await.expect("a registry");
        let starting = Master::start(registry.clone(), options, own, &servers);
        let master = within("a master", SOON * 2, starting).await.expect("a master");
        Mastering { registry, master }
    }

    pub(crate) async fn worker(&self, group: &str, threads: i32, assignments: &[&str]) -> Worker {
        let settings = self.settings(assignments).set(format!("worker.exec-threads={threads}"));
        Worker::start(settings, group).await
    }

    /// A task's record once it has ended.
    pub(crate) async fn ended(&self, client: &Client, id: &str) -> Record {
        let id = TaskId::new(id).expect("an id");
        let ended = client.wait(&id, |record| record.state.has_ended());
        within(format!("the task {id} ends"), SOON * 2, ended).await.expect("a record").record
    }
}

/// A master, and its registry.
pub(crate) struct Mastering {
    registry: Registry,
    master: Master,
}

impl Mastering {
    /// It ends without a word.
    pub(crate) fn die(self) {
        self.registry.abandon();
        drop(self.master);
    }
}

/// A worker that does what the test says.
pub(crate) struct Worker {
    store: Store,
    channels: Channels,
    membership: Option<Membership>,
    me: WorkerRef,
    dispatched: mpsc::UnboundedReceiver<Dispatched>,
    stops: mpsc::UnboundedReceiver<StopRequest>,
    /// What was not answered, and is not to be.
    silenced: Arc<Mutex<bool>>,
    serving: JoinHandle<registry_host::Result<()>>,
    master: String,
}

/// A task that was sent, and not answered yet.
#[derive(Debug)]
pub(crate) struct Dispatched {
    pub(crate) record: Record,
    version: u64,
    master: String,
    answer: oneshot::Sender<DispatchReply>,
}

impl Dispatched {
    pub(crate) fn refuse(self, why: &str) {
        let _ = self.answer.send(DispatchReply { accepted: false, why: why.to_owned() });
    }
}

impl Worker {
    async fn start(settings: SettingsBuilder, group: &str) -> Self {
        let built = settings.clone().build().expect("settings");
        let (own, servers) =
            (WorkerSettings::of(&built).expect("settings"), ServersSettings::of(&built).expect("settings"));
        let bound = bind(&own.listening().expect("an address"), &servers).await.expect("a port");
        let address = bound.address().to_owned();
        let registry = open(settings).await.expect("a registry");
        let cluster = Cluster::open(registry.clone(), Options::of(&built).expect("options")).await.expect("a view");
        let server = Server::worker(&address, [group]).expect("a worker");
        let membership = within("a registration", SOON * 2, cluster.register(server)).await.expect("a registration");
        let (dispatches, dispatched) = mpsc::unbounded_channel();
        let (stopping, stops) = mpsc::unbounded_channel();
        let silenced = Arc::new(Mutex::new(false));
        let service = Service { dispatches, stopping, silenced: Arc::clone(&silenced) };
        let serving = tokio::spawn(bound.serve(WorkerServer::new(service), std::future::pending()));
        Worker {
            store: Store::new(registry),
            channels: Channels::new(&servers).expect("channels"),
            me: WorkerRef { address, incarnation: membership.incarnation() },
            membership: Some(membership),
            dispatched,
            stops,
            silenced,
            serving,
            master: String::new(),
        }
    }

    /// The next task that is sent here.
    pub(crate) async fn next(&mut self) -> Dispatched {
        let next = within("a task is sent", SOON * 2, self.dispatched.recv()).await.expect("a master");
        self.master.clone_from(&next.master);
        next
    }

    /// The next so many different ones.
    pub(crate) async fn next_of(&mut self, count: usize) -> Vec<Dispatched> {
        let mut tasks: Vec<Dispatched> = Vec::new();
        while tasks.len() < count {
            let next = self.next().await;
            tasks.retain(|task| task.record.id != next.record.id);
            tasks.push(next);
        }
        tasks
    }

    /// Whether nothing was sent that it has not taken.
    pub(crate) fn has_nothing_more(&mut self) -> bool {
        self.dispatched.try_recv().is_err()
    }

    /// Answers nobody any more.
    pub(crate) fn silence(&mut self) {
        *self.silenced.lock().unwrap() = true;
    }

    /// Accepts a task, if it may.
    pub(crate) async fn accept(&self, task: Dispatched) -> Option<Stored> {
        let version = task.version.into();
        let fence = Fence::default();
        let accepting = self.store.accept(&task.record, version, &self.me, &fence);
        let accepted = within("an acceptance", SOON, accepting).await.expect("an answer");
        let _ = task.answer.send(DispatchReply { accepted: accepted.is_some(), why: String::new() });
        accepted
    }

    pub(crate) async fn report(&self, record: &Record, outcome: Outcome) -> Decision {
        let (id, attempt) = (record.id.clone(), record.attempt);
        self.tell(TaskResult { id, attempt, worker: self.me.clone(), ..result(outcome) }).await
    }

    pub(crate) async fn report_of(&self, id: &str, outcome: Outcome) -> Decision {
        let id = TaskId::new(id).expect("an id");
        self.tell(TaskResult { id, worker: self.me.clone(), ..result(outcome) }).await
    }

    async fn tell(&self, result: TaskResult) -> Decision {
        let result = serde_json::to_vec(&result).expect("a result");
        let told = async || {
            // The one that it came from, then any other.
            let others = self.membership.iter().flat_map(|membership| membership.cluster().masters().now());
            let others: Vec<String> = others.map(|other| other.address.clone()).collect();
            for address in [&self.master].into_iter().chain(&others) {
                let mut master = self.channels.master(address).expect("a master");
                if let Ok(reply) = master.report(ReportRequest { result: result.clone() }).await {
                    return Some(reply.into_inner().decision());
                }
            }
            None
        };
        eventually("the result is taken", SOON, told).await
    }

    /// Waits until it is told to stop an attempt.
    pub(crate) async fn stop_told(&mut self, id: &str, attempt: u32, signal: i32) {
        let stop = within("a word to stop", SOON, self.stops.recv()).await.expect("a master");
        assert_eq!((stop.id.as_str(), stop.attempt, stop.signal), (id, attempt, signal));
    }

    /// Its session ends without a word. What it would have done is still tried, by another session, as by one that was
    /// cut off for long.
    pub(crate) async fn die(mut self, site: &Site) -> Self {
        self.serving.abort();
        if let Some(membership) = self.membership.take() {
            membership.abandon().await;
        }
        Worker { store: Store::new(site.registry().await), ..self }
    }
}

fn result(outcome: Outcome) -> TaskResult {
    TaskResult {
        id: TaskId::random(),
        attempt: 1,
        worker: WorkerRef { address: String::new(), incarnation: registry_cluster::Incarnation::default() },
        outcome,
        tail: "the end".to_owned(),
        started: now(),
        ended: now(),
        output_bytes: 0,
        dropped_bytes: 0,
    }
}

/// Tells the test of everything.
struct Service {
    dispatches: mpsc::UnboundedSender<Dispatched>,
    stopping: mpsc::UnboundedSender<StopRequest>,
    silenced: Arc<Mutex<bool>>,
}

#[tonic::async_trait]
impl worker_server::Worker for Service {
    async fn dispatch(&self, request: Request<DispatchRequest>) -> Result<Response<DispatchReply>, Status> {
        let DispatchRequest { record, version, master } = request.into_inner();
        if *self.silenced.lock().unwrap() {
            return Err(Status::deadline_exceeded("it is silent"));
        }
        let record = Record::parse(&record).expect("a record");
        let (answer, answered) = oneshot::channel();
        let _ = self.dispatches.send(Dispatched { record, version, master, answer });
        // A worker that is silenced meanwhile leaves even this one alone.
        let silent = async {
            while !*self.silenced.lock().unwrap() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            answer = answered => answer.map(Response::new).map_err(|_| Status::unavailable("it was dropped")),
            () = silent => Err(Status::deadline_exceeded("it is silent")),
        }
    }

    async fn stop(&self, request: Request<StopRequest>) -> Result<Response<StopReply>, Status> {
        let _ = self.stopping.send(request.into_inner());
        Ok(Response::new(StopReply { held: true }))
    }

    type LogsStream = Pin<Box<dyn Stream<Item = Result<LogsChunk, Status>> + Send>>;

    async fn logs(&self, _: Request<LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        Ok(Response::new(Box::pin(stream::empty())))
    }

    async fn drain(&self, _: Request<DrainRequest>) -> Result<Response<DrainReply>, Status> {
        Ok(Response::new(DrainReply {}))
    }
}

/// What alerts are posted to. It refuses the first.
pub(crate) struct Hooked {
    pub(crate) address: std::net::SocketAddr,
    /// The key of the alert that was refused.
    pub(crate) refused: Arc<Mutex<Option<String>>>,
    taken: Arc<Mutex<Vec<(String, String)>>>,
    serving: JoinHandle<()>,
}

impl Hooked {
    pub(crate) async fn listen() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (refused, taken) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Vec::new())));
        let (own_refused, own_taken) = (Arc::clone(&refused), Arc::clone(&taken));
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some((key, body)) = posted(&mut stream).await else { continue };
                let status = {
                    let mut refused = own_refused.lock().expect("nobody panics with it");
                    match *refused {
                        None => {
                            *refused = Some(key);
                            "503 Service Unavailable"
                        }
                        Some(_) => {
                            own_taken.lock().expect("nobody panics with it").push((key, body));
                            "204 No Content"
                        }
                    }
                };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Hooked { address, refused, taken, serving }
    }

    /// The key and the body of each alert that was taken.
    pub(crate) fn taken(&self) -> Vec<(String, String)> {
        self.taken.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Hooked {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The key and the body of a post.
async fn posted(stream: &mut tokio::net::TcpStream) -> Option<(String, String)> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
            };
            if body.len() >= header("content-length")?.parse::<usize>().ok()? {
                assert!(head.starts_with("POST /hook/s3cret "), "{head}");
                return Some((header("idempotency-key")?, body.to_owned()));
            }
        }
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(count @ 1..) => read.extend_from_slice(&bytes[..count]),
            _ => return None,
        }
    }
}

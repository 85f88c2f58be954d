//! Servers of others beside ours in one cluster: DolphinScheduler's are in Java and register by writing JSON.

use std::{
    error,
    sync::{Arc, Mutex, PoisonError},
};

use registry_cluster::{Cluster, Departed, MemberFilter, NoSlot, Options, SECTION, Server, Status, TakeOver};
use registry_host::{Guard, Settings};
use registry_interop::Value;
use registry_suite::{SOON, beside, eventually, wait_until};

use crate::{
    backend::Backend,
    driver::Driver,
    namespace::{Namespace, SESSION},
};

const WORKER: &str = "/nodes/worker/default/10.0.0.7:1234";
const MASTER: &str = "/nodes/master/10.0.0.6:5678";
const OURS: &str = "10.0.0.5:5678";

/// The lock that DolphinScheduler's masters hold as well while they take over for workers.
const LOCK: &str = "/lock/failover/workers";

/// Each of theirs is a member, is taken over for when it dies, not while a master of theirs does, and comes back.
pub(crate) async fn are_members_like_ours(backend: Backend) {
    for client in backend.clients() {
        let namespace = Namespace::on(backend);
        let cluster = cluster(&namespace).await;
        let ours = cluster.register(Server::master(OURS).expect("a master")).await.expect("a registration");
        let taken = Taken::default();
        let _failover = ours.fail_over(taken.clone()).await.expect("failover");

        let (mut worker, mut master) = (namespace.driver(*client), namespace.driver(*client));
        for (driver, key, start) in [(&mut worker, WORKER, 1), (&mut master, MASTER, 2)] {
            driver.register(key, start).await;
        }
        wait_until("both are seen", SOON, || cluster.members(MemberFilter::All).now().len() == 3).await;
        is_read(&cluster);
        reads_ours(&mut worker).await;
        // No two versions of theirs count slots alike.
        let foreign = NoSlot::Foreign { address: MASTER.rsplit('/').next().expect("an address").to_owned() };
        wait_until("ours has no slot beside theirs", SOON, || ours.slot() == Err(foreign.clone())).await;

        // A master of theirs is faster.
        let held = master.lock(LOCK).await;
        worker.kill().await;
        let waits = async || (cluster.registry().children(LOCK).await.expect("the queue").len() == 2).then_some(());
        eventually("our master waits for the lock", SESSION + SOON, waits).await;
        assert!(taken.lives().is_empty(), "theirs holds {held}");
        master.unlock().await;
        wait_until("the worker is taken over for", SOON, || taken.lives() == [(1, false)]).await;
        let name = b"worker_10.0.0.7:1234".to_vec();
        let mark = master.get("/dead-servers/worker_10.0.0.7:1234").await.map(Value::into_bytes);
        assert_eq!(mark, Some(name), "theirs is told to stop by this");

        // It is started again, and once more before its session has ended.
        let mut worker = namespace.driver(*client);
        worker.register(WORKER, 3).await;
        worker.put_ephemeral("/session", &b"".to_vec().into()).await;
        seen_with(&cluster, 3).await;
        worker.kill().await;
        let mut worker = namespace.driver(*client);
        worker.register(WORKER, 4).await;
        seen_with(&cluster, 4).await;
        wait_until("its former life is taken over for", SOON, || taken.lives() == [(1, false), (3, true)]).await;
        let ended = async || cluster.registry().get("/session").await.expect("an answer").is_none().then_some(());
        eventually("its former session ends", SESSION + SOON, ended).await;
        seen_with(&cluster, 4).await;
        assert_eq!(taken.lives(), [(1, false), (3, true)]);
        worker.close().await;
        master.close().await;
    }
}

async fn cluster(namespace: &Namespace) -> Cluster {
    let settings = Settings::builder().section(SECTION).plugin_dir(beside());
    let settings = namespace.settings().into_iter().fold(settings, |settings, setting| settings.set(setting));
    // However much this machine has to do, ours is normal.
    let settings = settings.set("registry.cluster.max-cpu-load-avg=10000").set("registry.cluster.reserved-memory=0");
    let options = Options::of(&settings.build().expect("settings")).expect("options");
    Cluster::open(namespace.registry().await, options).await.expect("a view")
}

impl Driver {
    /// Registers as DolphinScheduler's servers do, whatever stands there.
    async fn register(&mut self, key: &str, start: i64) {
        if self.get(key).await.is_some() {
            self.delete(key).await;
        }
        self.put_ephemeral(key, &heartbeat(start).into()).await;
    }
}

/// As its worker writes it; a master passes over what it doesn't know, and so do we.
fn heartbeat(start: i64) -> Vec<u8> {
    let heartbeat = serde_json::json!({
        "startupTime": start, "reportTime": start + 10_000, "cpuUsage": 0.25, "jvmCpuUsage": 0.1, "memoryUsage": 0.5,
        "jvmMemoryUsage": 0.4, "diskUsage": 0.3, "serverStatus": "NORMAL", "host": "10.0.0.7", "port": 1234,
        "processId": 4711, "workerHostWeight": 7, "threadPoolUsage": 0.0
    });
    heartbeat.to_string().into_bytes()
}

fn is_read(cluster: &Cluster) {
    let worker = cluster.choose("default").expect("it is normal");
    let heartbeat = worker.heartbeat.as_ref().expect("it can be read");
    assert_eq!((worker.address.as_str(), worker.status()), ("10.0.0.7:1234", Some(Status::Normal)));
    assert_eq!((heartbeat.startup_time, heartbeat.report_time, heartbeat.process_id), (1, 10_001, 4711));
    assert_eq!((heartbeat.cpu_usage, heartbeat.worker_host_weight), (0.25, Some(7)));
    let masters: Vec<_> = cluster.masters().now().iter().map(|master| master.address.clone()).collect();
    assert_eq!(masters, [OURS, "10.0.0.6:5678"]);
}

/// What theirs reads of ours has the names that it looks for.
async fn reads_ours(driver: &mut Driver) {
    let value = driver.get(&format!("/nodes/master/{OURS}")).await.expect("ours is there").into_bytes();
    let read: serde_json::Value = serde_json::from_slice(&value).expect("JSON");
    for name in ["startupTime", "reportTime", "cpuUsage", "memoryUsage", "processId"] {
        assert!(read[name].is_number(), "{name} of {read}");
    }
}

async fn seen_with(cluster: &Cluster, start: i64) {
    let starts = || cluster.workers("default").now().iter().map(|member| member.incarnation()).collect::<Vec<_>>();
    let is_it = || matches!(starts()[..], [Some(incarnation)] if incarnation.startup_time == start);
    wait_until(format!("the worker that started at {start} is seen"), SOON, is_it).await;
}

/// The lives that were taken over for: when each began, and whether another one had.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<(i64, bool)>>>);

impl Taken {
    fn lives(&self) -> Vec<(i64, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TakeOver for Taken {
    async fn take_over(&self, departed: &Departed, _: &Guard) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        let taken = (departed.incarnation.startup_time, departed.restarted);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
        Ok(())
    }
}

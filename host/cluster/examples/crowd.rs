//! What a view costs: ten thousand workers in two hundred groups beat every ten seconds, on etcd, and one process looks on.
//!
//! It starts an etcd, and takes the plugin that was built beside it: `cargo test -p registry-cluster --no-run`, then
//! `cargo run -p registry-cluster --example crowd`; with `--release` at both for figures that count.

use std::{
    env, fs,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt as _, stream};
use registry_cluster::{Change, Cluster, Heartbeat, Options, Status, Which};
use registry_host::{Registry, Result, Settings};
use registry_test_servers::Etcd;
use tokio::time::{MissedTickBehavior, interval, timeout};

const WORKERS: usize = 10_000;
const GROUPS: usize = 200;
const EVERY: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Result<()> {
    match env::args().nth(1) {
        Some(endpoint) => observe(&endpoint).await,
        None => crowd().await,
    }
}

fn settings(endpoint: &str) -> Result<Settings> {
    let exe = env::current_exe().expect("a path");
    let plugins = exe.ancestors().nth(2).expect("a target folder").join("deps");
    let settings = Settings::builder().plugin_dir(plugins).set("registry.type=etcd");
    settings.set_value("registry.etcd.endpoints", endpoint).set("registry.operation-timeout=60s").build()
}

/// Registers all workers and beats for them, while a process of its own looks on.
async fn crowd() -> Result<()> {
    let server = Etcd::shared().expect("an etcd server");
    let endpoint = server.endpoints().join(",");
    let registry = &Registry::open(settings(&endpoint)?).await?;
    let beat = |number: usize| async move {
        let key = format!("/nodes/worker/g{}/10.0.{}.{}:1234", number % GROUPS, number / 250, number % 250);
        let heartbeat = Heartbeat {
            startup_time: 1_700_000_000_000,
            report_time: SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis() as i64,
            cpu_usage: 0.25,
            memory_usage: 0.5,
            load_average: 1.75,
            available_physical_memory_size: 12.25,
            max_cpuload_avg: 16.0,
            reserved_memory: 0.3,
            process_id: 12_345,
            disk_available: 123.45,
            server_status: Some(Status::Normal),
            worker_host_weight: Some(100),
            worker_waiting_task_count: Some(0),
            worker_exec_thread_count: Some(100),
            keeps_record: false,
        };
        registry.put(&key, heartbeat.write()).ephemeral().await.map(drop)
    };
    let all = stream::iter((0..WORKERS).map(beat)).buffer_unordered(64);
    all.for_each(|put| async move { put.expect("a put") }).await;
    println!("{WORKERS} workers in {GROUPS} groups");
    let exe = env::current_exe().expect("a path");
    let mut observer = Command::new(exe).arg(&endpoint).stdout(Stdio::inherit()).spawn().expect("a process");
    let tenth = WORKERS * 100 / EVERY.as_millis() as usize;
    let mut clock = interval(Duration::from_millis(100));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0.. {
        clock.tick().await;
        if observer.try_wait().expect("a process").is_some() {
            break;
        }
        let some = (0..tenth).map(|at| beat((number * tenth + at) % WORKERS));
        stream::iter(some).buffer_unordered(64).for_each(|put| async move { put.expect("a put") }).await;
    }
    registry.close().await
}

/// Looks on, and says what that costs.
async fn observe(endpoint: &str) -> Result<()> {
    let registry = Registry::open(settings(endpoint)?).await?;
    let begun = Instant::now();
    let cluster = Cluster::open(registry.clone(), Options::default()).await?;
    let there = cluster.members(Which::All).now().len();
    println!("complete after {:?}: {there} members, {} groups", begun.elapsed(), cluster.groups().now().len());
    let mut changes = cluster.members(Which::All).changes();
    let (mut joined, mut beats) = (0, 0);
    while joined < there {
        joined += usize::from(matches!(changes.next().await, Some(Change::Joined(_))));
    }
    let (begun, used) = (Instant::now(), processor_time());
    while let Some(left) = MEASURED.checked_sub(begun.elapsed()) {
        if let Ok(Some(_)) = timeout(left, changes.next()).await {
            beats += 1;
        }
    }
    let (took, used) = (begun.elapsed(), processor_time() - used);
    let share = 100.0 * used.as_secs_f64() / took.as_secs_f64();
    println!("{:.0} beats/s take {share:.1}% of one processor, plugin included", f64::from(beats) / took.as_secs_f64());
    registry.close().await
}

/// What this process has used of the processors.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("this is Linux");
    // After the name in parentheses; in hundredths of a second.
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace().skip(11).take(2);
    Duration::from_millis(fields.map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum())
}

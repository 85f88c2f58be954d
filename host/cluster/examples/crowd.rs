//! What a view costs: ten thousand workers in two hundred groups beat every ten seconds, and somebody looks on. On etcd
//! that is a process of its own; in memory, where there is only one, it is what that one uses more than without.
//!
//! It starts an etcd, and takes the plugins that were built beside it: `cargo test -p registry-cluster --no-run`, then
//! `cargo run -p registry-cluster --example crowd`, with `-- memory` after it or without; with `--release` at both for
//! figures that count.

use std::{
    env, fs,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt as _, stream};
use registry_cluster::{Change, Changes, Cluster, Heartbeat, MemberFilter, Options, Status};
use registry_host::{Registry, Result, Settings, SettingsBuilder};
use registry_test_servers::Etcd;
use tokio::time::{MissedTickBehavior, interval, timeout};

const WORKERS: usize = 10_000;
const GROUPS: usize = 200;
const EVERY: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Result<()> {
    match env::args().nth(1).as_deref() {
        Some("memory") => in_memory().await,
        Some(endpoint) => observe(endpoint).await,
        None => on_etcd().await,
    }
}

fn etcd(endpoint: &str) -> SettingsBuilder {
    settings("etcd").set_value("registry.etcd.endpoints", endpoint)
}

fn settings(backend: &str) -> SettingsBuilder {
    let exe = env::current_exe().expect("a path");
    let plugins = exe.ancestors().nth(2).expect("a target folder").join("deps");
    let settings = Settings::builder().plugin_dir(plugins).set_value("registry.type", backend);
    settings.set("registry.operation-timeout=60s")
}

/// Beats while a process of its own looks on.
async fn on_etcd() -> Result<()> {
    let server = Etcd::shared().expect("an etcd server");
    let endpoint = server.endpoints().join(",");
    let registry = Registry::open(etcd(&endpoint).build()?).await?;
    register(&registry).await;
    let exe = env::current_exe().expect("a path");
    let mut observer = Command::new(exe).arg(&endpoint).stdout(Stdio::inherit()).spawn().expect("a process");
    beat_while(&registry, || observer.try_wait().expect("a process").is_none()).await;
    registry.close().await
}

/// Looks on from another process, and says what that costs.
async fn observe(endpoint: &str) -> Result<()> {
    let (cluster, mut changes) = look(Registry::open(etcd(endpoint).build()?).await?).await?;
    let used = Used::now();
    let beats = count(&mut changes).await;
    let (share, took) = used.since();
    println!("{:.0} beats/s take {share:.1}% of one processor, plugin included", f64::from(beats) / took.as_secs_f64());
    cluster.registry().close().await
}

/// Beats without anybody who looks on, and then with one.
async fn in_memory() -> Result<()> {
    let settings = || settings("memory").set("registry.namespace=crowd").build();
    let registry = Registry::open(settings()?).await?;
    register(&registry).await;
    let measured = || {
        let begun = Instant::now();
        move || begun.elapsed() < MEASURED
    };
    let used = Used::now();
    beat_while(&registry, measured()).await;
    let (alone, _) = used.since();
    let (cluster, mut changes) = look(Registry::open(settings()?).await?).await?;
    let used = Used::now();
    let ((), beats) = tokio::join!(beat_while(&registry, measured()), count(&mut changes));
    let (share, took) = used.since();
    let beats = f64::from(beats) / took.as_secs_f64();
    println!("{beats:.0} beats/s take {share:.1}% of one processor, {alone:.1}% without the view");
    cluster.registry().close().await?;
    registry.close().await
}

/// Registers all workers.
async fn register(registry: &Registry) {
    let all = stream::iter((0..WORKERS).map(|number| beat(registry, number))).buffer_unordered(64);
    all.for_each(|put| async move { put.expect("a put") }).await;
    println!("{WORKERS} workers in {GROUPS} groups");
}

/// Beats for all in turn, for as long as that is so.
async fn beat_while(registry: &Registry, mut goes_on: impl FnMut() -> bool) {
    let tenth = WORKERS * 100 / EVERY.as_millis() as usize;
    let mut clock = interval(Duration::from_millis(100));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0.. {
        clock.tick().await;
        if !goes_on() {
            return;
        }
        let some = (0..tenth).map(|at| beat(registry, (number * tenth + at) % WORKERS));
        stream::iter(some).buffer_unordered(64).for_each(|put| async move { put.expect("a put") }).await;
    }
}

async fn beat(registry: &Registry, number: usize) -> Result<()> {
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
        keeps_record: true,
        ..Heartbeat::default()
    };
    registry.put(&key, heartbeat.write()).ephemeral().await.map(drop)
}

/// Looks on: ready when all who are there have been told of.
async fn look(registry: Registry) -> Result<(Cluster, Changes)> {
    let begun = Instant::now();
    let cluster = Cluster::open(registry, Options::default()).await?;
    let there = cluster.members(MemberFilter::All).now().len();
    println!("complete after {:?}: {there} members, {} groups", begun.elapsed(), cluster.groups().now().len());
    let mut changes = cluster.members(MemberFilter::All).changes();
    let mut joined = 0;
    while joined < there {
        joined += usize::from(matches!(changes.next().await, Some(Change::Joined(_))));
    }
    Ok((cluster, changes))
}

/// How many beats are told of.
async fn count(changes: &mut Changes) -> u32 {
    let (begun, mut beats) = (Instant::now(), 0);
    while let Some(left) = MEASURED.checked_sub(begun.elapsed()) {
        if let Ok(Some(_)) = timeout(left, changes.next()).await {
            beats += 1;
        }
    }
    beats
}

/// What this process had used of the processors, and when.
struct Used(Duration, Instant);

impl Used {
    fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").expect("this is Linux");
        // After the name in parentheses; in hundredths of a second.
        let fields = stat.rsplit(')').next().expect("fields").split_whitespace().skip(11).take(2);
        let used = Duration::from_millis(fields.map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum());
        Used(used, Instant::now())
    }

    /// What part of one processor it has used since, in percent, and how long that is.
    fn since(&self) -> (f64, Duration) {
        let Used(used, now) = Used::now();
        let took = now - self.1;
        (100.0 * (used - self.0).as_secs_f64() / took.as_secs_f64(), took)
    }
}

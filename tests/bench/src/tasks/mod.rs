//! Tasks: how many a second, how long one takes, what they cost, and how long one waits when a server dies.

mod child;
mod cost;
mod crowd;
mod ends;
mod kills;
mod site;

use std::{path::PathBuf, time::Duration};

use registry_test_servers::{Etcd, ZooKeeper};

pub(crate) use self::child::{Role, serve};
pub(crate) use self::site::Site;
use self::{
    ends::{Ends, spawned, truths},
    kills::Gaps,
};
use crate::{measure::Failure, report::Report};

/// How much is done.
pub(crate) struct Extent {
    /// How many tasks are timed.
    pub(crate) tasks: usize,
    /// How many simulated workers there are.
    pub(crate) workers: usize,
    /// How often a server is killed.
    pub(crate) kills: usize,
    /// How long the beats alone are measured.
    pub(crate) idle: Duration,
}

/// How many tasks are on their way at once.
const FLIGHT: usize = 64;

/// Measures all of it on the backends that are wanted.
pub(crate) async fn measure(
    report: &mut Report,
    plugin_dir: Option<PathBuf>,
    wanted: impl Fn(&str) -> bool,
    extent: &Extent,
) -> Result<(), Failure> {
    alone(report, extent).await?;
    let site = |backend, set: String| Site { backend, assignments: vec![set], plugin_dir: plugin_dir.clone() };
    if wanted("memory") {
        let memory = site("memory", "registry.memory.name=tasks".to_owned());
        pace(report, &memory, extent).await?;
    }
    if wanted("etcd") {
        let server = Etcd::start()?;
        on_server(report, &site("etcd", format!("registry.etcd.endpoints={}", server.endpoint())), extent).await?;
    }
    if wanted("zookeeper") {
        let server = ZooKeeper::start()?;
        let set = format!("registry.zookeeper.connect-string={}", server.connect_string());
        on_server(report, &site("zookeeper", set), extent).await?;
    }
    let memory = site("memory", "registry.memory.name=cost".to_owned());
    report.figure("a task writes, Txns", cost::txns(&memory).await?, "");
    report.figure("a task writes, values", cost::bytes()? as f64, "bytes");
    Ok(())
}

/// What spawning alone takes.
async fn alone(report: &mut Report, extent: &Extent) -> Result<(), Failure> {
    let many = spawned(extent.tasks * 4, FLIGHT).await?;
    report.figure("spawning alone, 64 in flight", many.per_second, "/s");
    let one = spawned(extent.tasks, 1).await?;
    report.figure("spawning alone, one, p50", one.quantile(0.5), "ms");
    report.figure("spawning alone, one, p99", one.quantile(0.99), "ms");
    Ok(())
}

/// `true` through one master and two workers.
async fn pace(report: &mut Report, site: &Site, extent: &Extent) -> Result<(), Failure> {
    let (master, one, other) = (site.master().await?, site.worker().await?, site.worker().await?);
    let ends = Ends::of(site.client().await?).await?;
    // The first ones open connections, and are not counted.
    truths(&ends, extent.tasks.div_ceil(10), FLIGHT).await?;
    let many = truths(&ends, extent.tasks, FLIGHT).await?;
    let single = truths(&ends, extent.tasks.div_ceil(4), 1).await?;
    let name = |what: &str| format!("{} tasks, {what}", site.backend);
    report.figure(name("64 in flight"), many.per_second, "/s");
    report.figure(name("64 in flight, p50"), many.quantile(0.5), "ms");
    report.figure(name("64 in flight, p99"), many.quantile(0.99), "ms");
    report.figure(name("one, p50"), single.quantile(0.5), "ms");
    report.figure(name("one, p99"), single.quantile(0.99), "ms");
    ends.close().await?;
    one.leave().await?;
    other.leave().await?;
    master.leave().await
}

async fn on_server(report: &mut Report, site: &Site, extent: &Extent) -> Result<(), Failure> {
    let apart = |name: &str| site.with(&[&format!("registry.namespace={name}")]);
    pace(report, &apart("pace"), extent).await?;
    let mortal = |name: &str| apart(name).with(&["registry.session-timeout=6s"]);
    let name = |what: &str| format!("{} {what}", site.backend);
    let Gaps(worst, middle) = kills::of_workers(&mortal("workers"), extent.kills).await?;
    report.figure(name("worker killed, to the next attempt, median"), middle, "s");
    report.figure(name("worker killed, to the next attempt, worst"), worst, "s");
    let Gaps(worst, middle) = kills::of_masters(&mortal("masters"), extent.kills).await?;
    report.figure(name("master killed, to the end of its tasks, median"), middle, "s");
    report.figure(name("master killed, to the end of its tasks, worst"), worst, "s");
    let cost = crowd::measure(&apart("crowd"), extent.workers, extent.tasks, extent.idle).await?;
    let name = |what: &str| format!("{} master of {} workers, {what}", site.backend, extent.workers);
    report.figure(name("CPU for beats, of one processor"), cost.share, "%");
    report.figure(name("CPU for a beat"), cost.per_beat, "µs");
    report.figure(name("CPU for a task"), cost.per_task, "µs");
    report.figure(name("memory"), cost.memory, "MB");
    Ok(())
}

//! From `kill -9` of a worker or a master to the task running elsewhere.

use std::{fs, time::Duration};

use registry_tasks::record::{Cancel, Spec, State, TaskId};

use super::{
    child::{Role, Server, eventually},
    ends::Ends,
    site::Site,
};
use crate::measure::{Failure, median};

/// How many tasks are submitted to the master that is left: about half are the dead one's.
const TASKS: usize = 8;

/// The worst, and the median.
pub(super) struct Gaps(pub(super) f64, pub(super) f64);

impl Gaps {
    fn of(gaps: Vec<Duration>) -> Self {
        let seconds: Vec<f64> = gaps.iter().map(Duration::as_secs_f64).collect();
        Gaps(seconds.iter().copied().fold(0.0, f64::max), median(seconds))
    }
}

/// From the death of the worker that runs a task to its second attempt.
pub(super) async fn of_workers(site: &Site, rounds: usize) -> Result<Gaps, Failure> {
    let master = site.master().await?;
    let client = site.client().await?;
    let folder = tempfile::tempdir()?;
    let mut gaps = Vec::new();
    let mut workers = vec![Server::start(Role::Worker, site).await?];
    for round in 0..rounds {
        workers.push(Server::start(Role::Worker, site).await?);
        let file = folder.path().join(round.to_string());
        let script = format!("echo $REGISTRY_TASK_ATTEMPT >> '{}'; exec sleep 600", file.display());
        let id = TaskId::random();
        client.submit(&id, &Spec::new(["sh", "-c", &script])).await?;
        let running = client.wait(&id, |record| record.state == State::Running).await?.record;
        let address = running.worker.ok_or("no worker")?.address;
        let victim = workers.iter().position(|worker| worker.address == address).ok_or("another's task")?;
        let killed = workers.remove(victim).kill().await?;
        let again = async || fs::read_to_string(&file).ok().filter(|text| text.ends_with("2\n"));
        eventually("the second attempt", again).await?;
        gaps.push(killed.elapsed());
        client.cancel(&id, Cancel { signal: 9, grace: 0 }).await?;
        client.wait(&id, |record| record.state.has_ended()).await?;
    }
    drop(workers);
    client.cluster().registry().close().await?;
    master.leave().await?;
    Ok(Gaps::of(gaps))
}

/// From the death of one of two masters to the end of the last of tasks that are submitted right then.
pub(super) async fn of_masters(site: &Site, rounds: usize) -> Result<Gaps, Failure> {
    let mut gaps = Vec::new();
    let mut masters = vec![Server::start(Role::Master, site).await?];
    let worker = site.worker().await?;
    let ends = Ends::of(site.client().await?).await?;
    for _ in 0..rounds {
        masters.push(Server::start(Role::Master, site).await?);
        // Both have a part.
        eventually("both masters are seen", async || {
            (ends.client().cluster().masters().now().len() == 2).then_some(())
        })
        .await?;
        ends.run(&Spec::new(["true"])).await?;
        let killed = masters.remove(0).kill().await?;
        let spec = Spec::new(["true"]);
        let tasks = (0..TASKS).map(|_| ends.run(&spec));
        futures_util::future::try_join_all(tasks).await?;
        gaps.push(killed.elapsed());
    }
    ends.close().await?;
    worker.leave().await?;
    drop(masters);
    Ok(Gaps::of(gaps))
}

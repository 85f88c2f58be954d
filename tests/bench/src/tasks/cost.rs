//! What a task writes: Txns, and bytes.

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use registry_cluster::Incarnation;
use registry_tasks::record::{Finished, Outcome, Record, Spec, TaskId, TaskResult, WorkerRef, now};

use super::{
    ends::{Ends, truths},
    site::Site,
};
use crate::measure::Failure;

/// How many tasks are counted.
const TASKS: usize = 20;

/// Txns of one task, on average.
pub(super) async fn txns(site: &Site) -> Result<f64, Failure> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // Of this process, for good: nothing is timed after this.
    recorder.install().map_err(|error| error.to_string())?;
    let site = site.with(&["registry.cluster.max-heartbeat-interval=10m"]);
    let (master, worker) = (site.master().await?, site.worker().await?);
    let ends = Ends::of(site.client().await?).await?;
    truths(&ends, 1, 1).await?;
    // A look sets the counters back.
    counted(&snapshotter);
    truths(&ends, TASKS, 1).await?;
    let txns = counted(&snapshotter);
    ends.close().await?;
    worker.leave().await?;
    master.leave().await?;
    Ok(txns as f64 / TASKS as f64)
}

fn counted(snapshotter: &Snapshotter) -> u64 {
    let all = snapshotter.snapshot().into_vec().into_iter().filter(|(key, ..)| {
        let key = key.key();
        key.name() == "registry_operations_total"
            && key.labels().any(|label| label.key() == "operation" && ["put", "txn", "delete"].contains(&label.value()))
    });
    all.map(|(_, _, _, value)| if let DebugValue::Counter(count) = value { count } else { 0 }).sum()
}

/// The bytes of the four states that a short task is written in.
pub(super) fn bytes() -> Result<usize, Failure> {
    let worker = WorkerRef { address: "127.0.0.1:12345".to_owned(), incarnation: Incarnation::default() };
    let submitted = Record::submitted(TaskId::random(), Spec::new(["true"]), now());
    let sent = submitted.sent(worker.clone(), now()).map_err(|refused| refused.0)?;
    let accepted = sent.accepted(&worker, now()).map_err(|refused| refused.0)?;
    let result = TaskResult {
        id: accepted.id.clone(),
        attempt: accepted.attempt,
        worker,
        outcome: Outcome::Exited { code: 0 },
        tail: String::new(),
        started: now(),
        ended: now(),
        output_bytes: 0,
        dropped_bytes: 0,
    };
    let Finished::Counts(ended) = accepted.finished(&result, now()) else { return Err("the result counts not".into()) };
    Ok([submitted, sent, accepted, ended].iter().map(|record| record.write().len()).sum())
}

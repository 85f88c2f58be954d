//! What a worker counts.

use std::time::Duration;

use crate::record::{Outcome, TaskResult};

/// What a worker has: attempts that it has accepted, and results that no master has recorded yet.
pub(super) fn held(worker: &str, attempts: usize, results: usize) {
    metrics::gauge!("registry_worker_attempts", "worker" => worker.to_owned()).set(attempts as f64);
    metrics::gauge!("registry_worker_results", "worker" => worker.to_owned()).set(results as f64);
}

/// An attempt has ended here.
pub(super) fn ended(result: &TaskResult) {
    let outcome = match &result.outcome {
        Outcome::Exited { code: 0 } => "succeeded",
        Outcome::Exited { .. } | Outcome::Signalled { .. } | Outcome::NotRun { .. } => "failed",
        Outcome::TimedOut => "timed_out",
        Outcome::Cancelled => "cancelled",
        Outcome::HandedBack { .. } => "handed_back",
        Outcome::Lost { .. } => "lost",
    };
    metrics::counter!("registry_task_attempts_total", "outcome" => outcome).increment(1);
    let ran = Duration::from_millis(u64::try_from(result.ended - result.started).unwrap_or_default());
    metrics::histogram!("registry_task_seconds", "stage" => "run").record(ran.as_secs_f64());
}

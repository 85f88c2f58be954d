//! Counters and latency histograms per operation and backend.

use std::time::Instant;

use metrics::{Counter, Histogram};
use registry_api::Error;

use super::Operation;

/// Handles to the metrics of one registry; they go to the recorder that is installed when it is opened.
///
/// `registry_operations_total{operation, backend, result}` counts calls by their result, `ok` or an error kind, and
/// `registry_operation_duration_seconds{operation, backend}` measures them.
///
/// Without a recorder no clock is read, which would take a good part of a call that is ready at once.
pub(super) struct Metrics {
    backend: String,
    recorded: bool,
    operations: Vec<Handles>,
}

struct Handles {
    ok: Counter,
    seconds: Histogram,
}

/// A call that is being measured; one that is dropped is not counted.
pub(super) struct Measured {
    operation: Operation,
    start: Option<Instant>,
}

impl Metrics {
    pub(super) fn new(backend: &str) -> Self {
        metrics::describe_counter!(
            "registry_operations_total",
            "Calls of the registry by operation, backend and result"
        );
        metrics::describe_histogram!(
            "registry_operation_duration_seconds",
            metrics::Unit::Seconds,
            "How long calls of the registry take"
        );
        let operations = Operation::ALL
            .iter()
            .map(|operation| Handles {
                ok: counter(backend, *operation, "ok"),
                seconds: metrics::histogram!(
                    "registry_operation_duration_seconds",
                    "operation" => operation.name(),
                    "backend" => backend.to_owned(),
                ),
            })
            .collect();
        // The recorder that is there before any other keeps nothing, so that it has no size.
        let recorded = metrics::with_recorder(|recorder| size_of_val(recorder) > 0);
        Metrics { backend: backend.to_owned(), recorded, operations }
    }

    pub(super) fn start(&self, operation: Operation) -> Measured {
        Measured { operation, start: self.recorded.then(Instant::now) }
    }
}

impl Measured {
    pub(super) fn end(self, metrics: &Metrics, error: Option<&Error>) {
        let Some(start) = self.start else { return };
        // `ALL` lists the operations in the order of their numbers.
        let handles = &metrics.operations[self.operation as usize];
        handles.seconds.record(start.elapsed());
        match error.map(Error::kind) {
            None => handles.ok.increment(1),
            Some(kind) => counter(&metrics.backend, self.operation, kind.name()).increment(1),
        }
    }
}

fn counter(backend: &str, operation: Operation, result: &'static str) -> Counter {
    metrics::counter!(
        "registry_operations_total",
        "operation" => operation.name(),
        "backend" => backend.to_owned(),
        "result" => result,
    )
}

//! What machines ask: whether the process lives, whether it can work, and its figures.

use axum::{
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use registry_host::SessionState;
use registry_tasks::figures;

use super::Site;
use crate::probes::{in_prometheus_format, readiness};

/// Whether the registry can be worked with: 503 while its session isn't connected.
pub(super) async fn ready(Shared(site): Shared<Site>) -> Response {
    readiness(match site.page.0.client.cluster().registry().session().state() {
        SessionState::Connected => Ok(()),
        state => Err(format!("the session is {state}")),
    })
}

/// Everything that this process measures, in Prometheus' text format, with what the page knows of the cluster.
pub(super) async fn metrics(Shared(site): Shared<Site>) -> Response {
    measure(&site);
    match &site.page.0.metrics {
        Some(metrics) => in_prometheus_format(metrics()),
        None => (StatusCode::NOT_FOUND, "this process measures nothing\n").into_response(),
    }
}

/// Sets the gauges: those of servers and tasks, `registry_entries`, `registry_locks` and `registry_sessions`.
fn measure(site: &Site) {
    let inner = &site.page.0;
    figures::servers(inner.client.cluster());
    let known = inner.board.known();
    figures::tasks(known.records().map(|record| record.state));
    metrics::gauge!("registry_entries").set(known.entries as f64);
    metrics::gauge!("registry_locks").set(known.locks().len() as f64);
    metrics::gauge!("registry_sessions").set(known.sessions().len() as f64);
}

//! What machines ask: whether the process lives, whether it can work, and its figures.

use std::collections::{BTreeSet, HashMap};

use axum::{
    extract::State as Shared,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use registry_cluster::{MemberFilter, Role};
use registry_host::SessionState;
use registry_tasks::record::State;

use super::Site;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the registry can be worked with: 503 while its session isn't connected.
pub(super) async fn ready(Shared(site): Shared<Site>) -> Response {
    match site.page.0.client.cluster().registry().session().state() {
        SessionState::Connected => "ok\n".into_response(),
        state => (StatusCode::SERVICE_UNAVAILABLE, format!("the session is {state}\n")).into_response(),
    }
}

/// Everything that this process measures, in Prometheus' text format, with what the page knows of the cluster.
pub(super) async fn metrics(Shared(site): Shared<Site>) -> Response {
    measure(&site);
    match &site.page.0.metrics {
        Some(metrics) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics()).into_response(),
        None => (StatusCode::NOT_FOUND, "this process measures nothing\n").into_response(),
    }
}

/// Sets the gauges: `registry_servers{role, status}`, `registry_tasks{state}`, `registry_entries`, `registry_locks` and
/// `registry_sessions`.
fn measure(site: &Site) {
    let inner = &site.page.0;
    let mut servers: HashMap<(String, &'static str), BTreeSet<String>> = HashMap::new();
    for role in [Role::Master, Role::Worker] {
        for status in ["normal", "abnormal", "busy", "unknown"] {
            servers.insert((role.to_string(), status), BTreeSet::new());
        }
    }
    for member in inner.client.cluster().members(MemberFilter::All).now() {
        let status = member.status().map_or("unknown", |status| status.name());
        servers.entry((member.role.to_string(), status)).or_default().insert(member.address.clone());
    }
    for ((role, status), addresses) in servers {
        metrics::gauge!("registry_servers", "role" => role, "status" => status).set(addresses.len() as f64);
    }
    let known = inner.board.known();
    for state in State::ALL {
        let count = known.records().filter(|record| record.state == state).count();
        metrics::gauge!("registry_tasks", "state" => state.name()).set(count as f64);
    }
    metrics::gauge!("registry_entries").set(known.entries as f64);
    metrics::gauge!("registry_locks").set(known.locks().len() as f64);
    metrics::gauge!("registry_sessions").set(known.sessions().len() as f64);
}

//! The cluster's metrics.

use crate::Role;

/// A heartbeat was written, or could not be.
pub(crate) fn heartbeat(is_written: bool) {
    metrics::counter!("registry_cluster_heartbeats_total", "result" => result(is_written)).increment(1);
}

/// This master has taken over for a server of the role, or could not yet.
pub(crate) fn take_over(role: Role, is_done: bool) {
    let role = role.to_string();
    metrics::counter!("registry_cluster_take_overs_total", "role" => role, "result" => result(is_done)).increment(1);
}

/// So many entries of servers of the role are seen; a worker has one in each of its groups.
pub(crate) fn members(role: Role, entries: usize) {
    // More than a float tells apart are more than there can be.
    metrics::gauge!("registry_cluster_members", "role" => role.to_string()).set(entries as f64);
}

fn result(is_ok: bool) -> &'static str {
    if is_ok { "ok" } else { "failed" }
}

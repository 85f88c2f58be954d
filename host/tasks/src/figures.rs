//! What is measured of servers and tasks.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use registry_cluster::{Cluster, MemberFilter, Role};

use crate::record::{Record, State, now};

/// Sets the gauges `registry_servers{role, status}`: how many registered servers stand so.
pub fn servers(cluster: &Cluster) {
    let mut servers: HashMap<(&str, &str), BTreeSet<String>> = HashMap::new();
    let roles = [Role::Master, Role::Worker];
    for role in &roles {
        for status in ["normal", "abnormal", "busy", "draining", "unknown"] {
            servers.insert((role.name(), status), BTreeSet::new());
        }
    }
    // A worker of several groups is one server.
    for member in cluster.members(MemberFilter::All).now() {
        let status = member.status().map_or("unknown", |status| status.name());
        servers.entry((member.role.name(), status)).or_default().insert(member.address.clone());
    }
    for ((role, status), addresses) in servers {
        let labels = [("role", role.to_owned()), ("status", status.to_owned())];
        metrics::gauge!("registry_servers", &labels).set(addresses.len() as f64);
    }
}

/// Sets the gauges `registry_tasks{state}`: how many tasks stand so.
pub fn tasks(states: impl Iterator<Item = State>) {
    let mut counts: HashMap<State, usize> = State::ALL.into_iter().map(|state| (state, 0)).collect();
    for state in states {
        *counts.entry(state).or_default() += 1;
    }
    for (state, count) in counts {
        metrics::gauge!("registry_tasks", "state" => state.name()).set(count as f64);
    }
}

/// A worker has accepted a task: how long that has taken since it was queued, on the clocks of masters.
pub(crate) fn queued(record: &Record) {
    let waited = Duration::from_millis(u64::try_from(now() - record.queued).unwrap_or_default());
    metrics::histogram!("registry_task_seconds", "stage" => "queued").record(waited.as_secs_f64());
}

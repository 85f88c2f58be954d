//! Servers and groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, html};
use registry_cluster::{Cluster, Member, MemberFilter, Role};
use registry_tasks::record::{Record, State};

use super::shared::{badge, key, none, percent, since, sparkline};
use crate::board::Known;

/// A server, once, with all its groups.
struct Shown {
    member: Arc<Member>,
    groups: Vec<String>,
}

fn shown(cluster: &Cluster) -> BTreeMap<(&'static str, String), Shown> {
    let mut servers: BTreeMap<_, Shown> = BTreeMap::new();
    for member in cluster.members(MemberFilter::All).now() {
        let role = if member.role == Role::Master { "master" } else { "worker" };
        let server = servers
            .entry((role, member.address.clone()))
            .or_insert_with(|| Shown { member: Arc::clone(&member), groups: Vec::new() });
        server.groups.extend(member.group.clone());
    }
    servers
}

/// A row for each server.
pub(super) fn servers(cluster: &Cluster, known: &Known) -> Markup {
    let servers = shown(cluster);
    let held = |address: &str| {
        let at = |record: &&Record| record.worker.as_ref().is_some_and(|worker| worker.address == address);
        known.records().filter(|record| record.state.is_held()).filter(at).count()
    };
    html! {
        h2 { "Servers" }
        (take_overs(known))
        @if servers.is_empty() { (none("No server is registered.")) } @else {
            div.wide { table {
                thead { tr {
                    th { "Role" } th { "Address" } th { "Groups" } th { "Status" } th { "Slot" } th { "Tasks" }
                    th { "CPU" } th { "Memory" } th { "Load" } th { "Last beat" }
                } }
                tbody { @for ((role, address), Shown { member, groups }) in &servers { tr data-row=(address) {
                    td { (role) }
                    td { (address) }
                    td { (groups.join(", ")) }
                    @match &member.heartbeat {
                        Err(unreadable) => {
                            td { (badge("unknown")) " " (unreadable) }
                            td colspan="6" {}
                        }
                        Ok(beat) => {
                            td { (badge(beat.status().name())) @if let Some(cause) = beat.cause() { " " (cause) } }
                            td { @if *role == "master" { @match cluster.slot(address) {
                                Ok(slot) => { (slot.index + 1) " of " (slot.count) }
                                Err(none) => { (none) }
                            } } }
                            td { @if *role == "worker" {
                                (held(address)) @if let Some(most) = beat.worker_exec_thread_count { " of " (most) }
                            } }
                            @let measured = known.measured.get(&format!("{role} {address}"));
                            td { (percent(beat.cpu_usage)) @if let Some(measured) = measured {
                                (sparkline("CPU over five minutes", measured.iter().map(|now| now.cpu), 1.0))
                            } }
                            td { (percent(beat.memory_usage)) @if let Some(measured) = measured {
                                (sparkline("Memory over five minutes", measured.iter().map(|now| now.memory), 1.0))
                            } }
                            td { (format!("{:.1}", beat.load_average)) @if let Some(measured) = measured {
                                @let most = beat.max_cpuload_avg.max(1.0);
                                (sparkline("Load over five minutes", measured.iter().map(|now| now.load), most))
                            } }
                            td { (since(beat.report_time)) }
                        }
                    }
                } } }
            } }
        }
    }
}

/// Take-overs that go on: who does them, by which lock.
fn take_overs(known: &Known) -> Markup {
    let locks = known.locks();
    let held = Role::ALL.into_iter().filter_map(|role| Some((role, *locks.get(role.failover_lock())?.first()?)));
    // The server that the lock's session is one of.
    let who = |session: &str| {
        let own = known.owned.iter().find(|(key, owned)| owned.session == session && key.starts_with("/nodes/master/"));
        own.and_then(|(key, _)| key.rsplit('/').next()).unwrap_or("a master").to_owned()
    };
    html! {
        @for (role, holder) in held { p {
            (badge("taking over")) " " (who(&holder.session)) " takes over for a " (role.name())
            ", by the lock " (key(role.failover_lock())) " with token " (holder.created)
        } }
    }
}

/// A row for each group that has workers or waiting tasks.
pub(super) fn groups(cluster: &Cluster, known: &Known) -> Markup {
    #[derive(Default)]
    struct Group {
        workers: usize,
        normal: usize,
        waiting: usize,
        oldest: Option<i64>,
    }
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for member in cluster.members(MemberFilter::All).now() {
        let Some(name) = &member.group else { continue };
        let group = groups.entry(name.clone()).or_default();
        group.workers += 1;
        group.normal += usize::from(member.is_normal());
    }
    for record in known.records().filter(|record| matches!(record.state, State::Waiting | State::Lost)) {
        let group = groups.entry(record.spec.group.clone()).or_default();
        group.waiting += 1;
        group.oldest = group.oldest.into_iter().chain([record.queued]).min();
    }
    html! {
        h2 { "Groups" }
        @if groups.is_empty() { (none("No group has a worker or a task.")) } @else {
            div.wide { table {
                thead { tr { th { "Group" } th { "Normal workers" } th { "Waiting" } th { "Oldest" } th { "Why" } } }
                tbody { @for (name, group) in &groups { tr data-row=(name) {
                    td { (name) }
                    td { (group.normal) " of " (group.workers) }
                    td { (group.waiting) }
                    td { @if let Some(at) = group.oldest { (since(at)) } }
                    td { @if group.waiting > 0 && group.normal == 0 {
                        "group " (name) ": 0 of " (group.workers) " workers normal"
                    } }
                } } }
            } }
        }
    }
}

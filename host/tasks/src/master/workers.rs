//! Which workers can be given a task.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use registry_cluster::{Cluster, Incarnation, Member, MemberFilter, Role};
use tokio::time::Instant;

use super::board::Seen;
use crate::record::WorkerRef;

/// How many tasks a worker runs at once that doesn't say it.
const USUAL_THREADS: i32 = 100;

/// Workers that are given nothing for a while.
#[derive(Debug, Default)]
pub(super) struct Resting(HashMap<WorkerRef, Instant>);

impl Resting {
    /// Gives a worker nothing for so long.
    pub(super) fn rest(&mut self, worker: WorkerRef, pause: Duration) {
        let now = Instant::now();
        self.0.retain(|_, until| *until > now);
        self.0.insert(worker, now + pause);
    }

    pub(super) fn is_resting(&self, worker: &WorkerRef) -> bool {
        self.0.get(worker).is_some_and(|until| *until > Instant::now())
    }

    /// When the next of them may be given something again.
    pub(super) fn next(&self) -> Option<Instant> {
        let now = Instant::now();
        self.0.values().filter(|until| **until > now).min().copied()
    }
}

/// The incarnation of a worker that a member is; `None` if it is not a worker that runs tasks.
pub(super) fn worker_of(member: &Member) -> Option<WorkerRef> {
    // A server of DolphinScheduler speaks another language.
    let runs_tasks = member.role == Role::Worker && member.heartbeat.as_ref().is_ok_and(|beat| beat.keeps_record);
    let incarnation = member.incarnation().filter(|_| runs_tasks)?;
    Some(WorkerRef { address: member.address.clone(), incarnation })
}

/// The members of a group that can be given one task more, besides those that have just been chosen.
pub(super) fn with_room(
    cluster: &Cluster,
    group: &str,
    seen: &Seen,
    chosen: &HashMap<WorkerRef, usize>,
    resting: &Resting,
) -> Vec<Arc<Member>> {
    let mut members = cluster.workers(group).now();
    members.retain(|member| {
        let Some(worker) = worker_of(member).filter(|_| member.is_normal()) else { return false };
        let threads = member.heartbeat.as_ref().ok().and_then(|beat| beat.worker_exec_thread_count);
        let threads = usize::try_from(threads.unwrap_or(USUAL_THREADS)).unwrap_or_default();
        let held = seen.held_by(&worker) + chosen.get(&worker).copied().unwrap_or_default();
        member.group.as_deref() == Some(group) && held < threads && !resting.is_resting(&worker)
    });
    members
}

/// Whether an incarnation of a worker is registered.
pub(super) fn is_there(cluster: &Cluster, address: &str, incarnation: Incarnation) -> bool {
    let members = cluster.members(MemberFilter::All).now();
    members.iter().any(|member| {
        member.role == Role::Worker && member.address == address && member.incarnation() == Some(incarnation)
    })
}

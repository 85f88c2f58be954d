//! Why a task waits.

use std::collections::{BTreeMap, HashMap};

use registry_cluster::{Cluster, MemberFilter, Role};

use crate::record::{Record, State, WorkerRef};

/// What there is to be known of the servers, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Why {
    masters: usize,
    groups: BTreeMap<String, Group>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    workers: usize,
    normal: usize,
    /// How many tasks more its normal workers can run.
    room: usize,
}

impl Why {
    /// As the members are seen, and the tasks that they have.
    pub fn of<'a>(cluster: &Cluster, records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut held: HashMap<&WorkerRef, usize> = HashMap::new();
        for record in records.into_iter().filter(|record| record.state.is_held()) {
            if let Some(worker) = &record.worker {
                *held.entry(worker).or_default() += 1;
            }
        }
        let mut why = Why::default();
        for member in cluster.members(MemberFilter::All).now() {
            let Ok(beat) = member.heartbeat.as_ref() else { continue };
            if member.role == Role::Master {
                why.masters += usize::from(beat.keeps_record);
                continue;
            }
            let (Some(group), true) = (&member.group, beat.keeps_record) else { continue };
            let group = why.groups.entry(group.clone()).or_default();
            group.workers += 1;
            if member.is_normal() {
                group.normal += 1;
                let incarnation = member.incarnation().unwrap_or_default();
                let worker = WorkerRef { address: member.address.clone(), incarnation };
                let threads = beat.worker_exec_thread_count.and_then(|count| usize::try_from(count).ok());
                let held = held.get(&worker).copied().unwrap_or_default();
                group.room += threads.unwrap_or_default().saturating_sub(held);
            }
        }
        why
    }

    /// Why a task stands as it does; `None` if there is nothing to be said.
    pub fn it_waits(&self, record: &Record, now: i64) -> Option<String> {
        if !record.state.is_queued() {
            return record.why.clone().or_else(|| self.held(record));
        }
        let before = || record.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        if self.masters == 0 {
            return Some(format!("no master is running{}", before()));
        }
        let pause = record.not_before.map_or(0, |at| at.saturating_sub(now));
        if pause > 0 {
            return Some(format!("it is tried again in {} s{}", (pause + 999) / 1_000, before()));
        }
        let name = &record.spec.group;
        let group = self.groups.get(name).copied().unwrap_or_default();
        let of = format!("group {name}: {} of {} workers normal", group.normal, group.workers);
        match (group.normal, group.room) {
            (0, _) => Some(format!("{of}{}", before())),
            (_, 0) => Some(format!("{of}, and they run as many tasks as they may{}", before())),
            _ if record.why.is_some() => record.why.clone(),
            _ => Some("it is its turn next".to_owned()),
        }
    }

    fn held(&self, record: &Record) -> Option<String> {
        match record.state {
            State::Sent => Some("the worker has not accepted it yet".to_owned()),
            _ if record.cancel.is_some() && record.state.is_underway() => Some("it is being cancelled".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Spec, TaskId};

    #[test]
    fn what_is_missing_is_named() {
        let mut record = Record::submitted(TaskId::new("a").unwrap(), Spec::new(["true"]), 0);
        record.spec.group = "gpu".to_owned();
        let group = |workers, normal, room| Why {
            masters: 1,
            groups: [("gpu".to_owned(), Group { workers, normal, room })].into(),
        };
        let why = |why: &Why, record: &Record| why.it_waits(record, 0).unwrap();
        assert_eq!(why(&Why::default(), &record), "no master is running");
        assert_eq!(why(&Why { masters: 1, ..Why::default() }, &record), "group gpu: 0 of 0 workers normal");
        assert_eq!(why(&group(2, 0, 0), &record), "group gpu: 0 of 2 workers normal");
        assert!(why(&group(2, 1, 0), &record).ends_with("they run as many tasks as they may"));
        record.not_before = Some(2_500);
        record.why = Some("the command ended with 1".to_owned());
        assert_eq!(why(&group(2, 2, 2), &record), "it is tried again in 3 s (the command ended with 1)");
    }
}

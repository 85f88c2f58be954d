//! What is sent next: the highest priority first, then the oldest, and no group waits for another.

use std::collections::BTreeSet;

use registry_cluster::Slot;
use tokio::time::Instant;

use super::board::{QueuePosition, Seen, Task};

/// The queues of all groups, merged; groups that turn out to have no worker with room are left out.
pub(super) struct Next<'a> {
    seen: &'a Seen,
    slot: Slot,
    now: Instant,
    /// Each group's rest.
    heads: Vec<(&'a str, std::iter::Peekable<std::collections::btree_set::Iter<'a, QueuePosition>>)>,
}

impl<'a> Next<'a> {
    pub(super) fn new(seen: &'a Seen, slot: Slot) -> Self {
        let heads = seen.queues().iter();
        let heads =
            heads.map(|(group, queue): (&String, &BTreeSet<QueuePosition>)| (group.as_str(), queue.iter().peekable()));
        Next { seen, slot, now: Instant::now(), heads: heads.collect() }
    }

    /// The next task that is due, in this slot and free, with its group.
    pub(super) fn next(&mut self, is_free: impl Fn(&Task) -> bool) -> Option<(&'a str, &'a Task)> {
        let (seen, slot, now) = (self.seen, self.slot, self.now);
        let may = |place: &QueuePosition| {
            let task = seen.task(&place.id)?;
            let may = slot.covers(task.record().id.number()) && task.due <= now && is_free(task);
            may.then_some(task)
        };
        for (_, queue) in &mut self.heads {
            while queue.next_if(|place| may(place).is_none()).is_some() {}
        }
        let heads = self.heads.iter_mut();
        let first =
            heads.filter_map(|(group, queue)| Some((*queue.peek()?, *group, queue))).min_by_key(|head| head.0)?;
        let (place, group, queue) = first;
        queue.next();
        seen.task(&place.id).map(|task| (group, task))
    }

    /// Leaves the rest of a group out.
    pub(super) fn leave_out(&mut self, group: &str) {
        self.heads.retain(|(name, _)| *name != group);
    }
}

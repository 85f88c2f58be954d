//! For whom it is time to take over.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use super::Shared;
use crate::{Role, Which, record::Record};

/// How long the two watches, on members and on lives, may tell of the same Txn one after the other. Nothing but needless work
/// depends on it.
const SETTLES: Duration = Duration::from_millis(100);

/// Since when lives have been missed, by the keys of their records.
pub(super) type Missed = HashMap<String, Instant>;

/// For whom it is time, and when it is for the next.
pub(super) struct Due {
    pub(super) now: Vec<String>,
    pub(super) next: Option<Instant>,
}

impl<T> Shared<T> {
    /// Looks for lives that nobody lives any more.
    pub(super) fn due(&self, role: Role, missed: &mut Missed) -> Due {
        let members = self.cluster.members(which(role)).now();
        let alive: HashSet<_> =
            members.iter().map(|member| (&member.address, member.life().unwrap_or_default())).collect();
        let there: HashSet<_> = members.iter().map(|member| &member.address).collect();
        // Whether those are other processes is known when they have told who they are.
        let silent: HashSet<_> =
            members.iter().filter(|member| member.is_silent()).map(|member| &member.address).collect();
        let gone = |record: &Record| {
            !alive.contains(&(&record.address, record.life()))
                && !silent.contains(&record.address)
                && !self.is_own(record)
        };
        let records: Vec<_> = self.lives.of(role).into_iter().filter(|(_, record)| gone(record)).collect();
        let keys: HashSet<_> = records.iter().map(|(key, _)| key).collect();
        missed.retain(|key, _| keys.contains(key));
        let (grace, moment) = (self.cluster.options().failover_grace, Instant::now());
        let mut due = Due { now: Vec::new(), next: None };
        for (key, record) in records {
            // One that is another process by now, or that somebody has begun to take over for, can't come back.
            let replaced = record.replaced_by.is_some() || there.contains(&record.address);
            let over = replaced || record.taken_over.is_some();
            let since = *missed.entry(key.clone()).or_insert(moment);
            let at = since + SETTLES + if over { Duration::ZERO } else { grace };
            if at <= moment {
                due.now.push(key);
            } else {
                due.next = Some(due.next.map_or(at, |next| next.min(at)));
            }
        }
        due
    }

    fn is_own(&self, record: &Record) -> bool {
        record.role == self.server.role() && record.address == self.server.address() && record.life() == self.life
    }
}

pub(super) fn which(role: Role) -> Which {
    match role {
        Role::Master => Which::Masters,
        Role::Worker => Which::Workers,
    }
}

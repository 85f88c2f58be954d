//! Which incarnations are due for take-over.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use super::Shared;
use crate::{MemberFilter, Role, record::Record};

/// How long the two watches, on members and on records, may tell of the same Txn one after the other. Nothing but
/// needless work depends on it.
const SETTLES: Duration = Duration::from_millis(100);

/// How much longer than a server's longest silence it is waited for one whose entries went before its session did:
/// somebody has deleted them, and perhaps what tells of the session as well. It puts both again if it lives.
const PUT_AGAIN: Duration = Duration::from_secs(2);

/// The incarnations that are missed, by the keys of their records.
pub(super) type Missed = HashMap<String, Since>;

/// Since when an incarnation has been missed.
pub(super) struct Since {
    entries: Instant,
    /// Its session; `None` while that lives.
    session: Option<Instant>,
}

/// How long the two watches may tell of the end of one session one after the other, before its entries count as
/// deleted.
const APART: Duration = Duration::from_secs(1);

impl Since {
    /// Whether its entries have gone by themselves.
    fn was_deleted(&self) -> bool {
        self.session.is_some_and(|session| session.saturating_duration_since(self.entries) > APART)
    }
}

/// The incarnations that are due, and when the next one is.
pub(super) struct Due {
    pub(super) now: Vec<String>,
    pub(super) next: Option<Instant>,
}

impl<T> Shared<T> {
    /// Looks for incarnations whose sessions have ended.
    pub(super) fn due(&self, role: Role, missed: &mut Missed) -> Due {
        let members = self.cluster.members(which(role)).now();
        let alive: HashSet<_> =
            members.iter().map(|member| (&member.address, member.incarnation().unwrap_or_default())).collect();
        let there: HashSet<_> = members.iter().map(|member| &member.address).collect();
        // Whether those are other processes is known when they have told who they are.
        let silent: HashSet<_> =
            members.iter().filter(|member| member.is_silent()).map(|member| &member.address).collect();
        let gone = |record: &Record| {
            !alive.contains(&(&record.address, record.incarnation()))
                && !silent.contains(&record.address)
                && !self.is_own(record)
        };
        let records: Vec<_> = self.lives.of(role).into_iter().filter(|(_, record)| gone(record)).collect();
        let keys: HashSet<_> = records.iter().map(|(key, _)| key).collect();
        missed.retain(|key, _| keys.contains(key));
        let options = self.cluster.options().of_role(role);
        let (grace, longest_silence, moment) = (options.failover_grace, options.max_heartbeat_interval, Instant::now());
        let mut due = Due { now: Vec::new(), next: None };
        for (key, record) in records {
            // One that is another process by now, or that somebody has begun to take over for, can't come back.
            let replaced = record.replaced_by.is_some() || there.contains(&record.address);
            let over = replaced || record.taken_over.is_some();
            if !over && self.lives.is_in_session(&record) {
                // Somebody has deleted its entries: it stops, or registers again.
                missed.entry(key).or_insert(Since { entries: moment, session: None }).session = None;
                continue;
            }
            let since = missed.entry(key.clone()).or_insert(Since { entries: moment, session: None });
            let gone = *since.session.get_or_insert(moment);
            let longer = if since.was_deleted() { longest_silence + PUT_AGAIN } else { Duration::ZERO };
            let at = gone + SETTLES + if over { Duration::ZERO } else { grace.max(longer) };
            if at <= moment {
                due.now.push(key);
            } else {
                due.next = Some(due.next.map_or(at, |next| next.min(at)));
            }
        }
        due
    }

    fn is_own(&self, record: &Record) -> bool {
        record.role == self.server.role()
            && record.address == self.server.address()
            && record.incarnation() == self.incarnation
    }
}

pub(super) fn which(role: Role) -> MemberFilter {
    match role {
        Role::Master => MemberFilter::Masters,
        Role::Worker => MemberFilter::Workers,
    }
}

//! The members that are known, and who wants to hear of them.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use registry_host::{Entry, Mirror};
use tokio::sync::watch;

use super::changes::{Changes, Pending};
use crate::{Member, Role, compat::dolphinscheduler::layout::NODES, counts};

/// What the keys of workers begin with.
const WORKERS: &str = "/nodes/worker/";

/// Which members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberFilter {
    /// All of them.
    All,
    /// The masters.
    Masters,
    /// The workers of all groups.
    Workers,
    /// The workers of a group, as [`Cluster::workers`](crate::Cluster::workers) has them.
    Group(String),
}

/// The members that one watch has reported.
#[derive(Debug)]
pub(crate) struct Board {
    state: Mutex<State>,
    /// Grows whenever somebody has come or gone; not with every beat.
    moved: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// By the keys of their entries.
    members: BTreeMap<String, Arc<Member>>,
    /// How many of them are of masters, and of workers.
    entries: [usize; 2],
    readers: Vec<Weak<Pending>>,
    ended: bool,
}

impl MemberFilter {
    fn covers(&self, member: &Member) -> bool {
        match self {
            MemberFilter::All => true,
            MemberFilter::Masters => member.role == Role::Master,
            MemberFilter::Workers => member.role == Role::Worker,
            MemberFilter::Group(group) => member.is_in(group),
        }
    }

    /// What the keys of these members begin with; not all whose keys do are among them.
    fn prefixes(&self) -> Vec<String> {
        match self {
            MemberFilter::All => vec![format!("{NODES}/")],
            MemberFilter::Masters => vec![format!("{NODES}/master/")],
            MemberFilter::Workers => vec![WORKERS.to_owned()],
            MemberFilter::Group(group) => {
                let mut groups = vec![group.clone(), group.to_lowercase()];
                groups.dedup();
                groups.into_iter().map(|group| format!("{WORKERS}{group}/")).collect()
            }
        }
    }
}

impl Board {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Board { state: Mutex::default(), moved: watch::Sender::new(0) })
    }

    /// Told whenever somebody has come or gone, or is another process than before.
    pub(crate) fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Whether it will not change any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// The member of a key.
    pub(crate) fn member(&self, key: &str) -> Option<Arc<Member>> {
        self.lock().members.get(key).cloned()
    }

    pub(crate) fn members(&self, which: &MemberFilter) -> Vec<Arc<Member>> {
        self.lock().of(which).map(|(_, member)| Arc::clone(member)).collect()
    }

    /// The groups that workers are in, sorted.
    pub(crate) fn groups(&self) -> Vec<String> {
        let state = self.lock();
        let mut groups = Vec::new();
        let mut from = Bound::Included(WORKERS.to_owned());
        // From group to group, however many are in each.
        while let Some((key, member)) = state.members.range((from, Bound::Unbounded)).next() {
            if !key.starts_with(WORKERS) {
                break;
            }
            from = match &member.group {
                // '0' follows '/'.
                Some(group) => Bound::Included(format!("{WORKERS}{group}0")),
                None => Bound::Excluded(key.clone()),
            };
            groups.extend(member.group.clone());
        }
        // A group's keys begin with its name and '/', which sorts among other letters.
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Those who are there, then every change.
    pub(crate) fn subscribe(&self, which: MemberFilter) -> Changes {
        let mut state = self.lock();
        let pending = Pending::new(which);
        for (key, member) in state.of(&pending.which) {
            pending.change(key, None, Some(member));
        }
        if state.ended {
            pending.end();
        }
        state.readers.retain(|reader| reader.strong_count() > 0);
        state.readers.push(Arc::downgrade(&pending));
        Changes::new(pending)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mirror for Board {
    fn put(&self, entry: &Entry) {
        let key = entry.key.as_str();
        // What is not a member's any more, say because it was put as persistent, says nothing.
        let Some(member) = Member::of(entry) else { return self.remove(key) };
        let member = Arc::new(member);
        let mut state = self.lock();
        let before = state.members.insert(key.to_owned(), Arc::clone(&member));
        if before.is_none() {
            state.count(member.role, |entries| entries + 1);
        }
        state.tell(key, before.as_ref(), Some(&member));
        drop(state);
        if before.is_none_or(|before| before.incarnation() != member.incarnation()) {
            self.moved.send_modify(|number| *number += 1);
        }
    }

    fn remove(&self, key: &str) {
        let mut state = self.lock();
        let Some(before) = state.members.remove(key) else { return };
        state.count(before.role, |entries| entries.saturating_sub(1));
        state.tell(key, Some(&before), None);
        drop(state);
        self.moved.send_modify(|number| *number += 1);
    }

    fn keys(&self) -> Vec<String> {
        self.lock().members.keys().cloned().collect()
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.readers.iter().filter_map(Weak::upgrade).for_each(|reader| reader.end());
        drop(state);
        self.moved.send_modify(|number| *number += 1);
    }
}

impl State {
    fn count(&mut self, role: Role, change: impl FnOnce(usize) -> usize) {
        let entries = &mut self.entries[usize::from(role == Role::Worker)];
        *entries = change(*entries);
        counts::members(role, *entries);
    }

    fn of<'a>(&'a self, which: &'a MemberFilter) -> impl Iterator<Item = (&'a String, &'a Arc<Member>)> + 'a {
        let below =
            |prefix: String| self.members.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix));
        which.prefixes().into_iter().flat_map(below).filter(|(_, member)| which.covers(member))
    }

    fn tell(&mut self, key: &str, before: Option<&Arc<Member>>, now: Option<&Arc<Member>>) {
        let mut gone = false;
        for reader in &self.readers {
            let Some(reader) = reader.upgrade() else {
                gone = true;
                continue;
            };
            // One that is upgraded in its place may belong to another group than before.
            let among = |member: &&Arc<Member>| reader.which.covers(member);
            reader.change(key, before.filter(among), now.filter(among));
        }
        if gone {
            self.readers.retain(|reader| reader.strong_count() > 0);
        }
    }
}

//! What all laws have to know of a run.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    calls::{Answered, Call},
    servers::{Disturbances, client},
};
use crate::history::{Action, Answer, Change, Event, Leaf, Nanos, Record, State, Who};

/// A second, in the history's unit.
pub(crate) const SECOND: Nanos = 1_000_000_000;
/// A millisecond.
pub(crate) const MILLI: Nanos = 1_000_000;

/// The history, and what is in it.
pub(crate) struct Facts<'h> {
    /// All lines in the order of time.
    pub(crate) records: Vec<&'h Record>,
    /// All calls in the order in which they began.
    pub(crate) calls: Vec<Call<'h>>,
    pub(crate) backend: &'h str,
    pub(crate) members: u64,
    pub(crate) disturbances: Disturbances,
    numbers: HashMap<(Who, u64), usize>,
    closes: HashMap<Who, Nanos>,
    cuts: Vec<Cut>,
    /// By client, when its process stood still; the last one may have no end.
    pauses: HashMap<Who, Vec<Pause>>,
    /// Each client's lives.
    pub(crate) lives: BTreeMap<Who, Life<'h>>,
    /// Leases that entries went over to, and the sessions that had them before.
    moved: HashMap<u64, u64>,
    sessions: HashSet<u64>,
}

/// A time in which clients were cut off.
struct Cut {
    client: u32,
    made: Nanos,
    undoing: Nanos,
}

/// How long a call may have been under way that is looked at for what held it up.
const LONGEST: Nanos = 20 * SECOND;

/// A time in which a process stood still: it did at the latest from `stopped` and at least to `continues`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    /// It was about to be stopped.
    pub(crate) from: Nanos,
    /// It had been stopped.
    pub(crate) stopped: Nanos,
    /// It was about to be let go on.
    pub(crate) continues: Nanos,
    /// It had been let go on.
    pub(crate) until: Nanos,
}

/// One life of a client: a process, with one session after another.
#[derive(Default)]
pub(crate) struct Life<'h> {
    /// Its sessions, one after another.
    pub(crate) sessions: Vec<Session<'h>>,
    /// Every state that was told.
    pub(crate) states: Vec<(&'h Record, State, u64)>,
    /// The process was about to be killed.
    pub(crate) killed: Option<&'h Record>,
    /// The process had been killed, at the latest.
    pub(crate) dead: Option<Nanos>,
    /// It closes its registry, or has.
    pub(crate) closing: Option<&'h Record>,
    /// The last line that it wrote.
    pub(crate) last: Nanos,
}

/// A session as its client saw it.
#[derive(Clone)]
pub(crate) struct Session<'h> {
    pub(crate) id: u64,
    /// The line that told of it first.
    pub(crate) opened: &'h Record,
    pub(crate) timeout: Nanos,
    /// The line that told that it is lost.
    pub(crate) lost: Option<&'h Record>,
}

impl<'h> Facts<'h> {
    pub(crate) fn of(history: &'h [Record]) -> Self {
        let mut records: Vec<&Record> = history.iter().collect();
        records.sort_by_key(|record| record.at);
        let (mut backend, mut members) = ("", 1);
        for record in &records {
            if let Event::Run { backend: named, members: count, .. } = &record.event {
                (backend, members) = (named, *count as u64);
            }
        }
        let end = records.last().map_or(0, |record| record.at);
        let (calls, numbers) = calls(&records);
        let sessions = sessions(&records);
        let closed = |call: &Call<'h>| {
            let done = matches!((call.action, call.answer()), (Action::Close, Some(Answer::Done)));
            done.then(|| (call.who, call.ended()))
        };
        Facts {
            closes: calls.iter().filter_map(closed).collect(),
            calls,
            numbers,
            cuts: cuts(&records),
            backend,
            members,
            disturbances: Disturbances::of(&records, end),
            pauses: pauses(&records),
            moved: moved(&records, &sessions),
            sessions,
            lives: lives(&records),
            records,
        }
    }

    /// The session that an entry shown as that one's is owned by: on etcd others see its lease, and a session may have
    /// several.
    pub(crate) fn owner(&self, shown: u64) -> u64 {
        self.moved.get(&shown).copied().unwrap_or(shown)
    }

    /// Whether any client has said that it had that session.
    pub(crate) fn is_session(&self, id: u64) -> bool {
        self.sessions.contains(&id)
    }

    /// Whether reads see what anybody has written before.
    pub(crate) fn reads_are_linearizable(&self) -> bool {
        self.backend != "zookeeper"
    }

    /// A call by its number.
    pub(crate) fn call(&self, who: Who, number: u64) -> Option<&Call<'h>> {
        self.numbers.get(&(who, number)).map(|at| &self.calls[*at])
    }

    /// When a client's close had succeeded.
    pub(crate) fn closed(&self, who: Who) -> Option<Nanos> {
        self.closes.get(&who).copied()
    }

    /// When that client was cut off from all members: from when at the latest, and until when at least.
    pub(crate) fn cuts(&self, who: Who) -> Vec<(Nanos, Nanos)> {
        let named = self.cuts.iter().filter(|cut| matches!(who, Who::Client(number, _) if number == cut.client));
        named.map(|cut| (cut.made, cut.undoing)).collect()
    }

    /// How late a timer of that client may have been that was due then: no later than all timers during any call that
    /// was under way.
    pub(crate) fn stalled(&self, who: Who, due: Nanos) -> Nanos {
        let first = self.calls.partition_point(|call| call.began() < due.saturating_sub(LONGEST));
        let begun = self.calls[first..].iter().take_while(|call| call.began() <= due);
        let under_way = begun.filter(|call| call.who == who && call.ended() >= due);
        under_way.filter_map(|call| Some(call.answered.as_ref()?.stalled)).min().unwrap_or(0)
    }

    /// When that process stood still.
    pub(crate) fn pauses(&self, who: Who) -> &[Pause] {
        self.pauses.get(&who).map_or(&[], Vec::as_slice)
    }

    /// For how long of a span that process may have stood still.
    pub(crate) fn paused(&self, who: Who, from: Nanos, to: Nanos) -> Nanos {
        let within = |pause: &Pause| pause.until.min(to).saturating_sub(pause.from.max(from));
        self.pauses(who).iter().map(within).sum()
    }

    /// Whether that process may have stood still at some time of a span.
    pub(crate) fn stood_still(&self, who: Who, from: Nanos, to: Nanos) -> bool {
        self.pauses(who).iter().any(|pause| pause.from <= to && pause.until >= from)
    }

    /// The tree as it was read last, with its line.
    pub(crate) fn tree(&self) -> Option<(&'h Record, &'h [Leaf])> {
        self.tree_of(|_| true)
    }

    /// The tree as it was read last by a client, when its session still lived.
    pub(crate) fn tree_of_clients(&self) -> Option<(&'h Record, &'h [Leaf])> {
        self.tree_of(|who| who != Who::Chaos)
    }

    /// The tree as it was read last by one of those.
    pub(crate) fn tree_of(&self, of: impl Fn(Who) -> bool) -> Option<(&'h Record, &'h [Leaf])> {
        self.records.iter().rev().find_map(|record| match &record.event {
            Event::Tree { tree } if of(record.who) => Some((*record, tree.as_slice())),
            _ => None,
        })
    }
}

fn calls<'h>(records: &[&'h Record]) -> (Vec<Call<'h>>, HashMap<(Who, u64), usize>) {
    let mut calls: Vec<Call<'h>> = Vec::new();
    let mut open = HashMap::new();
    for &record in records {
        match &record.event {
            Event::Called { call, action, deadline_ms } => {
                open.insert((record.who, *call), calls.len());
                let deadline = deadline_ms.map(|deadline| deadline * MILLI);
                calls.push(Call { who: record.who, action, called: record, deadline, answered: None, dropped: None });
            }
            Event::Answered { call, answer, stalled_ms } => {
                if let Some(at) = open.get(&(record.who, *call)) {
                    calls[*at].answered = Some(Answered { record, answer, stalled: stalled_ms * MILLI });
                }
            }
            Event::Dropped { call } => {
                if let Some(at) = open.get(&(record.who, *call)) {
                    calls[*at].dropped = Some(record);
                }
            }
            _ => {}
        }
    }
    (calls, open)
}

/// The kinds of faults that let no answer through to a client.
const CUTS: [&str; 3] = ["cut", "cut-and-compact", "silent"];

fn cuts(records: &[&Record]) -> Vec<Cut> {
    let mut faults: HashMap<u32, Cut> = HashMap::new();
    for record in records {
        match &record.event {
            Event::Fault { fault, kind, whom } if CUTS.contains(&kind.as_str()) => {
                let cut = |client| Cut { client, made: Nanos::MAX, undoing: Nanos::MAX };
                faults.extend(client(whom).map(|client| (*fault, cut(client))));
            }
            Event::Made { fault } => faults.get_mut(fault).into_iter().for_each(|cut| cut.made = record.at),
            Event::Undoing { fault } => faults.get_mut(fault).into_iter().for_each(|cut| cut.undoing = record.at),
            _ => {}
        }
    }
    faults.into_values().collect()
}

fn pauses(records: &[&Record]) -> HashMap<Who, Vec<Pause>> {
    let mut pauses: HashMap<Who, Vec<Pause>> = HashMap::new();
    for record in records {
        let Event::Process { client, life, change, done } = record.event else { continue };
        let of = pauses.entry(Who::Client(client, life)).or_default();
        match (change, done) {
            (Change::Stop, false) => {
                of.push(Pause { from: record.at, stopped: Nanos::MAX, continues: Nanos::MAX, until: Nanos::MAX });
            }
            (Change::Stop, true) => of.last_mut().into_iter().for_each(|pause| pause.stopped = record.at),
            (Change::Continue, false) => of.last_mut().into_iter().for_each(|pause| pause.continues = record.at),
            (Change::Continue, true) => of.last_mut().into_iter().for_each(|pause| pause.until = record.at),
            (Change::Start | Change::Kill, _) => {}
        }
    }
    pauses
}

/// The sessions that clients have told of.
fn sessions(records: &[&Record]) -> HashSet<u64> {
    let told = records.iter().filter_map(|record| match record.event {
        Event::Opened { session, .. } | Event::Session { session, .. } => Some(session),
        _ => None,
    });
    told.collect()
}

/// Leases that are no client's session, and the sessions whose entries went over to them.
fn moved(records: &[&Record], sessions: &HashSet<u64>) -> HashMap<u64, u64> {
    let mut moved = HashMap::new();
    for record in records {
        if let Event::Moved { from, to } = record.event
            && !sessions.contains(&to)
        {
            let owner = moved.get(&from).copied().unwrap_or(from);
            moved.entry(to).or_insert(owner);
        }
    }
    moved
}

fn lives<'h>(records: &[&'h Record]) -> BTreeMap<Who, Life<'h>> {
    let mut lives: BTreeMap<Who, Life<'h>> = BTreeMap::new();
    for &record in records {
        if let Event::Process { client, life, change: Change::Kill, done } = record.event {
            let life = lives.entry(Who::Client(client, life)).or_default();
            if done {
                life.dead = Some(record.at);
            } else {
                life.killed = Some(record);
            }
        }
        if record.who == Who::Chaos {
            continue;
        }
        let life = lives.entry(record.who).or_default();
        life.last = record.at;
        match &record.event {
            Event::Opened { session, timeout_ms } => {
                life.sessions.push(Session { id: *session, opened: record, timeout: timeout_ms * MILLI, lost: None });
            }
            Event::Session { state, session } => life.tell(record, *state, *session),
            Event::Called { action: Action::Close, .. } | Event::Ended { .. } => {
                life.closing.get_or_insert(record);
            }
            _ => {}
        }
    }
    lives
}

impl<'h> Life<'h> {
    fn tell(&mut self, record: &'h Record, state: State, id: u64) {
        self.states.push((record, state, id));
        match state {
            State::Connected => match self.sessions.last() {
                Some(last) if last.id == id => {}
                last => {
                    let timeout = last.map_or(0, |last| last.timeout);
                    self.sessions.push(Session { id, opened: record, timeout, lost: None });
                }
            },
            State::Lost => {
                self.sessions.last_mut().into_iter().for_each(|session| {
                    session.lost.get_or_insert(record);
                });
            }
            State::Closed => {
                self.closing.get_or_insert(record);
            }
            State::Suspended => {}
        }
    }

    /// When the client began to end by itself or was about to be killed; never, if it did neither.
    pub(crate) fn over(&self) -> Nanos {
        let over = [self.killed, self.closing].into_iter().flatten().map(|record| record.at);
        over.chain(self.dead).min().unwrap_or(Nanos::MAX)
    }

    /// The session that it had at that time.
    pub(crate) fn session_at(&self, at: Nanos) -> Option<&Session<'h>> {
        self.sessions.iter().rev().find(|session| session.opened.at <= at)
    }
}

//! Histories in few words: times are in milliseconds, and a call takes ten.

use crate::{
    history::{Action, Answer, Change, Event, Leaf, Nanos, Record, Scope, State, Who},
    judge::{Finding, judge},
};

pub(super) const C1: Who = Who::Client(1, 0);
pub(super) const C2: Who = Who::Client(2, 0);

/// How long sessions live without contact.
pub(super) const TIMEOUT: u64 = 4_000;

pub(super) struct Story {
    records: Vec<Record>,
    calls: u64,
    faults: u32,
}

impl Story {
    /// A run on that backend in which both clients have their first sessions, 1 and 2, at half a second.
    pub(super) fn new(backend: &str) -> Self {
        let run = Event::Run {
            backend: backend.to_owned(),
            seed: 1,
            members: 3,
            clients: 2,
            seconds: 60,
            faults: Vec::new(),
            timeout_ms: TIMEOUT,
        };
        let opened = |session| Event::Opened { session, timeout_ms: TIMEOUT };
        let story = Story { records: Vec::new(), calls: 0, faults: 0 };
        story.line(0, Who::Chaos, run).line(500, C1, opened(1)).line(500, C2, opened(2))
    }

    pub(super) fn line(mut self, ms: u64, who: Who, event: Event) -> Self {
        self.records.push(Record { at: nanos(ms), who, event });
        self
    }

    pub(super) fn call(self, who: Who, from: u64, to: u64, action: Action, answer: Answer) -> Self {
        let call = self.calls;
        self.begun(who, from, action).line(to, who, Event::Answered { call, answer, stalled_ms: 0 })
    }

    /// A call that is never answered.
    pub(super) fn begun(mut self, who: Who, from: u64, action: Action) -> Self {
        self.calls += 1;
        let call = self.calls - 1;
        self.line(from, who, Event::Called { call, action, deadline_ms: Some(2_000) })
    }

    pub(super) fn put(self, who: Who, at: u64, key: &str, value: &str, version: u64) -> Self {
        self.call(who, at, at + 10, put(key, value), Answer::Written { version })
    }

    pub(super) fn ephemeral(self, who: Who, at: u64, key: &str, value: &str, version: u64) -> Self {
        self.call(who, at, at + 10, ephemeral(key, value), Answer::Written { version })
    }

    pub(super) fn get(self, who: Who, at: u64, key: &str, found: Option<(&str, u64)>) -> Self {
        let entry = found.map(|(value, version)| leaf(key, value, version, None));
        self.call(who, at, at + 10, Action::Get { key: key.to_owned() }, Answer::Entry { entry })
    }

    pub(super) fn list(self, who: Who, at: u64, key: &str, entries: &[Leaf]) -> Self {
        let answer = Answer::Entries { entries: entries.to_vec() };
        self.call(who, at, at + 10, Action::List { key: key.to_owned() }, answer)
    }

    pub(super) fn delete(self, who: Who, at: u64, key: &str) -> Self {
        self.call(who, at, at + 10, Action::Delete { key: key.to_owned() }, Answer::Done)
    }

    pub(super) fn held(self, who: Who, from: u64, to: u64, token: u64) -> Self {
        let (call, action) = (self.calls, Action::Lock { lock: "/lock".to_owned() });
        let called = Event::Called { call, action, deadline_ms: None };
        let answered = Event::Answered { call, answer: Answer::Held { token }, stalled_ms: 0 };
        Story { calls: call + 1, ..self }.line(from, who, called).line(to, who, answered)
    }

    pub(super) fn release(self, who: Who, at: u64, token: u64) -> Self {
        self.call(who, at, at + 10, Action::Release { lock: "/lock".to_owned(), token }, Answer::Done)
    }

    pub(super) fn lost(self, who: Who, at: u64, token: u64) -> Self {
        self.line(at, who, Event::Lost { lock: "/lock".to_owned(), token })
    }

    pub(super) fn fenced(self, who: Who, at: u64, token: u64, version: u64) -> Self {
        let action =
            Action::Fenced { lock: "/lock".to_owned(), token, key: "/fenced".to_owned(), value: format!("{version}!") };
        self.call(who, at, at + 10, action, Answer::Written { version })
    }

    pub(super) fn watch(self, who: Who, at: u64, key: &str, scope: Scope) -> Self {
        self.call(who, at, at + 10, Action::Watch { watch: 0, key: key.to_owned(), scope }, Answer::Done)
    }

    pub(super) fn told(self, who: Who, at: u64, key: &str, version: Option<u64>, new: bool) -> Self {
        self.line(at, who, Event::Told { watch: 0, key: key.to_owned(), version, new })
    }

    pub(super) fn state(self, who: Who, at: u64, state: State, session: u64) -> Self {
        self.line(at, who, Event::Session { state, session })
    }

    /// A client's process is stopped, goes on, or is killed, which takes ten milliseconds.
    pub(super) fn process(self, who: Who, at: u64, change: Change) -> Self {
        let Who::Client(client, life) = who else { panic!("{who:?} is not a client") };
        let event = |done| Event::Process { client, life, change, done };
        self.line(at, Who::Chaos, event(false)).line(at + 10, Who::Chaos, event(true))
    }

    pub(super) fn fault(mut self, kind: &str, whom: &[&str], from: u64, to: u64) -> Self {
        self.faults += 1;
        let fault = self.faults;
        let whom = whom.iter().map(|name| (*name).to_owned()).collect();
        self.line(from, Who::Chaos, Event::Fault { fault, kind: kind.to_owned(), whom })
            .line(from, Who::Chaos, Event::Made { fault })
            .line(to, Who::Chaos, Event::Undoing { fault })
            .line(to, Who::Chaos, Event::Undone { fault })
    }

    pub(super) fn gone(self, at: u64, key: &str, session: u64) -> Self {
        self.line(at, Who::Chaos, Event::Gone { key: key.to_owned(), session })
    }

    pub(super) fn tree(self, at: u64, tree: &[Leaf]) -> Self {
        self.line(at, C1, Event::Tree { tree: tree.to_vec() })
    }

    /// A client has something to say until then.
    pub(super) fn lives_until(self, who: Who, at: u64) -> Self {
        self.line(at, who, Event::Synced { watch: 9 })
    }

    pub(super) fn backwards(mut self) -> Self {
        self.records.reverse();
        self
    }

    pub(super) fn found(&self) -> Vec<Finding> {
        judge(&self.records)
    }

    pub(super) fn keeps_everything(&self) {
        assert_eq!(self.found(), []);
    }

    /// Exactly one thing is found, of that clause and with these words.
    pub(super) fn breaks(&self, clause: &str, words: &str) {
        let found = self.found();
        let all: Vec<_> = found.iter().map(|finding| (finding.clause.as_str(), finding.what.as_str())).collect();
        assert!(matches!(all[..], [(of, what)] if of == clause && what.contains(words)), "{all:?}");
    }
}

pub(super) fn nanos(ms: u64) -> Nanos {
    ms * 1_000_000
}

pub(super) fn put(key: &str, value: &str) -> Action {
    Action::Put { key: key.to_owned(), value: value.to_owned(), ephemeral: false }
}

pub(super) fn ephemeral(key: &str, value: &str) -> Action {
    Action::Put { key: key.to_owned(), value: value.to_owned(), ephemeral: true }
}

pub(super) fn put_if(key: &str, value: &str, version: Option<u64>) -> Action {
    Action::PutIf { key: key.to_owned(), value: value.to_owned(), version }
}

pub(super) fn leaf(key: &str, value: &str, version: u64, owner: Option<u64>) -> Leaf {
    Leaf { key: key.to_owned(), value: value.to_owned(), version, owner }
}

pub(super) fn failed(outcome: &str) -> Answer {
    Answer::Failed { kind: "unavailable".to_owned(), outcome: outcome.to_owned(), message: String::new() }
}

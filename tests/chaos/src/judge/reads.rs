//! A read is never older than what was written before it (2.1): by anybody where reads are linearizable, by the same
//! client everywhere.

use std::collections::{BTreeMap, HashMap};

use super::{
    Finding,
    calls::{Call, Outcome},
    facts::Facts,
    watches::within,
};
use crate::history::{Action, Answer, Leaf, Nanos, Who};

/// What was known of a key before a call began: its newest version, and the call that told it.
type Known = (u64, usize);

/// By which reader (everybody, where reads are linearizable) and what is known.
type Newest<'h> = BTreeMap<(Option<Who>, &'h str), Known>;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut moments: Vec<(Nanos, bool, usize)> = Vec::new();
    for (number, call) in facts.calls.iter().enumerate() {
        moments.push((call.began(), false, number));
        if call.answered.is_some() {
            moments.push((call.ended(), true, number));
        }
    }
    moments.sort_unstable();
    let deletes = Deletes::of(facts);
    let mut newest = Newest::new();
    let mut before: HashMap<usize, Vec<(&str, Known)>> = HashMap::new();
    let mut findings = Vec::new();
    for (_, ends, number) in moments {
        let call = &facts.calls[number];
        let who = (!facts.reads_are_linearizable()).then_some(call.who);
        if ends {
            let expected = before.remove(&number).unwrap_or_default();
            findings.extend(expected.into_iter().filter_map(|(key, known)| older(facts, call, key, known, &deletes)));
            learn(&mut newest, who, call, number);
        } else {
            let expected = expected(&newest, who, call.action);
            if !expected.is_empty() {
                before.insert(number, expected);
            }
        }
    }
    findings
}

/// What a read that begins now has to see.
fn expected<'h>(newest: &Newest<'h>, who: Option<Who>, action: &'h Action) -> Vec<(&'h str, Known)> {
    match action {
        Action::Get { key } => {
            newest.get(&(who, key.as_str())).map(|known| (key.as_str(), *known)).into_iter().collect()
        }
        Action::List { key } => {
            let from = newest.range((who, key.as_str())..);
            let below = from.take_while(|((of, other), _)| *of == who && other.starts_with(key.as_str()));
            below.filter(|((_, other), _)| within(key, other)).map(|((_, key), known)| (*key, *known)).collect()
        }
        _ => Vec::new(),
    }
}

/// What is known once a call has ended.
fn learn<'h>(newest: &mut Newest<'h>, who: Option<Who>, call: &Call<'h>, number: usize) {
    let mut see = |key: &'h str, version: u64| {
        let known = newest.entry((who, key)).or_insert((version, number));
        if known.0 < version {
            *known = (version, number);
        }
    };
    match call.answer() {
        Some(Answer::Written { version }) => call.put().into_iter().for_each(|put| see(put.key, *version)),
        Some(Answer::Entry { entry: Some(leaf) }) => see(&leaf.key, leaf.version),
        Some(Answer::Entries { entries }) => entries.iter().for_each(|leaf| see(&leaf.key, leaf.version)),
        _ => {}
    }
}

fn older(
    facts: &Facts<'_>,
    call: &Call<'_>,
    key: &str,
    (version, by): Known,
    deletes: &Deletes<'_>,
) -> Option<Finding> {
    let found: Option<&Leaf> = match call.answer()? {
        Answer::Entry { entry } => entry.as_ref(),
        Answer::Entries { entries } => entries.iter().find(|leaf| leaf.key == key),
        _ => return None,
    };
    let earlier = &facts.calls[by];
    let what = match found {
        Some(leaf) if leaf.version >= version => return None,
        Some(leaf) => format!("{key} was read at version {}, after version {version} was known", leaf.version),
        None if deletes.may_have_gone(key, earlier.began(), call.ended()) => return None,
        None => format!("{key} was not found, after version {version} was known and nobody had deleted it"),
    };
    Some(Finding::new("2.1", what, earlier.records().chain(call.records())))
}

/// When keys may have gone.
struct Deletes<'h> {
    /// Of each key, when deletes began, and until when that one or one before may have been applied; in order.
    of: HashMap<&'h str, Vec<(Nanos, Nanos)>>,
    /// Keys that go with a session.
    ephemeral: HashMap<&'h str, ()>,
}

impl<'h> Deletes<'h> {
    fn of(facts: &Facts<'h>) -> Self {
        let mut deletes = Deletes { of: HashMap::new(), ephemeral: HashMap::new() };
        for call in &facts.calls {
            if let Action::Delete { key } = call.action
                && call.outcome() != Outcome::NotApplied
            {
                let of = deletes.of.entry(key).or_default();
                let until = of.last().map_or(0, |(_, until)| *until).max(call.until());
                of.push((call.began(), until));
            } else if let Some(put) = call.put()
                && put.ephemeral
            {
                deletes.ephemeral.insert(put.key, ());
            }
        }
        deletes
    }

    /// Whether a delete may have been applied in that time.
    fn may_have_gone(&self, key: &str, from: Nanos, to: Nanos) -> bool {
        let of = self.of.get(key).map_or(&[][..], Vec::as_slice);
        let begun = of.partition_point(|(began, _)| *began <= to);
        // What was read of one that nobody here wrote, such as a queue entry, may go at any time.
        self.ephemeral.contains_key(key) || begun > 0 && of[begun - 1].1 >= from
    }
}

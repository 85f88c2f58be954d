//! What is read was written: never by a write that was said not to have been applied (3.6), and with the version that
//! its writer was told (3.1).

use std::collections::HashMap;

use super::{
    Finding,
    calls::{Call, Outcome, Put},
    facts::Facts,
};
use crate::history::{Answer, Event, Leaf, Record};

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut writes: HashMap<(&str, &str), (&Call<'_>, bool)> = HashMap::new();
    let mut written: HashMap<&str, ()> = HashMap::new();
    for call in &facts.calls {
        if let Some(Put { key, value, ephemeral }) = call.put() {
            writes.insert((key, value), (call, ephemeral));
            written.insert(key, ());
        }
    }
    let mut findings = Vec::new();
    for &record in &facts.records {
        for leaf in seen(record) {
            match writes.get(&(leaf.key.as_str(), leaf.value.as_str())) {
                // Ancestors that a put makes have no value.
                None if leaf.value.is_empty() || !written.contains_key(leaf.key.as_str()) => {}
                None => {
                    let what = format!("{} has the value {:?}, which nobody wrote", leaf.key, leaf.value);
                    findings.push(Finding::new("1.2", what, short(record)));
                }
                Some((call, _)) if call.outcome() == Outcome::NotApplied => {
                    let what =
                        format!("{} has the value {:?}, the write of which was not applied", leaf.key, leaf.value);
                    findings.push(seen_at(Finding::new("3.6", what, call.records().chain(short(record))), record));
                }
                // An ephemeral entry may have been recreated.
                Some((call, false)) if call.version().is_some_and(|version| version != leaf.version) => {
                    let what = format!("{} was written as another version than {}", leaf.key, leaf.version);
                    findings.push(seen_at(Finding::new("3.1", what, call.records().chain(short(record))), record));
                }
                Some(_) => {}
            }
        }
    }
    findings
}

pub(super) fn seen(record: &Record) -> &[Leaf] {
    match &record.event {
        Event::Answered { answer: Answer::Entry { entry }, .. } => entry.as_slice(),
        Event::Answered { answer: Answer::Entries { entries }, .. } => entries,
        Event::Mirror { tree, .. } | Event::Tree { tree } => tree,
        _ => &[],
    }
}

/// The line, unless it holds a whole tree.
fn short(record: &Record) -> Option<&Record> {
    matches!(&record.event, Event::Answered { answer: Answer::Entry { .. }, .. }).then_some(record)
}

fn seen_at(finding: Finding, record: &Record) -> Finding {
    Finding { at: record.at, ..finding }
}

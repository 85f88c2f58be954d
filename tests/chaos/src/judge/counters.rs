//! Conditional writes follow one another, and none is lost: what many clients add to counts each once (3.1).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Finding,
    calls::{Call, Outcome},
    facts::Facts,
};
use crate::history::{Action, Leaf};

#[derive(Default)]
struct Counter<'c, 'h> {
    applied: Vec<&'c Call<'h>>,
    unknown: u64,
}

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut counters: BTreeMap<&str, Counter<'_, '_>> = BTreeMap::new();
    // What is also written in another way is not a counter.
    let mut others = BTreeSet::new();
    for call in &facts.calls {
        match call.action {
            Action::PutIf { key, .. } => {
                let counter = counters.entry(key).or_default();
                match call.outcome() {
                    Outcome::Applied(_) => counter.applied.push(call),
                    Outcome::Unknown => counter.unknown += 1,
                    Outcome::NotApplied => {}
                }
            }
            Action::Put { key, .. } | Action::Fenced { key, .. } | Action::Delete { key } => {
                others.insert(key.as_str());
            }
            _ => {}
        }
    }
    let tree = facts.tree();
    let mut findings = Vec::new();
    for (key, counter) in counters.iter().filter(|(key, _)| !others.contains(*key)) {
        findings.extend(same_base(key, counter));
        if let Some((line, tree)) = tree {
            findings.extend(count(key, counter, tree).map(|what| {
                let last = counter.applied.last();
                let finding = Finding::new("3.1", what, last.iter().flat_map(|call| call.records()));
                Finding { at: line.at, ..finding }
            }));
        }
    }
    findings
}

/// Two writes on the condition of the same version can't both be applied.
fn same_base(key: &str, counter: &Counter<'_, '_>) -> Vec<Finding> {
    let mut bases: HashMap<Option<u64>, &Call<'_>> = HashMap::new();
    let mut findings = Vec::new();
    for call in &counter.applied {
        // One that found out late that its check had passed wrongly says so (3.7).
        let (Action::PutIf { version, .. }, Outcome::Applied(Some(_))) = (call.action, call.outcome()) else {
            continue;
        };
        if let Some(other) = bases.insert(*version, call) {
            let what = format!("two writes of {key} on the condition of version {version:?} were applied");
            findings.push(Finding::new("3.1", what, other.records().chain(call.records())));
        }
    }
    findings
}

fn count(key: &str, counter: &Counter<'_, '_>, tree: &[Leaf]) -> Option<String> {
    let leaf = tree.iter().find(|leaf| leaf.key == key);
    let written = match leaf {
        None => 0,
        Some(leaf) => number(&leaf.value)?,
    };
    let (least, most) = (counter.applied.len() as u64, counter.applied.len() as u64 + counter.unknown);
    (!(least..=most).contains(&written))
        .then(|| format!("{key} counts {written} at the end, but {least} to {most} writes added to it"))
}

/// The number that a value begins with.
fn number(value: &str) -> Option<u64> {
    let end = value.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(value.len());
    value[..end].parse().ok()
}

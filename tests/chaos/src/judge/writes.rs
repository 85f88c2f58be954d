//! No write that was acknowledged is missing at the end (3.1, 3.6).

use std::collections::{BTreeMap, HashMap};

use super::{
    Finding,
    calls::{Call, Outcome},
    facts::Facts,
};
use crate::history::{Action, Leaf};

/// All that was done to a key.
#[derive(Default)]
struct Key<'c, 'h> {
    puts: Vec<&'c Call<'h>>,
    deletes: Vec<&'c Call<'h>>,
    ephemeral: bool,
}

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let Some((line, tree)) = facts.tree() else { return Vec::new() };
    let mut keys: BTreeMap<&str, Key<'_, '_>> = BTreeMap::new();
    for call in facts.calls.iter().filter(|call| call.outcome() != Outcome::NotApplied) {
        if let Some(put) = call.put() {
            let key = keys.entry(put.key).or_default();
            key.puts.push(call);
            key.ephemeral |= put.ephemeral;
        } else if let Action::Delete { key } = call.action {
            keys.entry(key).or_default().deletes.push(call);
        }
    }
    let tree: HashMap<&str, &Leaf> = tree.iter().map(|leaf| (leaf.key.as_str(), leaf)).collect();
    let missing = |(key, done): (&&str, &Key<'_, '_>)| {
        // What begins after the tree was read is not in it.
        let before = done.puts.iter().filter(|call| call.ended() < line.at);
        let newest = before.filter_map(|call| Some((call.version()?, *call))).max_by_key(|(version, _)| *version)?;
        let what = missing(key, done, newest, tree.get(key).copied())?;
        let finding = Finding::new("3.1", what, newest.1.records());
        Some(Finding { at: line.at, ..finding })
    };
    keys.iter().filter_map(missing).collect()
}

fn missing(key: &str, done: &Key<'_, '_>, newest: (u64, &Call<'_>), leaf: Option<&Leaf>) -> Option<String> {
    let (version, call) = newest;
    let Some(leaf) = leaf else {
        let deleted = done.deletes.iter().any(|delete| delete.until() > call.began());
        return (!deleted && !done.ephemeral)
            .then(|| format!("version {version} of {key} was acknowledged, at the end there is nothing"));
    };
    let of_value = done.puts.iter().find(|put| put.put().is_some_and(|put| put.value == leaf.value));
    if leaf.version < version {
        return Some(format!(
            "version {version} of {key} was acknowledged, at the end it is at version {}",
            leaf.version
        ));
    }
    // Of a later version the value is that of a write whose outcome nobody knows, unless an ephemeral entry was made
    // again.
    let older = of_value.and_then(|put| put.version()).is_some_and(|older| older < leaf.version);
    (older && leaf.owner.is_none())
        .then(|| format!("{key} is at version {} with the value of an older one, {:?}", leaf.version, leaf.value))
}

//! An ephemeral entry that another client has taken over is not put again by the one that had it (4.4).

use std::collections::{BTreeMap, HashMap};

use super::{
    Finding,
    calls::{Call, Outcome},
    ephemerals::alive,
    facts::Facts,
    values::seen,
};
use crate::history::{Action, Leaf, Nanos};

/// What is known of a key that is only put as ephemeral.
#[derive(Default)]
struct Key<'c, 'h> {
    /// The puts that were acknowledged, by their versions.
    puts: BTreeMap<u64, &'c Call<'h>>,
    /// Until when it may have been deleted, or put as persistent.
    touched: Nanos,
}

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut keys: HashMap<&str, Key<'_, '_>> = HashMap::new();
    for call in facts.calls.iter().filter(|call| call.outcome() != Outcome::NotApplied) {
        match (call.put(), call.action) {
            (Some(put), _) if put.ephemeral => {
                if let Some(version) = call.version() {
                    keys.entry(put.key).or_default().puts.insert(version, call);
                }
            }
            (Some(put), _) => keys.entry(put.key).or_default().touched = Nanos::MAX,
            (None, Action::Delete { key }) => {
                let touched = &mut keys.entry(key).or_default().touched;
                *touched = (*touched).max(call.until());
            }
            _ => {}
        }
    }
    let mut findings = Vec::new();
    let mut told: HashMap<&str, u64> = HashMap::new();
    for record in &facts.records {
        for leaf in seen(record) {
            let Some(key) = keys.get(leaf.key.as_str()) else { continue };
            if let Some((had, took)) = put_again(facts, key, leaf, record.at)
                && told.insert(&leaf.key, leaf.version) != Some(leaf.version)
            {
                let what = format!(
                    "{} was put by {:?}, then by {:?}, whose session lives, and then by the registry of the first again, as version {}",
                    leaf.key, had.who, took.who, leaf.version
                );
                let finding = Finding::new("4.4", what, had.records().chain(took.records()));
                findings.push(Finding { at: record.at, ..finding });
            }
        }
    }
    findings
}

/// The put whose value an entry has, and the one that had taken it over before it got this version.
fn put_again<'c, 'h>(
    facts: &Facts<'h>,
    key: &Key<'c, 'h>,
    leaf: &Leaf,
    at: Nanos,
) -> Option<(&'c Call<'h>, &'c Call<'h>)> {
    let (version, took) = key.puts.range(..=leaf.version).next_back()?;
    // The entry as it was put, or not put again by a client that was told so.
    if *version == leaf.version || took.put()?.value == leaf.value {
        return None;
    }
    let had = key.puts.values().find(|put| put.put().is_some_and(|put| put.value == leaf.value))?;
    let life = facts.lives.get(&took.who)?;
    let session = life.session_at(took.began())?;
    let lives = alive(facts, took.who, life, session) > at;
    let in_turn = had.who != took.who && had.ended() < took.began() && key.touched < took.began();
    (lives && in_turn).then_some((*had, *took))
}

//! An ephemeral entry whose session was lost is there again in the next one (4.4), unless somebody has deleted or taken
//! it.

use std::collections::HashMap;

use super::{
    Finding,
    calls::{Call, Outcome, Put},
    ephemerals::over,
    facts::Facts,
};
use crate::history::{Action, Leaf, Nanos};

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let Some((line, tree)) = facts.tree_of_clients() else { return Vec::new() };
    let tree: HashMap<&str, &Leaf> = tree.iter().map(|leaf| (leaf.key.as_str(), leaf)).collect();
    let mut newest: HashMap<&str, &Call<'_>> = HashMap::new();
    let mut touched: HashMap<&str, u64> = HashMap::new();
    let calls = facts.calls.iter().filter(|call| call.outcome() != Outcome::NotApplied && call.began() < line.at);
    for call in calls.clone() {
        if let Some(Put { key, ephemeral: true, .. }) = call.put()
            && call.version() > newest.get(key).and_then(|other| other.version())
        {
            newest.insert(key, call);
        }
    }
    // The last moment that anything else may have been done to a key, by others or by deleting it.
    for call in calls {
        let key = match (call.action, call.put()) {
            (Action::Delete { key }, _) => key.as_str(),
            (_, Some(put)) => put.key,
            _ => continue,
        };
        let own = |newest: &&Call<'_>| newest.who == call.who && call.put().is_some_and(|put| put.ephemeral);
        if newest.get(key).is_some_and(|newest| !own(newest)) {
            let until = touched.entry(key).or_default();
            *until = (*until).max(effect(facts, call));
        }
    }
    let mut findings = Vec::new();
    for (key, put) in newest {
        let Some(life) = facts.lives.get(&put.who) else { continue };
        let Some(session) = life.session_at(line.at) else { continue };
        let lives = life.over() > line.at && session.lost.is_none_or(|lost| lost.at > line.at);
        if !lives || touched.get(key).is_some_and(|until| *until >= put.began()) {
            continue;
        }
        let found = tree.get(key);
        // A lease that no client has told of may be its session's: the observer may have missed when the entry went
        // over to it.
        let other = |owner| owner != session.id && facts.is_session(owner);
        if found.is_none_or(|leaf| leaf.owner.is_none_or(|owner| other(facts.owner(owner)))) {
            let what = format!(
                "{key} was put as ephemeral by {:?}, whose session is now {:x}, but at the end there is {}",
                put.who,
                session.id,
                found.map_or_else(|| "nothing".to_owned(), |leaf| format!("{leaf:?}"))
            );
            let finding = Finding::new("4.4", what, put.records().chain([session.opened]));
            findings.push(Finding { at: line.at, ..finding });
        }
    }
    findings
}

/// Until when a call may have an effect: an ephemeral put has none once its session has ended.
fn effect(facts: &Facts<'_>, call: &Call<'_>) -> Nanos {
    let Some(life) = facts.lives.get(&call.who).filter(|_| call.put().is_some_and(|put| put.ephemeral)) else {
        return call.until();
    };
    let over = life.sessions.last().and_then(|session| over(facts, call.who, life, session));
    call.until().min(over.unwrap_or(Nanos::MAX))
}

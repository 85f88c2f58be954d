//! Tokens grow from holder to holder (6.3), and a write under the token of a former one is refused however late it
//! comes (6.5).

use std::collections::{BTreeMap, HashMap};

use super::{
    Finding,
    calls::{Call, Outcome},
    facts::Facts,
};
use crate::history::{Action, Answer};

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = by_versions(facts);
    findings.extend(by_clock(facts));
    findings.extend(after_release(facts));
    findings
}

/// A released lock is held no longer, whether anybody else holds it or not.
fn after_release(facts: &Facts<'_>) -> Vec<Finding> {
    let mut released: HashMap<(&str, u64), &Call<'_>> = HashMap::new();
    for call in &facts.calls {
        if let (Action::Release { lock, token }, Some(Answer::Done)) = (call.action, call.answer()) {
            released.insert((lock, *token), call);
        }
    }
    let late = facts.calls.iter().filter_map(|call| {
        let Action::Fenced { lock, token, .. } = call.action else { return None };
        let release = released.get(&(lock.as_str(), *token))?;
        (release.ended() < call.began() && matches!(call.outcome(), Outcome::Applied(_))).then(|| {
            let what = format!("a write under token {token} of {lock} was accepted that began when it was released");
            Finding::new("6.5", what, release.records().chain(call.records()))
        })
    });
    late.collect()
}

/// In the registry's own order, that of versions, the tokens of accepted writes never go back.
fn by_versions(facts: &Facts<'_>) -> Vec<Finding> {
    let mut writes: BTreeMap<&str, Vec<(u64, u64, &Call<'_>)>> = BTreeMap::new();
    for call in &facts.calls {
        if let (Action::Fenced { lock, token, .. }, Some(version)) = (call.action, call.version()) {
            writes.entry(lock).or_default().push((version, *token, call));
        }
    }
    let mut findings = Vec::new();
    for (lock, mut writes) in writes {
        writes.sort_by_key(|(version, ..)| *version);
        let mut newest: Option<&(u64, u64, &Call<'_>)> = None;
        for write in &writes {
            match newest {
                Some((version, token, call)) if *token > write.1 => {
                    let what = format!(
                        "a write under token {} of {lock} was accepted as version {}, after one under token {token} as version {version}",
                        write.1, write.0
                    );
                    findings.push(Finding::new("6.5", what, call.records().chain(write.2.records())));
                }
                _ => newest = Some(write),
            }
        }
    }
    findings
}

/// A new holder gets a token above all earlier ones, and no write is accepted that began when a
/// later holder had it.
fn by_clock(facts: &Facts<'_>) -> Vec<Finding> {
    // Each end of a lock call, and each beginning of a call that must be above it.
    let mut moments = Vec::new();
    for call in &facts.calls {
        match (call.action, call.answer()) {
            (Action::Lock { lock }, Some(Answer::Held { token })) => {
                moments.push((call.ended(), true, lock.as_str(), *token, call));
                moments.push((call.began(), false, lock.as_str(), *token, call));
            }
            (Action::Fenced { lock, token, .. }, _) if matches!(call.outcome(), Outcome::Applied(_)) => {
                moments.push((call.began(), false, lock.as_str(), *token, call));
            }
            _ => {}
        }
    }
    moments.sort_by_key(|(at, ends, ..)| (*at, *ends));
    let mut findings = Vec::new();
    let mut had: HashMap<&str, (u64, &Call<'_>)> = HashMap::new();
    for (_, ends, lock, token, call) in moments {
        let newest = had.get(lock).copied();
        if ends {
            if newest.is_none_or(|(newest, _)| newest < token) {
                had.insert(lock, (token, call));
            }
            continue;
        }
        let Some((newest, holder)) = newest else { continue };
        let lines = || holder.records().chain(call.records());
        if matches!(call.action, Action::Lock { .. }) {
            if newest >= token {
                let what = format!("{lock} was acquired with token {token}, after token {newest} had been given");
                findings.push(Finding::new("6.3", what, lines()));
            }
        } else if newest > token {
            let what =
                format!("a write under token {token} of {lock} was accepted that began when token {newest} held it");
            findings.push(Finding::new("6.5", what, lines()));
        }
    }
    findings
}

//! What a watch tells of a key follows from what it told before: versions grow (5.3), `new` and deletes are true (5.2),
//! and nothing is told that it doesn't cover (5.1).

use std::collections::HashMap;

use super::{Finding, facts::Facts};
use crate::history::{Action, Event, Record, Scope, Who};

#[derive(Default)]
struct LastTold<'h> {
    version: u64,
    there: bool,
    line: Option<&'h Record>,
}

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let covered = covered(facts);
    let mut findings = Vec::new();
    let mut told: HashMap<(Who, u32, &str), LastTold<'_>> = HashMap::new();
    for &record in &facts.records {
        let Event::Told { watch, key, version, new } = &record.event else { continue };
        let before = told.entry((record.who, *watch, key)).or_default();
        let lines = || before.line.into_iter().chain([record]);
        let mut found = |clause: &str, what: String| findings.push(Finding::new(clause, what, lines()));
        if covered.get(&(record.who, *watch)).is_some_and(|watched| !watched.covers(key)) {
            found("5.1", format!("watch {watch} told of {key}, which it does not cover"));
        }
        match version {
            Some(version) if *version <= before.version => {
                found("5.3", format!("watch {watch} told version {version} of {key} after version {}", before.version));
            }
            Some(_) if *new && before.there => {
                found("5.2", format!("watch {watch} told of {key} as new, which it had told of before"));
            }
            Some(_) if !*new && !before.there => {
                found("5.2", format!("watch {watch} told of {key} for the first time, but not as new"));
            }
            None if !before.there => {
                found("5.2", format!("watch {watch} told that {key} is deleted, which it had not told of"));
            }
            _ => {}
        }
        *before = LastTold {
            version: version.unwrap_or(before.version).max(before.version),
            there: version.is_some(),
            line: Some(record),
        };
    }
    findings
}

/// What a watch covers.
#[derive(Clone, Copy)]
pub(super) struct Covered<'h> {
    pub(super) key: &'h str,
    scope: Scope,
}

/// What each watch covers.
pub(super) fn covered<'h>(facts: &Facts<'h>) -> HashMap<(Who, u32), Covered<'h>> {
    let watches = facts.calls.iter().filter_map(|call| match call.action {
        Action::Watch { watch, key, scope } => Some(((call.who, *watch), Covered { key, scope: *scope })),
        _ => None,
    });
    watches.collect()
}

impl Covered<'_> {
    pub(super) fn covers(&self, other: &str) -> bool {
        match self.scope {
            Scope::Node => self.key == other,
            Scope::Children => other.rsplit_once('/').is_some_and(|(above, _)| above == self.key.trim_end_matches('/')),
            Scope::Subtree => within(self.key, other),
        }
    }
}

/// Whether a key is that one or lies below it.
pub(super) fn within(key: &str, other: &str) -> bool {
    other.strip_prefix(key.trim_end_matches('/')).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

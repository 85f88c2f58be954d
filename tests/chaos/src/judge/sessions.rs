//! Session states follow one another as 4.3 says.

use super::{Finding, facts::Facts};
use crate::history::State;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for life in facts.lives.values() {
        let Some(first) = life.sessions.first() else { continue };
        // A new reader of the states is told the present one first.
        let mut before = None;
        let mut id = first.id;
        for (record, state, told) in &life.states {
            if let Some((line, last)) = before
                && let Some(what) = wrong(last, *state, id == *told)
            {
                findings.push(Finding::new("4.3", what, [line, *record]));
            }
            if *state == State::Connected {
                id = *told;
            }
            before = Some((record, *state));
        }
    }
    findings
}

/// What is wrong with going from one state to the next; `same` says whether a session that is connected is the one
/// before.
fn wrong(from: State, to: State, same: bool) -> Option<String> {
    match (from, to) {
        (State::Closed, _) => Some(format!("{to:?} was told after Closed")),
        (State::Connected, State::Suspended | State::Lost) | (State::Suspended, State::Lost) | (_, State::Closed) => {
            None
        }
        (State::Suspended, State::Connected) if same => None,
        (State::Suspended, State::Connected) => Some("another session followed one that was not lost".to_owned()),
        (State::Lost, State::Connected) if !same => None,
        (State::Lost, State::Connected) => Some("a session that was lost is connected again".to_owned()),
        _ => Some(format!("{to:?} was told after {from:?}")),
    }
}

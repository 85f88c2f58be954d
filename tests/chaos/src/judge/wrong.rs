//! What should never happen, whatever is done to the servers: a panic, and what a client or the maker of faults
//! could not explain.

use super::{Finding, calls::plain, facts::Facts};
use crate::history::{Answer, Event};

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let wrong = facts.records.iter().filter_map(|record| match &record.event {
        Event::Wrong { what } => Some(Finding::new("7.1", what, [*record])),
        Event::Answered { answer: Answer::Failed { kind, message, .. }, .. } if plain(kind) == "pluginpanicked" => {
            Some(Finding::new("7.2", message, [*record]))
        }
        _ => None,
    });
    wrong.collect()
}

//! There is one holder at most (6.2), and one who loses the lock learns of it before another has it (6.4).

use std::collections::HashMap;

use super::{
    Finding,
    facts::Facts,
    spans::{Span, overlaps},
};
use crate::history::{Action, Answer, Event, Record, State, Who};

/// A lock that was held, from the answer that told it until its client gave it up, or learned of its loss, or could not
/// know any more.
pub(crate) struct Hold<'h> {
    pub(crate) lock: &'h str,
    pub(crate) token: u64,
    pub(crate) span: Span<'h>,
}

pub(crate) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let holds = holds(facts);
    let at_once = overlaps(&holds, |hold| hold.lock, |hold| &hold.span);
    let found = at_once.into_iter().map(|(before, hold)| {
        let what = format!(
            "{} was held with token {} by {:?} while {:?} held it with token {}",
            hold.lock,
            hold.token,
            hold.span.who(),
            before.span.who(),
            before.token
        );
        Finding::new("6.2", what, before.span.lines().chain(hold.span.lines()))
    });
    found.collect()
}

/// All holds, in the order in which they began.
pub(crate) fn holds<'h>(facts: &Facts<'h>) -> Vec<Hold<'h>> {
    let mut ends: HashMap<(Who, &str, u64), &Record> = HashMap::new();
    let mut over: HashMap<Who, Vec<&Record>> = HashMap::new();
    for &record in &facts.records {
        match &record.event {
            Event::Called { action: Action::Release { lock, token }, .. } | Event::Lost { lock, token } => {
                ends.entry((record.who, lock, *token)).or_insert(record);
            }
            Event::Session { state: State::Lost | State::Closed, .. }
            | Event::Called { action: Action::Close, .. }
            | Event::Ended { .. } => over.entry(record.who).or_default().push(record),
            _ => {}
        }
    }
    let mut holds = Vec::new();
    for call in &facts.calls {
        let (Action::Lock { lock }, Some(answered)) = (call.action, &call.answered) else { continue };
        let Answer::Held { token } = *answered.answer else { continue };
        let from = answered.record;
        let over = over.get(&call.who).map_or(&[][..], Vec::as_slice);
        let over = over.get(over.partition_point(|record| record.at < from.at)).copied();
        let given_up = ends.get(&(call.who, lock.as_str(), token)).copied();
        let span = Span::new(facts, call.began(), from, given_up.into_iter().chain(over));
        holds.push(Hold { lock, token, span });
    }
    holds.sort_by_key(|hold| hold.span.from.at);
    holds
}

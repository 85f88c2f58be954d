//! There is one holder at most (6.2), and one who loses the lock learns of it before another has it (6.4).

use std::collections::HashMap;

use super::{
    Finding,
    facts::{Facts, SECOND},
    overlaps::overlaps,
};
use crate::history::{Action, Answer, Event, Nanos, Record, State, Who};

/// A lock that was held, from the answer that told it to the first line that says that it isn't any more.
pub(crate) struct Hold<'h> {
    pub(crate) lock: &'h str,
    pub(crate) token: u64,
    pub(crate) who: Who,
    pub(crate) from: &'h Record,
    /// When its client gave it up, or learned of its loss, or could not know any more; and the line that says so.
    pub(crate) until: Nanos,
    pub(crate) end: Option<&'h Record>,
}

pub(crate) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let holds = holds(facts);
    let at_once = overlaps(&holds, |hold| hold.lock, |hold| (hold.from.at, hold.until));
    let found = at_once.into_iter().map(|(before, hold)| {
        let what = format!(
            "{} was held with token {} by {:?} while {:?} held it with token {}",
            hold.lock, hold.token, hold.who, before.who, before.token
        );
        let lines = [Some(before.from), before.end, Some(hold.from), hold.end];
        Finding::new("6.2", what, lines.into_iter().flatten())
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
        let killed = facts.lives.get(&call.who).and_then(|life| life.killed);
        let given_up = ends.get(&(call.who, lock.as_str(), token)).copied();
        let end = [given_up, over, killed].into_iter().flatten().min_by_key(|record| record.at);
        let mut until = end.map_or(Nanos::MAX, |end| end.at);
        // A process that stands still can't learn of its loss (6.4).
        let stopped = facts.pauses(call.who).iter().find(|pause| pause.until > from.at);
        until = until.min(stopped.map_or(Nanos::MAX, |pause| pause.from));
        // One that stood still while it waited may hear first that the lock was its, and then that it is lost.
        if facts.stood_still(call.who, call.began(), from.at) && until.saturating_sub(from.at) < SECOND {
            until = from.at;
        }
        holds.push(Hold { lock, token, who: call.who, from, until: until.max(from.at), end });
    }
    holds.sort_by_key(|hold| hold.from.at);
    holds
}

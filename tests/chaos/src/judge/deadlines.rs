//! Every call ends by its deadline (4.5), not counting the time in which its process stood still or had no processor.

use super::{
    Finding,
    facts::{Facts, SECOND},
};
use crate::history::Nanos;

/// How much longer than its deadline a call may take: what is left when a timer fires late, and the grace that a host
/// grants its plugin.
const SLACK: Nanos = SECOND;
/// How much longer a call may have been without an end when its client wrote its last line, as nobody knows how it was
/// held up.
const UNFINISHED: Nanos = 5 * SECOND;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for call in facts.calls.iter().filter(|call| call.dropped.is_none()) {
        let Some(deadline) = call.deadline else { continue };
        let last = facts.lives.get(&call.who).map_or(0, |life| life.last);
        let (until, allowed) = match &call.answered {
            Some(answered) => (answered.record.at, deadline + SLACK + answered.stalled),
            None => (last, deadline + UNFINISHED),
        };
        let took = until.saturating_sub(call.began()).saturating_sub(facts.paused(call.who, call.began(), until));
        if took > allowed {
            let (took, deadline) = (took as f64 / SECOND as f64, deadline as f64 / SECOND as f64);
            let end = if call.answered.is_some() { "took" } else { "was not answered in" };
            let what = format!("a call with a deadline of {deadline:.1} s {end} {took:.1} s");
            findings.push(Finding { at: until, ..Finding::new("4.5", what, call.records()) });
        }
    }
    findings
}

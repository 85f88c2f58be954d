//! A lock that nobody holds is given to the next waiter (6.1): those before him who were dropped, or died, have
//! left the queue soon (4.5).

use std::collections::HashMap;

use super::{
    Finding,
    calls::Call,
    facts::{Facts, SECOND},
    holders::holds,
};
use crate::history::{Action, Nanos};

/// How long a queue may take to be left, beside the timeout of a session: one of etcd's requests that was not answered
/// may be applied for eight seconds, and is looked for until then.
const LEAVING: Nanos = 15 * SECOND;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let timeout =
        facts.lives.values().flat_map(|life| &life.sessions).map(|session| session.timeout).max().unwrap_or(0);
    let free = free(facts);
    let mut findings = Vec::new();
    for call in &facts.calls {
        let Action::Lock { lock } = call.action else { continue };
        let ended = call
            .records()
            .nth(1)
            .map_or(facts.lives.get(&call.who).map_or(0, |life| life.last.min(life.over())), |end| end.at);
        let of_lock = free.get(lock.as_str()).map_or(&[][..], Vec::as_slice);
        // Between two holds there are few who wait for long: the first that is free for long enough is told.
        let first = of_lock.partition_point(|(_, to)| *to < call.began());
        let waited = of_lock[first..].iter().take_while(|(from, _)| *from < ended);
        let waited = waited.map(|(from, to)| ((*from).max(call.began()), (*to).min(ended)));
        findings.extend(waited.filter_map(|(from, to)| calm(facts, call, from, to, timeout + LEAVING)).next().map(
            |from| {
                let seconds = (timeout + LEAVING) / SECOND;
                let what = format!(
                    "{lock} was waited for during {seconds} s in which nobody held it, nor was anything done to anybody"
                );
                Finding { at: from + timeout + LEAVING, ..Finding::new("6.1", what, call.records()) }
            },
        ));
    }
    findings
}

/// When each lock was held by nobody; the last time has no end.
fn free<'h>(facts: &Facts<'h>) -> HashMap<&'h str, Vec<(Nanos, Nanos)>> {
    let mut free: HashMap<&str, Vec<(Nanos, Nanos)>> = HashMap::new();
    for call in &facts.calls {
        if let Action::Lock { lock } = call.action {
            free.entry(lock).or_insert_with(|| vec![(0, Nanos::MAX)]);
        }
    }
    for hold in holds(facts) {
        let Some(times) = free.get_mut(hold.lock) else { continue };
        if let Some(last) = times.last_mut() {
            last.1 = last.1.min(hold.span.from.at);
            let from = last.1.max(hold.span.until);
            times.push((from, Nanos::MAX));
        }
    }
    free
}

/// A span of that length in which nothing was done to the one who waits, nor to the servers; when it begins.
fn calm(facts: &Facts<'_>, call: &Call<'_>, from: Nanos, to: Nanos, length: Nanos) -> Option<Nanos> {
    let pauses = facts.pauses(call.who).iter().map(|pause| (pause.from, pause.until));
    let mut begin = from;
    let mut disturbed: Vec<_> = facts.disturbances.of_client(call.who).chain(pauses).collect();
    disturbed.sort_unstable();
    for (harm, over) in disturbed {
        if harm > begin && harm.min(to).saturating_sub(begin) >= length {
            return Some(begin);
        }
        begin = begin.max(over);
    }
    (to.saturating_sub(begin) >= length).then_some(begin)
}

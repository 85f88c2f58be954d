//! An ephemeral entry is gone soon after its session has ended (4.2), and none goes while its session lives (4.1).

use std::collections::{HashMap, HashSet};

use super::{
    Finding,
    calls::{Call, Outcome},
    facts::{Facts, Life, SECOND, Session},
};
use crate::history::{Action, Answer, Event, Leaf, Nanos, Record, Who};

/// How much longer than the timeout an entry may stay until it is seen that it has gone (4.2).
const GRACE: Nanos = 2 * SECOND;
/// How late an observer may be told of what was done before the last put.
const LAG: Nanos = 5 * SECOND;
/// One tick of ZooKeeper, of the length that the tests' servers have.
const TICK: Nanos = SECOND / 2;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut sessions = HashMap::new();
    for (who, life) in &facts.lives {
        for session in &life.sessions {
            sessions.insert(session.id, (*who, life, session));
        }
    }
    let writers = Writers::of(facts);
    let mut findings = Vec::new();
    let mut told = HashSet::new();
    for &record in &facts.records {
        match &record.event {
            Event::Gone { key, session } => {
                let Some((who, life, session)) = sessions.get(&facts.owner(*session)) else { continue };
                let over = over(facts, *who, life, session);
                if over.is_some_and(|over| over < record.at) {
                    findings.push(late(key, session, record, over));
                } else if record.at < alive(facts, *who, life, session) && writers.left_alone(*who, key, record.at) {
                    let what = format!("{key} went while its session {:x} lived", session.id);
                    let lost = session.lost.into_iter();
                    findings.push(Finding::new("4.1", what, [session.opened, record].into_iter().chain(lost)));
                }
            }
            event => {
                for leaf in there(facts, event) {
                    let owner = leaf.owner.map(|owner| facts.owner(owner));
                    let Some((who, life, session)) = owner.and_then(|owner| sessions.get(&owner)) else { continue };
                    let over = over(facts, *who, life, session);
                    if over.is_some_and(|over| over < read_at(facts, record)) && told.insert((session.id, &leaf.key)) {
                        findings.push(late(&leaf.key, session, record, over));
                    }
                }
            }
        }
    }
    findings
}

fn late(key: &str, session: &Session<'_>, record: &Record, over: Option<Nanos>) -> Finding {
    let late = record.at.saturating_sub(over.unwrap_or(record.at)) as f64 / SECOND as f64;
    let what = format!(
        "{key} was there {late:.1} s after the session {:x} should have been gone with all it owned",
        session.id
    );
    // Trees can be large: the finding says what was in it.
    let seen = matches!(record.event, Event::Gone { .. }).then_some(record);
    let finding = Finding::new("4.2", what, [session.opened].into_iter().chain(session.lost).chain(seen));
    Finding { at: record.at, ..finding }
}

/// The entries that a line shows to be there. Where reads may lag they show nothing.
fn there<'h>(facts: &Facts<'_>, event: &'h Event) -> &'h [Leaf] {
    match event {
        Event::Tree { tree } => tree,
        Event::Answered { answer: Answer::Entry { entry }, .. } if facts.reads_are_linearizable() => entry.as_slice(),
        Event::Answered { answer: Answer::Entries { entries }, .. } if facts.reads_are_linearizable() => entries,
        _ => &[],
    }
}

/// The earliest moment that what a line shows can be from.
fn read_at(facts: &Facts<'_>, record: &Record) -> Nanos {
    let Event::Answered { call, .. } = record.event else { return record.at };
    facts.call(record.who, call).map_or(record.at, Call::began)
}

/// When nothing of a session may be there any more; `None` if it did not end.
pub(super) fn over(facts: &Facts<'_>, who: Who, life: &Life<'_>, session: &Session<'_>) -> Option<Nanos> {
    let grace = if facts.backend == "zookeeper" { GRACE + TICK } else { GRACE };
    let timeout = session.timeout;
    // The latest that the servers can have heard of it, by whatever tells most.
    let mut heard = Nanos::MAX;
    if let Some(lost) = session.lost {
        heard = heard.min(lost.at);
        // After a pause that its session did not outlive a process no longer sends for it.
        let slept = facts.pauses(who).iter().find(|pause| {
            pause.from >= session.opened.at
                && pause.until <= lost.at
                && pause.continues.saturating_sub(pause.stopped) > timeout
        });
        heard = heard.min(slept.map_or(Nanos::MAX, |pause| pause.stopped));
    }
    heard = heard.min(life.dead.unwrap_or(Nanos::MAX));
    let expires = (heard != Nanos::MAX).then(|| facts.disturbances.over(who, heard, timeout, grace));
    // A close that has succeeded has left nothing.
    let closed = facts.closed(who).filter(|_| life.sessions.last().is_some_and(|last| last.id == session.id));
    [expires, closed.map(|closed| closed + grace)].into_iter().flatten().min()
}

/// Until when a session certainly lived.
pub(super) fn alive(facts: &Facts<'_>, who: Who, life: &Life<'_>, session: &Session<'_>) -> Nanos {
    // Lost may be told as late as a timeout after the servers ended it, by whatever they did that for.
    let lost = session.lost.map_or(Nanos::MAX, |lost| lost.at.saturating_sub(session.timeout));
    let mut alive = lost.min(life.over());
    if alive == Nanos::MAX {
        // Its client says nothing of an end: it lived as long as there are lines of it.
        alive = life.last.saturating_sub(session.timeout);
    }
    // One that stood still can't have kept its session, nor have told of its end.
    for pause in facts.pauses(who).iter().rev() {
        let outlived =
            pause.until < life.last && session.lost.is_none_or(|lost| lost.at > pause.until + session.timeout);
        if !outlived && pause.until >= alive {
            alive = alive.min(pause.from);
        }
    }
    alive
}

/// Who wrote and deleted each key, and when.
struct Writers<'c, 'h>(HashMap<&'h str, Vec<&'c Call<'h>>>);

impl<'c, 'h> Writers<'c, 'h> {
    fn of(facts: &'c Facts<'h>) -> Self {
        let mut writers: HashMap<&str, Vec<&Call<'_>>> = HashMap::new();
        for call in facts.calls.iter().filter(|call| call.outcome() != Outcome::NotApplied) {
            let key = match call.action {
                Action::Delete { key } => key,
                _ => match call.put() {
                    Some(put) => put.key,
                    None => continue,
                },
            };
            writers.entry(key).or_default().push(call);
        }
        Writers(writers)
    }

    /// Whether a key's entry is known to have been put as ephemeral by that client before, and since then nobody can
    /// have deleted it or put another.
    fn left_alone(&self, who: Who, key: &str, at: Nanos) -> bool {
        let calls = self.0.get(key).map_or(&[][..], Vec::as_slice);
        let own =
            |call: &&&Call<'_>| call.who == who && call.ended() <= at && call.put().is_some_and(|put| put.ephemeral);
        let Some(put) = calls.iter().rev().find(own) else { return false };
        let other = |call: &&Call<'_>| {
            let same = call.who == who && call.put().is_some_and(|put| put.ephemeral);
            !same && call.began() <= at && call.until() >= put.began().min(at.saturating_sub(LAG))
        };
        !calls.iter().any(other)
    }
}

//! A session without contact is told to be lost in time (4.3), and so is every lock that hangs on it (6.4).

use std::collections::HashMap;

use super::{
    Finding,
    facts::{Facts, Life, MILLI, SECOND, Session},
    holders::holds,
};
use crate::history::{Action, Event, Nanos, Record, Who};

/// How late, on a machine that is busy with other things.
const SLACK: Nanos = 2 * SECOND;
/// The same for what only has to be told from one task of the process to another.
const AT_ONCE: Nanos = SECOND;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (who, life) in &facts.lives {
        for session in &life.sessions {
            findings.extend(asleep(facts, *who, life, session));
            findings.extend(cut_off(facts, *who, life, session));
        }
    }
    findings.extend(guards(facts));
    findings
}

/// A process that stood still for longer than its session could live finds out when it goes on.
fn asleep<'h>(facts: &Facts<'h>, who: Who, life: &Life<'h>, session: &Session<'h>) -> Option<Finding> {
    let pause = facts.pauses(who).iter().find(|pause| {
        pause.from >= session.opened.at
            && session.lost.is_none_or(|lost| lost.at >= pause.until)
            && pause.continues != Nanos::MAX
            && pause.continues.saturating_sub(pause.stopped) > session.timeout
    })?;
    let what = "a process that had stood still for longer than its session's timeout";
    overdue(facts, who, life, session, pause.until, what)
}

/// A client that nothing reaches any more gives its session up a margin before the servers do.
fn cut_off<'h>(facts: &Facts<'h>, who: Who, life: &Life<'h>, session: &Session<'h>) -> Option<Finding> {
    let margin = if facts.backend == "zookeeper" { 4 } else { 10 };
    let within = session.timeout - session.timeout / margin;
    let (made, _) = facts.cuts(who).into_iter().find(|(made, undoing)| {
        *made >= session.opened.at
            && session.lost.is_none_or(|lost| lost.at >= *made)
            && undoing.saturating_sub(*made) > within
            && !facts.stood_still(who, *made, *undoing)
    })?;
    overdue(facts, who, life, session, made + within, "a client that was cut off for longer")
}

fn overdue<'h>(
    facts: &Facts<'h>,
    who: Who,
    life: &Life<'h>,
    session: &Session<'h>,
    due: Nanos,
    what: &str,
) -> Option<Finding> {
    let told = session.lost.map_or(Nanos::MAX, |lost| lost.at);
    let allowed = due.saturating_add(SLACK + facts.stalled(who, due));
    let late =
        told > allowed && life.over() > allowed && life.last > allowed && !facts.stood_still(who, due + 1, allowed);
    late.then(|| {
        let told = match session.lost {
            Some(lost) => format!("{} ms late", lost.at.saturating_sub(due) / MILLI),
            None => "not at all".to_owned(),
        };
        let what = format!("{what} was told {told} that its session {:x} is lost", session.id);
        let finding = Finding::new("4.3", what, [Some(session.opened), session.lost].into_iter().flatten());
        Finding { at: allowed, ..finding }
    })
}

/// Each lock that is held when its session is told to be lost is told to be lost, too.
fn guards(facts: &Facts<'_>) -> Vec<Finding> {
    let mut ends: HashMap<(Who, &str, u64), Nanos> = HashMap::new();
    for record in &facts.records {
        if let Event::Lost { lock, token } | Event::Called { action: Action::Release { lock, token }, .. } =
            &record.event
        {
            ends.entry((record.who, lock, *token)).or_insert(record.at);
        }
    }
    let mut findings = Vec::new();
    for hold in holds(facts) {
        let (who, from) = (hold.span.who(), hold.span.from);
        let Some(life) = facts.lives.get(&who) else { continue };
        let lost: Option<&Record> = life.session_at(from.at).and_then(|session| session.lost);
        let Some(lost) = lost.filter(|lost| lost.at >= from.at) else { continue };
        let allowed = lost.at + AT_ONCE + facts.stalled(who, lost.at);
        let able = life.over() > allowed && life.last > allowed && !facts.stood_still(who, lost.at, allowed);
        let ended = ends.get(&(who, hold.lock, hold.token)).copied().unwrap_or(Nanos::MAX);
        if able && ended > allowed {
            let what = format!("the session is lost, but not {}, held with token {}", hold.lock, hold.token);
            findings.push(Finding::new("6.4", what, [from, lost]));
        }
    }
    findings
}

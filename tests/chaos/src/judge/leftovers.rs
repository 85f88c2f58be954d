//! After the end nothing is left: no session, watch or entry at the servers (4.2, 4.5), no thread, descriptor or
//! memory in a client.

use std::collections::HashMap;

use super::{Finding, facts::Facts};
use crate::history::{BEGIN, END, Event, Record, Who};

/// Of which moments the second is to have no more than the first.
const PAIRS: [(&str, &str); 2] = [(BEGIN, END), ("warm", "closed")];
/// Threads of the runtimes that come when they are needed and rest for a while before they go.
const THREADS: u64 = 2;
/// How much a client may have grown: half of what it had, and this.
const MEMORY_KB: u64 = 32 * 1024;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let mut begun: HashMap<(Who, &str), &Record> = HashMap::new();
    let mut findings = Vec::new();
    for &record in &facts.records {
        match &record.event {
            Event::Holds { when, .. } | Event::Servers { when, .. } => {
                if let Some((earlier, _)) = PAIRS.iter().find(|(_, later)| later == when)
                    && let Some(before) = begun.get(&(record.who, *earlier))
                {
                    findings.extend(more(
                        before,
                        record,
                        client(facts, before, record).or_else(|| server(before, record)),
                    ));
                }
                begun.insert((record.who, when), record);
            }
            _ => {}
        }
    }
    findings
}

/// The clause, and what is measured by it: what it is, how much at the beginning, at the end, and how much there may
/// be.
type Measured = (&'static str, Vec<(&'static str, u64, u64, u64)>);

fn client(facts: &Facts<'_>, before: &Record, after: &Record) -> Option<Measured> {
    let (
        Event::Holds { threads, descriptors, resident_kb, .. },
        Event::Holds { threads: threads_now, descriptors: descriptors_now, resident_kb: resident_now, .. },
    ) = (&before.event, &after.event)
    else {
        return None;
    };
    let measured = vec![
        ("threads", *threads, *threads_now, threads + THREADS),
        // One connection may be kept to each member.
        ("descriptors", *descriptors, *descriptors_now, descriptors + facts.members),
        ("KiB of memory", *resident_kb, *resident_now, resident_kb + resident_kb / 2 + MEMORY_KB),
    ];
    Some(("4.5", measured))
}

fn server(before: &Record, after: &Record) -> Option<Measured> {
    let (
        Event::Servers { sessions, watches, entries, .. },
        Event::Servers { sessions: sessions_now, watches: watches_now, entries: entries_now, .. },
    ) = (&before.event, &after.event)
    else {
        return None;
    };
    let watched = watches.zip(*watches_now).map(|(watches, now)| ("watches", watches, now, watches));
    let others = [("sessions", *sessions, *sessions_now, *sessions), ("entries", *entries, *entries_now, *entries)];
    Some(("4.2", others.into_iter().chain(watched).collect()))
}

fn more(before: &Record, after: &Record, measured: Option<Measured>) -> Option<Finding> {
    let (clause, measured) = measured?;
    let over = measured.into_iter().filter(|(_, _, now, most)| now > most);
    let over: Vec<_> = over.map(|(of, then, now, _)| format!("{now} {of} instead of {then}")).collect();
    (!over.is_empty()).then(|| Finding::new(clause, format!("left at the end: {}", over.join(", ")), [before, after]))
}

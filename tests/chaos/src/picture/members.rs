//! A row for each member: up or not, and who leads.

use std::collections::{BTreeMap, HashMap};

use super::{
    canvas::{Bar, Canvas, ROW},
    legend::{LEADS, UP, of_fault},
};
use crate::{
    history::{Event, Nanos},
    judge::facts::Facts,
};

pub(super) fn draw(facts: &Facts<'_>, canvas: &mut Canvas) {
    let from = facts.records.first().map_or(0, |record| record.at);
    let end = canvas.end();
    let mut rows = BTreeMap::new();
    for member in 0..facts.members {
        let name = format!("member {member}");
        let top = canvas.row(&name);
        canvas.bar(&Bar { top, down: 2.0, high: ROW - 4.0, from, to: end, colour: UP, words: "", tip: &name });
        rows.insert(name, top);
    }
    for fault in faults(facts, end) {
        // Those of a client's network have their place with the client.
        if fault.whom.iter().any(|name| name.starts_with("client")) {
            continue;
        }
        let all = fault.whom.iter().all(|name| !rows.contains_key(name));
        for (_, top) in rows.iter().filter(|(name, _)| all || fault.whom.contains(name)) {
            let (colour, words) = (of_fault(fault.kind), fault.kind);
            canvas.bar(&Bar {
                top: *top,
                down: 2.0,
                high: ROW - 4.0,
                from: fault.from,
                to: fault.to,
                colour,
                words,
                tip: words,
            });
        }
    }
    for (member, from, to) in leaders(facts, end) {
        if let Some(top) = rows.get(member) {
            canvas.bar(&Bar {
                top: *top,
                down: ROW - 6.0,
                high: 4.0,
                from,
                to,
                colour: LEADS,
                words: "",
                tip: "leads",
            });
        }
    }
    canvas.skip(8.0);
}

fn leaders<'h>(facts: &Facts<'h>, end: Nanos) -> Vec<(&'h str, Nanos, Nanos)> {
    let mut leaders: Vec<(Option<&str>, Nanos)> = Vec::new();
    for record in &facts.records {
        if let Event::Leader { member } = &record.event {
            leaders.push((member.as_deref(), record.at));
        }
    }
    let ends = leaders.iter().skip(1).map(|(_, at)| *at).chain([end]).collect::<Vec<_>>();
    leaders.into_iter().zip(ends).filter_map(|((member, from), to)| Some((member?, from, to))).collect()
}

/// A fault with its whole time.
pub(super) struct Fault<'h> {
    pub(super) kind: &'h str,
    pub(super) whom: &'h [String],
    pub(super) from: Nanos,
    pub(super) to: Nanos,
}

pub(super) fn faults<'h>(facts: &Facts<'h>, end: Nanos) -> Vec<Fault<'h>> {
    let mut faults = Vec::new();
    let mut numbers = HashMap::new();
    for record in &facts.records {
        match &record.event {
            Event::Fault { fault, kind, whom } => {
                numbers.insert(*fault, faults.len());
                faults.push(Fault { kind, whom, from: record.at, to: end });
            }
            Event::Undone { fault } => {
                if let Some(number) = numbers.get(fault) {
                    faults[*number].to = record.at;
                }
            }
            _ => {}
        }
    }
    faults
}

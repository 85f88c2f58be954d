//! Host servers that stand on the registry: each that goes is taken over once, by one master at a time, and never
//! while it serves.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Finding,
    facts::{Facts, SECOND},
    spans::{Span, overlaps},
};
use crate::history::{Event, Nanos, Record, ServerState, Who};

/// How long before a line its process may have stood still between what the line tells and the telling.
const BEFORE: Nanos = 10 * SECOND;

/// A take-over, from the line that tells of it until it is done or given up.
pub(crate) struct TakeOver<'h> {
    pub(crate) server: &'h str,
    pub(crate) token: u64,
    pub(crate) span: Span<'h>,
    pub(crate) done: bool,
}

impl<'h> TakeOver<'h> {
    /// Of which role the server is: take-overs for one role are made under one lock.
    pub(crate) fn role(&self) -> &'h str {
        role(self.server)
    }
}

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let take_overs = take_overs(facts);
    let mut findings = two_at_once(&take_overs);
    findings.extend(once(facts, &take_overs));
    findings.extend(of_the_living(facts, &take_overs));
    findings.extend(seen(facts));
    findings
}

/// All take-overs, in the order in which they began.
pub(crate) fn take_overs<'h>(facts: &Facts<'h>) -> Vec<TakeOver<'h>> {
    let mut ends: HashMap<_, Vec<(&Record, bool)>> = HashMap::new();
    for &record in &facts.records {
        if let Event::TookOver { server, token, done } = &record.event {
            ends.entry((record.who, server.as_str(), *token)).or_default().push((record, *done));
        }
    }
    let began = facts.records.iter().filter_map(|&from| {
        let Event::TakesOver { server, token } = &from.event else { return None };
        let ends = ends.get(&(from.who, server.as_str(), *token)).map_or(&[][..], Vec::as_slice);
        let ended = ends.iter().find(|(record, _)| record.at >= from.at);
        let end = ended.map(|(record, _)| *record);
        let span = Span::new(facts, from.at.saturating_sub(BEFORE), from, end);
        let done = ended.is_some_and(|(_, done)| *done);
        Some(TakeOver { server, token: *token, span, done })
    });
    began.collect()
}

fn two_at_once(take_overs: &[TakeOver<'_>]) -> Vec<Finding> {
    let at_once = overlaps(take_overs, TakeOver::role, |one| &one.span);
    let found = at_once.into_iter().map(|(before, one)| {
        let what = format!(
            "{:?} took over for {} with token {} while {:?} took over for {} with token {}",
            one.span.who(),
            one.server,
            one.token,
            before.span.who(),
            before.server,
            before.token
        );
        Finding::new("failover", what, before.span.lines().chain(one.span.lines()))
    });
    found.collect()
}

/// A record goes when its server was taken over for or has left, and then nobody takes over for it again.
fn once(facts: &Facts<'_>, take_overs: &[TakeOver<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut crossed_out: HashMap<&str, &Record> = HashMap::new();
    // Whether those have left that nobody reported is not known.
    let mut served: HashSet<&str> = HashSet::new();
    let mut left: HashSet<&str> = HashSet::new();
    for &record in &facts.records {
        match &record.event {
            Event::Server { server, standing: ServerState::Leaves } => drop(left.insert(server)),
            Event::Server { server, .. } => drop(served.insert(server)),
            Event::CrossedOut { server } => {
                crossed_out.insert(server, record);
                let done = |take_over: &TakeOver<'_>| {
                    let ended = take_over.span.end.is_some_and(|end| end.at < record.at);
                    take_over.server == server && take_over.done && ended
                };
                if served.contains(server.as_str()) && !left.contains(server.as_str()) && !take_overs.iter().any(done) {
                    let what = format!("the record of {server} went though nobody had taken over for it");
                    findings.push(Finding::new("failover", what, [record]));
                }
            }
            Event::Unfinished { server } => {
                let what = format!("{server} has neither left nor been taken over for");
                findings.push(Finding::new("failover", what, [record]));
            }
            Event::TakesOver { server, .. } => {
                if let Some(out) = crossed_out.get(server.as_str()).filter(|_| !stood_still_before(facts, record)) {
                    let what = format!("{:?} took over for {server} once more", record.who);
                    findings.push(Finding::new("failover", what, [*out, record]));
                }
            }
            _ => {}
        }
    }
    findings
}

/// Nobody takes over for a server that serves and is able to know better.
fn of_the_living(facts: &Facts<'_>, take_overs: &[TakeOver<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let serving = Serving::of(facts);
    for take_over in take_overs {
        let at = take_over.span.from.at;
        let Some((told, who)) = serving.at(take_over.server, at) else { continue };
        let over = facts.lives.get(&who).is_some_and(|life| life.over() <= at);
        if !over && !facts.stood_still(who, at.saturating_sub(BEFORE), at) {
            let what = format!("{:?} took over for {} while it served", take_over.span.who(), take_over.server);
            findings.push(Finding::new("failover", what, [told, take_over.span.from]));
        }
    }
    findings
}

/// At the end everybody sees the same servers, and these are all that serve.
fn seen(facts: &Facts<'_>) -> Vec<Finding> {
    let serving = Serving::of(facts);
    let views = facts.records.iter().filter_map(|record| match &record.event {
        Event::Seen { servers } => Some((*record, servers)),
        _ => None,
    });
    let wrong = views.filter_map(|(record, servers)| {
        let there: Vec<&str> = serving.all(record.at);
        let what = format!("{:?} sees {servers:?} at the end, but those who serve are {there:?}", record.who);
        (*servers != there).then(|| Finding::new("membership", what, [record]))
    });
    wrong.collect()
}

/// Every line on how a server stands, by the address.
struct Serving<'h>(BTreeMap<&'h str, Vec<(&'h Record, &'h str, ServerState)>>);

impl<'h> Serving<'h> {
    fn of(facts: &Facts<'h>) -> Self {
        let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for &record in &facts.records {
            if let Event::Server { server, standing } = &record.event {
                lines.entry(address(server)).or_default().push((record, server.as_str(), *standing));
            }
        }
        Serving(lines)
    }

    /// The line that tells that a server serves, if it is the last on its address.
    fn at(&self, server: &str, at: Nanos) -> Option<(&'h Record, Who)> {
        let lines = self.0.get(address(server))?;
        let (record, name, standing) = lines[..lines.partition_point(|(record, ..)| record.at <= at)].last()?;
        (*name == server && *standing == ServerState::Serves).then_some((*record, record.who))
    }

    /// All that serve.
    fn all(&self, at: Nanos) -> Vec<&'h str> {
        let last =
            self.0.values().filter_map(|lines| lines[..lines.partition_point(|(record, ..)| record.at <= at)].last());
        let serving = last.filter(|(.., standing)| *standing == ServerState::Serves);
        serving.map(|(_, server, _)| *server).collect()
    }
}

fn stood_still_before(facts: &Facts<'_>, record: &Record) -> bool {
    facts.stood_still(record.who, record.at.saturating_sub(BEFORE), record.at)
}

/// Role and address, without the life.
fn address(server: &str) -> &str {
    server.split_once('/').map_or(server, |(address, _)| address)
}

fn role(server: &str) -> &str {
    server.split_once('_').map_or(server, |(role, _)| role)
}

//! When the servers were not themselves: a new leader, or a member that was started again, may count sessions' timeouts
//! from the beginning (contract 4.2).

use std::collections::{HashMap, HashSet};

use crate::history::{Answer, Event, Nanos, Record, Who};

/// How long servers may answer nobody before it is held against the machine.
const SILENCE: Nanos = 1_000_000_000;

/// The times in which faults were made, or no member led, or another began to: in the order in which they began. Those
/// that concern one client alone are named after it.
pub(crate) struct Disturbances(Vec<(Nanos, Nanos, Option<u32>)>);

impl Disturbances {
    pub(crate) fn of(records: &[&Record], end: Nanos) -> Self {
        let mut times = Vec::new();
        let mut open = HashMap::new();
        let mut leaderless = None;
        for record in records {
            match &record.event {
                Event::Fault { fault, whom, .. } => {
                    open.insert(*fault, (client(whom), record.at));
                }
                Event::Undone { fault } => times.extend(open.remove(fault).map(|(whom, from)| (from, record.at, whom))),
                Event::Leader { member: None } => {
                    leaderless.get_or_insert(record.at);
                }
                Event::Leader { member: Some(_) } => {
                    times.push((leaderless.take().unwrap_or(record.at), record.at, None))
                }
                _ => {}
            }
        }
        times.extend(open.into_values().map(|(whom, from)| (from, end, whom)));
        times.extend(leaderless.map(|from| (from, end, None)));
        times.extend(silences(records).into_iter().map(|(from, until)| (from, until, None)));
        times.sort_unstable();
        Disturbances(times)
    }

    /// When a client's session of that timeout, which sent nothing after `sent`, has ended at the latest, with `grace`
    /// for the servers to notice. What its network holds back arrives as soon as it can.
    pub(crate) fn over(&self, who: Who, sent: Nanos, timeout: Nanos, grace: Nanos) -> Nanos {
        let mut over = sent.saturating_add(timeout + grace);
        for (from, until, whom) in &self.0 {
            let concerned = whom.is_none_or(|client| matches!(who, Who::Client(number, _) if number == client));
            if concerned && *until > sent && *from <= over {
                over = over.max(until + timeout + grace);
            }
        }
        over
    }
}

/// When the servers answered nobody although several asked: they had no processor.
fn silences(records: &[&Record]) -> Vec<(Nanos, Nanos)> {
    let mut silences = Vec::new();
    let mut answered = records.first().map_or(0, |record| record.at);
    let mut asked = HashSet::new();
    for record in records {
        match &record.event {
            Event::Called { .. } => {
                asked.insert(record.who);
            }
            Event::Answered { answer, .. } if !matches!(answer, Answer::Failed { .. }) => {
                if record.at - answered > SILENCE && asked.len() > 1 {
                    silences.push((answered, record.at));
                }
                answered = record.at;
                asked.clear();
            }
            // What it asked for is not to be heard.
            Event::Process { client, life, .. } => {
                asked.remove(&Who::Client(*client, *life));
            }
            _ => {}
        }
    }
    silences
}

impl Disturbances {
    /// When that client or the servers were disturbed.
    pub(crate) fn of_client(&self, who: Who) -> impl Iterator<Item = (Nanos, Nanos)> {
        let concerns = move |whom: &Option<u32>| {
            whom.is_none_or(|client| matches!(who, Who::Client(number, _) if number == client))
        };
        self.0.iter().filter(move |(.., whom)| concerns(whom)).map(|(from, until, _)| (*from, *until))
    }
}

/// The number of the client among those that a fault is made to; `None` if there is none.
pub(crate) fn client(whom: &[String]) -> Option<u32> {
    whom.iter().find_map(|name| name.strip_prefix("client ")?.parse().ok())
}

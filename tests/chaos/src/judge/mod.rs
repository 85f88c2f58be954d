//! Whether a history keeps the contract: a file for each law, and what they all have to know of the run.
//!
//! The judge takes a history as it was written and nothing on trust but the machine's clock, which all processes of a
//! run share. Where lines can't tell whether a law was broken, it was not. Every law goes through the history a few
//! times at most, so that a million lines are no trouble.

mod calls;
mod counters;
mod deadlines;
mod ephemerals;
pub(crate) mod facts;
pub(crate) mod failovers;
mod fencing;
pub(crate) mod holders;
mod leftovers;
mod loss;
mod mirrors;
mod queues;
mod reads;
mod renewal;
mod servers;
mod sessions;
pub(crate) mod spans;
mod takeovers;
mod values;
mod watches;
mod writes;
mod wrong;

use serde::{Deserialize, Serialize};

use self::facts::Facts;
use crate::history::{Nanos, Record, Who};

/// A place where the history breaks the contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The clause of the contract.
    pub clause: String,
    /// When it was seen.
    pub at: Nanos,
    /// Whose calls or lines show it.
    pub who: Vec<Who>,
    /// What is wrong.
    pub what: String,
    /// The lines that show it.
    pub records: Vec<Record>,
}

impl Finding {
    /// What these lines show, in their order; it was seen with the last of them.
    fn new<'h>(clause: &str, what: impl Into<String>, records: impl IntoIterator<Item = &'h Record>) -> Self {
        let mut records: Vec<Record> = records.into_iter().cloned().collect();
        records.sort_by_key(|record| record.at);
        let mut who: Vec<Who> = records.iter().map(|record| record.who).collect();
        who.sort_unstable();
        who.dedup();
        let at = records.last().map_or(0, |record| record.at);
        Finding { clause: clause.to_owned(), at, who, what: what.into(), records }
    }
}

/// Holds a history to the contract: what is found wrong, in the order of time. The lines may come in any order.
pub fn judge(history: &[Record]) -> Vec<Finding> {
    let facts = Facts::of(history);
    let laws = [
        holders::judge,
        fencing::judge,
        queues::judge,
        watches::judge,
        mirrors::judge,
        values::judge,
        writes::judge,
        counters::judge,
        reads::judge,
        ephemerals::judge,
        renewal::judge,
        takeovers::judge,
        failovers::judge,
        deadlines::judge,
        sessions::judge,
        loss::judge,
        leftovers::judge,
        wrong::judge,
    ];
    let mut findings: Vec<_> = laws.iter().flat_map(|law| law(&facts)).collect();
    findings.sort_by_key(|finding| finding.at);
    findings
}

#[cfg(test)]
mod tests;

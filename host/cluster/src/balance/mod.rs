//! Choosing one of a group's normal workers.
//!
//! Every way is a plain function of the candidates and of what it remembers, by their addresses; none asks for the
//! time. Who is abnormal, busy or can't be read is not a candidate. What a worker doesn't tell of itself never makes it
//! better than one that does: it counts like the worst figure that another one tells.

mod candidate;
mod cycle;
mod lower;
mod random;
mod smooth;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use registry_config::value;
use registry_host::{Error, ErrorKind, Result};
use serde::Deserialize;

pub use self::{
    candidate::{Candidate, WARM_UP},
    cycle::Cycle,
    lower::LowerWeight,
    random::random,
    smooth::Smooth,
};
use crate::Member;

/// How a worker is chosen: `registry.cluster.host-selector`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Selector {
    /// By chance, as often as its host weight says.
    Random,
    /// In turn, as often as its host weight says, which counts in part while it is young.
    RoundRobin,
    /// By load: of those with the fewest waiting tasks, the lower the weight of cpu, memory and load, the more often.
    #[default]
    LowerWeight,
    /// In turn, as often as its host weight says.
    FixedWeightedRoundRobin,
    /// In turn, as often as its use of cpu, memory and threads leaves room.
    DynamicWeightedRoundRobin,
}

value!(Selector, "random, round-robin, lower-weight, fixed-weighted-round-robin or dynamic-weighted-round-robin");

/// Chooses workers, and remembers what it has chosen.
#[derive(Debug)]
pub struct Balancer {
    selector: Selector,
    groups: HashMap<String, Memory>,
}

#[derive(Debug)]
enum Memory {
    Random,
    Smooth(Smooth),
    Lower(LowerWeight),
    Fixed(Cycle),
    Dynamic(Cycle),
}

impl Balancer {
    /// One that has chosen nothing yet.
    pub fn new(selector: Selector) -> Self {
        Balancer { selector, groups: HashMap::new() }
    }

    /// Chooses one of a group's members.
    ///
    /// # Errors
    ///
    /// `NotFound` if none of them is normal; it names the group, and says how many there are and what is wrong with
    /// them.
    pub fn choose(&mut self, group: &str, members: &[Arc<Member>]) -> Result<Arc<Member>> {
        let (normal, candidates) = Candidate::all(members);
        if !self.groups.contains_key(group) {
            // One that nobody is in any more need not be remembered.
            if candidates.is_empty() {
                return Err(nobody(group, members));
            }
            self.groups.insert(group.to_owned(), Memory::new(self.selector));
        }
        let chosen = self.groups.get_mut(group).and_then(|memory| memory.choose(&candidates));
        match chosen.and_then(|at| normal.get(at)) {
            Some(member) => Ok(Arc::clone(*member)),
            None => {
                self.groups.remove(group);
                Err(nobody(group, members))
            }
        }
    }
}

impl Memory {
    fn new(selector: Selector) -> Self {
        match selector {
            Selector::Random => Memory::Random,
            Selector::RoundRobin => Memory::Smooth(Smooth::default()),
            Selector::LowerWeight => Memory::Lower(LowerWeight::default()),
            Selector::FixedWeightedRoundRobin => Memory::Fixed(Cycle::default()),
            Selector::DynamicWeightedRoundRobin => Memory::Dynamic(Cycle::default()),
        }
    }

    fn choose(&mut self, candidates: &[Candidate<'_>]) -> Option<usize> {
        match self {
            Memory::Random => random(candidates, fastrand::f64()),
            Memory::Smooth(smooth) => smooth.choose(candidates),
            Memory::Lower(lower) => lower.choose(candidates),
            Memory::Fixed(cycle) => cycle.choose(candidates, Candidate::host_weight),
            Memory::Dynamic(cycle) => cycle.choose(candidates, Candidate::room),
        }
    }
}

fn nobody(group: &str, members: &[Arc<Member>]) -> Error {
    let message = if members.is_empty() {
        format!("there is no worker in the group {group:?}")
    } else {
        let count = |status| members.iter().filter(|member| member.status() == status).count();
        let (abnormal, busy) = (count(Some(crate::Status::Abnormal)), count(Some(crate::Status::Busy)));
        let (draining, unreadable) = (count(Some(crate::Status::Draining)), count(None));
        format!(
            "there is no normal worker in the group {group:?}: of {} workers {abnormal} are abnormal, {busy} busy, \
             {draining} draining, and of {unreadable} the heartbeat can't be read",
            members.len()
        )
    };
    Error::new(ErrorKind::NotFound, message).set_retryable(true)
}

//! The ways by their names.

use std::{fmt, str::FromStr};

use registry_balance::Smooth;

use super::{Candidate, consistent, least_active, random, shortest_response};

/// How a provider is chosen; the names are those of Dubbo's parameter `loadbalance`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// By chance, as often as its weight says.
    #[default]
    Random,
    /// In turn, as often as its weight says.
    RoundRobin,
    /// The one with the fewest calls on their way.
    LeastActive,
    /// The one that would answer soonest.
    ShortestResponse,
    /// The same one for the same key.
    ConsistentHash,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Random, Self::RoundRobin, Self::LeastActive, Self::ShortestResponse, Self::ConsistentHash];

    /// Its name: `random`, `roundrobin`, `leastactive`, `shortestresponse` or `consistenthash`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::RoundRobin => "roundrobin",
            Self::LeastActive => "leastactive",
            Self::ShortestResponse => "shortestresponse",
            Self::ConsistentHash => "consistenthash",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|policy| policy.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("loadbalance {name:?} is unknown; accepted: {names}")
        })
    }
}

/// Chooses by one policy, and remembers what that needs.
#[derive(Clone, Debug, Default)]
pub struct Chooser {
    policy: Policy,
    turns: Smooth,
}

impl Chooser {
    /// One that has chosen nothing yet.
    pub fn new(policy: Policy) -> Self {
        Chooser { policy, turns: Smooth::default() }
    }

    /// Chooses one, `None` if there is nobody. The key is what [`Policy::ConsistentHash`] goes by, `chance` is anywhere
    /// from 0 to 1, without the 1.
    pub fn choose(&mut self, candidates: &[Candidate<'_>], key: &str, chance: f64) -> Option<usize> {
        match self.policy {
            Policy::Random => random(candidates, chance),
            Policy::RoundRobin => self.in_turn(candidates),
            Policy::LeastActive => least_active(candidates, chance),
            Policy::ShortestResponse => shortest_response(candidates, chance),
            Policy::ConsistentHash => consistent(candidates, key),
        }
    }

    fn in_turn(&mut self, candidates: &[Candidate<'_>]) -> Option<usize> {
        match candidates.iter().all(|candidate| candidate.weight <= 0.0) {
            true => self.turns.choose(candidates.iter().map(|candidate| (candidate.key, 1.0))),
            false => self.turns.choose(candidates.iter().map(|candidate| (candidate.key, candidate.weight.max(0.0)))),
        }
    }
}

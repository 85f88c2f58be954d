//! Who can be chosen, and the ways that remember nothing.

use std::time::Duration;

/// A provider that can be called, and what speaks for or against it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<'a> {
    /// Its address: by this it is known again.
    pub key: &'a str,
    /// How often it is to be chosen beside others: see [`weight`](super::weight).
    pub weight: f64,
    /// How many of this consumer's calls it has not answered yet.
    pub active: usize,
    /// How long it has taken to answer, on average; zero if it never has.
    pub response: Duration,
}

impl Candidate<'_> {
    /// How long a call more may take it, as it answers those before first.
    fn estimate(&self) -> Duration {
        self.response.saturating_mul(u32::try_from(self.active).unwrap_or(u32::MAX).saturating_add(1))
    }
}

/// Chooses as often as the weights say; `chance` is anywhere from 0 to 1, without the 1. `None` if there is nobody.
///
/// Who weighs 0 is chosen only where all do.
pub fn random(candidates: &[Candidate<'_>], chance: f64) -> Option<usize> {
    match candidates.iter().all(|candidate| candidate.weight <= 0.0) {
        true => registry_balance::random(candidates.iter().map(|_| 1.0), chance),
        false => registry_balance::random(candidates.iter().map(|candidate| candidate.weight.max(0.0)), chance),
    }
}

/// Chooses by chance among those with the fewest calls on their way.
pub fn least_active(candidates: &[Candidate<'_>], chance: f64) -> Option<usize> {
    least(candidates, |candidate| candidate.active, chance)
}

/// Chooses by chance among those that would answer soonest: response time times calls on their way.
pub fn shortest_response(candidates: &[Candidate<'_>], chance: f64) -> Option<usize> {
    least(candidates, |candidate| candidate.estimate(), chance)
}

/// The one that was chosen before, as long as it is there.
pub fn sticky(candidates: &[Candidate<'_>], former: &str) -> Option<usize> {
    candidates.iter().position(|candidate| candidate.key == former)
}

/// Those in the wanted zone; all if there is none. `is_near` tells whether one is there.
pub fn in_zone<T: Copy>(all: &[T], is_near: impl Fn(T) -> bool) -> Vec<T> {
    let near: Vec<T> = all.iter().copied().filter(|one| is_near(*one)).collect();
    if near.is_empty() { all.to_vec() } else { near }
}

fn least<K: Ord>(candidates: &[Candidate<'_>], key: impl Fn(&Candidate<'_>) -> K, chance: f64) -> Option<usize> {
    // Who weighs nothing is idle because of that.
    let weighs = |candidate: &Candidate<'_>| candidate.weight > 0.0;
    let nobody_weighs = !candidates.iter().any(weighs);
    let taking_part = |candidate: &Candidate<'_>| nobody_weighs || weighs(candidate);
    let fewest = candidates.iter().filter(|candidate| taking_part(candidate)).map(&key).min()?;
    let best = |candidate: &Candidate<'_>| taking_part(candidate) && key(candidate) == fewest;
    let (places, best): (Vec<_>, Vec<_>) =
        candidates.iter().copied().enumerate().filter(|(_, candidate)| best(candidate)).unzip();
    random(&best, chance).map(|at| places[at])
}

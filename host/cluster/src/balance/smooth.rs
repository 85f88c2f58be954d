//! Smooth weighted round robin.

use std::collections::HashMap;

use super::Candidate;

/// Turns by host weight, spread as evenly as can be: each choice adds its weight to everyone's credit, takes who has
/// the most, and has him pay the sum of all weights.
#[derive(Clone, Debug, Default)]
pub struct Smooth {
    credits: HashMap<String, f64>,
}

impl Smooth {
    /// Chooses one; `None` if there is nobody.
    pub fn choose(&mut self, candidates: &[Candidate<'_>]) -> Option<usize> {
        forget_others(&mut self.credits, candidates);
        let mut total = 0.0;
        let mut best: Option<(usize, f64)> = None;
        for (at, candidate) in candidates.iter().enumerate() {
            let weight = candidate.warm_weight();
            total += weight;
            let credit = self.credits.entry(candidate.address().to_owned()).or_default();
            *credit += weight;
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((at, *credit));
            }
        }
        let (at, _) = best?;
        *self.credits.entry(candidates[at].address().to_owned()).or_default() -= total;
        Some(at)
    }
}

/// Keeps what is remembered of the candidates alone.
pub(super) fn forget_others(remembered: &mut HashMap<String, f64>, candidates: &[Candidate<'_>]) {
    let all_there = candidates.iter().all(|candidate| remembered.contains_key(candidate.address()));
    if !all_there || remembered.len() != candidates.len() {
        let mut kept = HashMap::with_capacity(candidates.len());
        for candidate in candidates {
            let value = remembered.get(candidate.address()).copied().unwrap_or_default();
            kept.insert(candidate.address().to_owned(), value);
        }
        *remembered = kept;
    }
}

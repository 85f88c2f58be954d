//! Smooth weighted round robin.

use super::Candidate;

/// Turns by host weight, spread as evenly as can be: each choice adds its weight to everyone's credit, takes who has
/// the most, and has him pay the sum of all weights.
#[derive(Clone, Debug, Default)]
pub struct Smooth(registry_balance::Smooth);

impl Smooth {
    /// Chooses one; `None` if there is nobody.
    pub fn choose(&mut self, candidates: &[Candidate<'_>]) -> Option<usize> {
        self.0.choose(candidates.iter().map(|candidate| (candidate.address(), candidate.warm_weight())))
    }
}

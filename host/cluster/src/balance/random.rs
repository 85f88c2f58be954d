//! By chance.

use super::Candidate;

/// Chooses as often as the host weights say; `chance` is anywhere from 0 to 1, without the 1.
pub fn random(candidates: &[Candidate<'_>], chance: f64) -> Option<usize> {
    registry_balance::random(candidates.iter().map(Candidate::host_weight), chance)
}

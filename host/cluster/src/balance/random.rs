//! By chance.

use super::Candidate;

/// Chooses as often as the host weights say; `chance` is anywhere from 0 to 1, without the 1.
pub fn random(candidates: &[Candidate<'_>], chance: f64) -> Option<usize> {
    let total: f64 = candidates.iter().map(Candidate::host_weight).sum();
    let mut left = chance.clamp(0.0, 1.0) * total;
    let found = candidates.iter().position(|candidate| {
        left -= candidate.host_weight();
        left < 0.0
    });
    // Sums of many weights are not quite exact.
    found.or_else(|| candidates.len().checked_sub(1))
}

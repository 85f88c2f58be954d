//! By chance.

/// Chooses as often as the weights say; `chance` is anywhere from 0 to 1, without the 1. `None` if there is nobody.
pub fn random(weights: impl ExactSizeIterator<Item = f64> + Clone, chance: f64) -> Option<usize> {
    let last = weights.len().checked_sub(1);
    let total: f64 = weights.clone().sum();
    let mut left = chance.clamp(0.0, 1.0) * total;
    let mut weights = weights;
    let found = weights.position(|weight| {
        left -= weight;
        left < 0.0
    });
    // Sums of many weights are not quite exact.
    found.or(last)
}

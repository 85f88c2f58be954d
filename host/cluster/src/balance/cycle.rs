//! Weighted round robin as DolphinScheduler's later versions have it.

use registry_balance::Credits;

use super::Candidate;

/// Turns round the circle: each worker in turn adds its weight to its credit, and one with the sum of all weights pays
/// that and is chosen.
#[derive(Clone, Debug, Default)]
pub struct Cycle {
    next: usize,
    credits: Credits,
}

impl Cycle {
    /// Chooses one by this weight, which counts as 1 if it is less; `None` if there is nobody.
    pub fn choose<'a>(
        &mut self,
        candidates: &[Candidate<'a>],
        weight: impl Fn(&Candidate<'a>) -> f64,
    ) -> Option<usize> {
        self.credits.keep(candidates.iter().map(Candidate::address));
        let weight = |candidate: &Candidate<'a>| weight(candidate).max(1.0);
        let total: f64 = candidates.iter().map(weight).sum();
        if candidates.is_empty() {
            return None;
        }
        // Each round gives all together the price of one: after as many as there are candidates one has it.
        for _ in 0..=candidates.len() * candidates.len() {
            let at = self.next % candidates.len();
            self.next = at + 1;
            let credit = self.credits.of(candidates[at].address());
            *credit += weight(&candidates[at]);
            if *credit >= total {
                *credit -= total;
                return Some(at);
            }
        }
        Some(self.next % candidates.len())
    }
}

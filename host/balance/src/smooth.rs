//! Smooth weighted round robin.

use crate::Credits;

/// Turns by weight, spread as evenly as can be: each choice adds its weight to everyone's credit, takes who has the
/// most, and has him pay the sum of all weights.
#[derive(Clone, Debug, Default)]
pub struct Smooth(Credits);

impl Smooth {
    /// Chooses one; `None` if there is nobody.
    pub fn choose<'a>(&mut self, weighed: impl Iterator<Item = (&'a str, f64)> + Clone) -> Option<usize> {
        self.0.keep(weighed.clone().map(|(key, _)| key));
        let mut total = 0.0;
        let mut best: Option<(usize, &str, f64)> = None;
        for (at, (key, weight)) in weighed.enumerate() {
            total += weight;
            let credit = self.0.of(key);
            *credit += weight;
            if best.is_none_or(|(_, _, most)| *credit > most) {
                best = Some((at, key, *credit));
            }
        }
        let (at, key, _) = best?;
        *self.0.of(key) -= total;
        Some(at)
    }
}

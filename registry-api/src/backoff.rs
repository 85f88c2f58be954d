//! Pauses between attempts.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Pauses between attempts, without end: each is twice as long as the one before, up to the longest.
///
/// Jitter makes each up to twice as long, so that many who try again don't do so at once.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    pauses: ExponentialBackoff,
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Backoff { first, longest, pauses: pauses(first, longest) }
    }

    /// How long to wait before the next attempt.
    pub fn next_pause(&mut self) -> Duration {
        self.pauses.next().unwrap_or(self.longest)
    }

    /// Begins with the first pause again, as after an attempt that succeeded.
    pub fn reset(&mut self) {
        self.pauses = pauses(self.first, self.longest);
    }
}

fn pauses(first: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).without_max_times().with_jitter().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_maximum_until_reset() {
        let (first, longest) = (Duration::from_millis(10), Duration::from_millis(80));
        let mut backoff = Backoff::new(first, longest);
        for _ in 0..2 {
            assert!((first..=2 * first).contains(&backoff.next_pause()));
            let later: Vec<_> = (0..1_000).map(|_| backoff.next_pause()).skip(3).collect();
            assert!(later.iter().all(|pause| (longest..=2 * longest).contains(pause)), "{later:?}");
            backoff.reset();
        }
    }
}

//! How often and how long something is tried again.

use std::{iter, time::Duration};

use registry_plugin::Backoff;

/// How often and how long a request is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    /// The first pause, after every endpoint was tried once.
    pub(crate) delay: Duration,
    /// The longest pause; jitter may double it.
    pub(crate) max_delay: Duration,
    /// All pauses together.
    pub(crate) max_duration: Duration,
}

impl Retry {
    /// Growing pauses with jitter, until their sum is reached.
    pub(super) fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let max_duration = self.max_duration;
        let (mut backoff, mut sum) = (self.backoff(), Duration::ZERO);
        iter::from_fn(move || {
            let pause = backoff.next_pause();
            sum += pause;
            (sum <= max_duration).then_some(pause)
        })
    }

    /// The pauses of what is tried without end.
    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.delay, self.max_delay)
    }
}

//! How often and how long something is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How often and how long a request is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    /// The first pause, after every endpoint was tried once.
    pub(crate) delay: Duration,
    /// The longest pause; jitter of up to the first comes on top.
    pub(crate) max_delay: Duration,
    /// All pauses together.
    pub(crate) max_duration: Duration,
}

impl Retry {
    /// Growing pauses with jitter, until their sum is reached.
    pub(super) fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let max_duration = self.max_duration;
        self.endless().scan(Duration::ZERO, move |sum, pause| {
            *sum += pause;
            (*sum <= max_duration).then_some(pause)
        })
    }

    /// Growing pauses with jitter, for ever.
    pub(crate) fn endless(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.delay)
            .with_max_delay(self.max_delay)
            .with_jitter()
            .without_max_times()
            .build()
    }
}

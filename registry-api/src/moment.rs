//! A clock that goes on while the machine sleeps.

use std::{ops::Add, time::Duration};

/// A moment on a clock that runs while the machine sleeps (`CLOCK_BOOTTIME`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment(u64);

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // The clock starts at the boot, so that neither part is ever negative.
        Moment(now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs())
    }

    /// The moment of that many nanoseconds on the clock, as [`as_nanos`](Self::as_nanos) gives them.
    pub fn from_nanos(nanos: u64) -> Self {
        Moment(nanos)
    }

    /// What the clock shows, in nanoseconds.
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// How much later this is than `earlier`; zero if it isn't.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

//! Whether this process has stood still, so that its session may have expired unnoticed.
//!
//! A process that was stopped, or whose machine slept, goes on where it was: for a moment it believes what it believed
//! before. It is told that its session is lost as soon as somebody looks at the clock, which may be somebody else than
//! who asks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use registry_host::{Moment, Registry};
use tokio::time::sleep;

use crate::{
    compat::dolphinscheduler::layout::NODES,
    task::{self, Task},
};

/// What part of the session's timeout it may stand still: less than what sessions are given up before they end, which
/// is a tenth at least.
const STILL: u32 = 12;

/// How many beats there are in that time.
const BEATS: u32 = 3;

/// Beats as long as the process runs and its session is not known to have ended.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// When it beat last, in nanoseconds of [`Moment`].
    last: Arc<AtomicU64>,
    _beating: Task,
}

impl Pulse {
    pub(crate) fn begin(registry: &Registry) -> Self {
        let last = Arc::new(AtomicU64::new(Moment::now().as_nanos()));
        let (registry, beaten) = (registry.clone(), Arc::clone(&last));
        let _beating = task::spawn("looking at the clock", move || beat(registry.clone(), Arc::clone(&beaten)));
        Pulse { last, _beating }
    }

    /// Whether it has beaten of late; if not, nothing is known of the session until it does again.
    pub(crate) fn is_felt(&self, registry: &Registry) -> bool {
        !is_still(at(&self.last), Moment::now(), registry.session().timeout())
    }
}

async fn beat(registry: Registry, last: Arc<AtomicU64>) {
    loop {
        let timeout = registry.session().timeout();
        sleep((timeout / STILL / BEATS).max(Duration::from_millis(1))).await;
        let now = Moment::now();
        // No call is sent before the clock was looked at. One that was answered proves that there is a session, and if
        // it is another one, that all have been told before.
        if !is_still(at(&last), now, timeout) || registry.get(NODES).await.is_ok() {
            last.store(now.as_nanos(), Ordering::Relaxed);
        }
    }
}

fn at(last: &AtomicU64) -> Moment {
    Moment::from_nanos(last.load(Ordering::Relaxed))
}

fn is_still(last: Moment, now: Moment, timeout: Duration) -> bool {
    now.since(last) > timeout / STILL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pulse_stops_before_a_session_can_expire() {
        let timeout = Duration::from_secs(12);
        let last = Moment::now();
        assert!(!is_still(last, last + Duration::from_secs(1), timeout));
        assert!(is_still(last, last + Duration::from_nanos(1_000_000_001), timeout));
        // Of two threads the other may have read the clock later.
        assert!(!is_still(last + Duration::from_nanos(1), last, timeout));
    }
}

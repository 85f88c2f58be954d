//! How late the machine is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use registry_chaos::history::now;
use tokio::{task::AbortHandle, time::sleep};

/// How often it is looked.
const TICK: Duration = Duration::from_millis(10);
/// What a timer may be late by on a machine that has time.
const USUAL: Duration = Duration::from_millis(15);

/// Measures by how much more than usual a timer of this process is late, all in all: what is late then is not to blame.
pub(crate) struct Stalls {
    ticks: Arc<Ticks>,
    ticking: AbortHandle,
}

#[derive(Default)]
struct Ticks {
    /// In nanoseconds.
    total: AtomicU64,
    last: AtomicU64,
}

impl Stalls {
    /// Measures until this is dropped.
    pub(crate) fn measure() -> Self {
        let ticks = Arc::new(Ticks { last: AtomicU64::new(now()), ..Ticks::default() });
        let measured = Arc::clone(&ticks);
        let ticking = tokio::spawn(async move {
            loop {
                sleep(TICK).await;
                let at = now();
                measured.total.fetch_add(measured.late(at), Ordering::Relaxed);
                measured.last.store(at, Ordering::Relaxed);
            }
        });
        Stalls { ticks, ticking: ticking.abort_handle() }
    }

    /// How late it was until now; the difference between two is what it was in between.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.ticks.total.load(Ordering::Relaxed) + self.ticks.late(now()))
    }
}

impl Ticks {
    /// By how much the tick after the last one is late.
    fn late(&self, at: u64) -> u64 {
        let usual = (TICK + USUAL).as_nanos() as u64;
        at.saturating_sub(self.last.load(Ordering::Relaxed) + usual)
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

//! How fast this machine computes at the moment, so that a busy one is not taken for a backend that is slow.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How much is computed to measure the pace: more than a scheduler gives at a stretch, or it would see nobody beside
/// it.
const BURST: Duration = Duration::from_millis(25);

/// The most that a limit is stretched.
const MOST: f64 = 40.0;

/// By how much a thread of this process is slowed down by what else runs: 1 on an idle machine.
///
/// # Behavior
///
/// Computes for 25 ms of processor time, and so takes longer the busier the machine is. For the moment when a limit has
/// passed, not for every wait.
pub async fn slowdown() -> f64 {
    // A panic of the measurement is no reason to give more time.
    tokio::task::spawn_blocking(measured).await.unwrap_or(1.0)
}

fn measured() -> f64 {
    let (began, used) = (Instant::now(), processor_time());
    while processor_time() - used < BURST {
        std::hint::spin_loop();
    }
    (began.elapsed().as_secs_f64() / BURST.as_secs_f64()).clamp(1.0, MOST)
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Waits for a future, as [`tokio::time::timeout`] does, but stretches the limit by as much as the machine is slowed
/// down when it passes. `None` if the future was not ready by then.
///
/// # Cancellation
///
/// Drops the future.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let began = Instant::now();
    let mut allowed = limit;
    loop {
        let left = allowed.saturating_sub(began.elapsed());
        if let Ok(output) = tokio::time::timeout(left, &mut future).await {
            return Some(output);
        }
        allowed = limit.mul_f64(slowdown().await);
        if began.elapsed() >= allowed {
            return None;
        }
    }
}

/// Whether no more time than this has passed since then, stretched by as much as the machine is slowed down.
pub async fn is_within(limit: Duration, began: Instant) -> bool {
    began.elapsed() <= limit || began.elapsed() <= limit.mul_f64(slowdown().await)
}

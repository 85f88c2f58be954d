//! Waiting for a condition, up to a deadline.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, sleep, timeout};

/// How long something may take that should happen at once, on a busy machine.
pub const SOON: Duration = Duration::from_secs(15);

const PAUSE: Duration = Duration::from_millis(10);

/// Waits until the condition holds.
///
/// # Panics
///
/// If it does not hold within `limit`.
pub async fn wait_until(what: impl Display, limit: Duration, mut condition: impl FnMut() -> bool) {
    eventually(what, limit, async || condition().then_some(())).await;
}

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// If there is none within `limit`.
pub async fn eventually<T>(what: impl Display, limit: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = within(&what, limit, ask()).await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(PAUSE).await;
    }
}

/// Waits for a future.
///
/// # Panics
///
/// If it is not ready within `limit`.
pub async fn within<T>(what: impl Display, limit: Duration, future: impl Future<Output = T>) -> T {
    match timeout(limit, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {limit:?}: {what}"),
    }
}

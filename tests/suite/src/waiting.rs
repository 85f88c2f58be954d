//! Waiting for a condition, up to a deadline.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use registry_conformance::pace;
use tokio::time::sleep;

/// How long something may take that should happen at once. As with every limit here, a busy machine stretches it.
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
    let began = Instant::now();
    loop {
        if let Some(answer) = within(&what, limit, ask()).await {
            return answer;
        }
        assert!(pace::is_within(limit, began).await, "not within {limit:?}: {what}");
        sleep(PAUSE).await;
    }
}

/// Waits for a future.
///
/// # Panics
///
/// If it is not ready within `limit`.
pub async fn within<T>(what: impl Display, limit: Duration, future: impl Future<Output = T>) -> T {
    match pace::timeout(limit, future).await {
        Some(value) => value,
        None => panic!("not within {limit:?}: {what}"),
    }
}

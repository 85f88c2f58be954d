//! Waiting for a condition, up to a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Far beyond what anything here takes, for machines under load.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

//! What a provider weighs.

use std::time::Duration;

use crate::ServiceUrl;

/// The weight of one that tells none.
pub const USUAL_WEIGHT: u32 = 100;

/// How long a provider is young unless it says so itself, in its parameter `warmup`.
pub const WARM_UP: Duration = Duration::from_secs(600);

/// How often a provider is to be chosen beside others, at a time in milliseconds since 1970.
///
/// # Behavior
///
/// `ruled` is the weight that a rule gives it, which may be 0. Without one it is the weight of its URL, in which 0
/// stands for none: dubbo-go writes that where nobody has given one. While it is young the weight is
/// `uptime / (warmup / weight)`, at least 1. One that tells no time of its start is not young, nor is one whose
/// `warmup` is 0.
pub fn weight(url: &ServiceUrl, ruled: Option<u32>, now_ms: u64) -> f64 {
    let weight = f64::from(ruled.or_else(|| url.weight()).unwrap_or(USUAL_WEIGHT));
    if weight == 0.0 {
        return weight;
    }
    let warm_up = match url.parameter("warmup").and_then(|written| written.parse().ok()) {
        Some(milliseconds) => Duration::from_millis(milliseconds),
        None => WARM_UP,
    };
    let Some(started) = url.timestamp_ms().filter(|_| !warm_up.is_zero()) else { return weight };
    // By clocks that differ it may yet have to start.
    let uptime = Duration::from_millis(now_ms.saturating_sub(started).max(1));
    let coldness = registry_balance::coldness(uptime.as_secs_f64(), warm_up.as_secs_f64());
    registry_balance::warm(weight, coldness)
}

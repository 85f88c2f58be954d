//! Values that only grow: each client's own, and those that all add to on the condition that nobody else has meanwhile.

use super::{TOP, Worker};

const OWN: u32 = 2;
const SHARED: u32 = 2;
const PAUSE: std::ops::Range<u64> = 60..220;

/// Puts values to keys that nobody else writes, and reads them.
pub(super) async fn add_to_own(mut worker: Worker) {
    while worker.works() {
        let key = format!("{TOP}/own/{}/{}", worker.client, worker.rng.u32(0..OWN));
        let calls = std::sync::Arc::clone(&worker.calls);
        // Errors are answers: what they may mean is told by the history.
        match worker.rng.u8(0..10) {
            0..6 => drop(calls.put(&key, false).await),
            6 => {
                let patience = worker.millis(0..40);
                drop(tokio::time::timeout(patience, calls.put(&key, false)).await);
            }
            7..9 => drop(calls.get(&key).await),
            _ => drop(calls.list(&format!("{TOP}/own")).await),
        }
        worker.rest(PAUSE).await;
    }
}

/// Adds one to a key that others add to as well.
pub(super) async fn add_to_shared(mut worker: Worker) {
    while worker.works() {
        let key = worker.one_of("shared", SHARED);
        let calls = std::sync::Arc::clone(&worker.calls);
        if let Ok(found) = calls.get(&key).await {
            let reached = found.as_ref().and_then(|entry| {
                let value = str::from_utf8(&entry.value).ok()?;
                value.split(' ').next()?.parse::<u64>().ok()
            });
            if found.is_some() && reached.is_none() {
                calls.log.wrong(format!("{key} counts, and is {found:?}"));
            }
            let value = format!("{} {}", reached.unwrap_or(0) + 1, calls.value());
            drop(calls.put_if(&key, value, found.map(|entry| entry.version)).await);
        }
        worker.rest(PAUSE).await;
    }
}

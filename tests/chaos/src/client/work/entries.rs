//! Entries that anybody makes, writes and deletes.

use std::sync::Arc;

use super::{TOP, Worker};

const KEYS: u32 = 3;

/// Makes, writes, reads and deletes entries.
pub(super) async fn come_and_go(mut worker: Worker) {
    while worker.works() {
        let key = worker.one_of("made", KEYS);
        let calls = Arc::clone(&worker.calls);
        match worker.rng.u8(0..10) {
            0..3 => drop(calls.put_if(&key, calls.value(), None).await),
            3..5 => drop(calls.put(&key, false).await),
            5..8 => drop(calls.delete(&key).await),
            8 => drop(calls.get(&key).await),
            _ => drop(calls.list(&format!("{TOP}/made")).await),
        }
        worker.rest(100..300).await;
    }
}

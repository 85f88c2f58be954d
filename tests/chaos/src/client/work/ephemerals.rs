//! Entries that go with the session.

use std::sync::Arc;

use super::{TOP, Worker};

/// Each client's own.
const OWN: u32 = 3;
/// Those that clients take over from each other.
const SHARED: u32 = 2;

/// Puts ephemeral entries and leaves them to the registry, for the most part.
pub(super) async fn keep(mut worker: Worker) {
    let calls = Arc::clone(&worker.calls);
    for number in 0..OWN {
        drop(calls.put(&own(&worker, number), true).await);
    }
    while worker.works() {
        let number = worker.rng.u32(0..OWN);
        let key = own(&worker, number);
        match worker.rng.u8(0..10) {
            0..4 => drop(calls.put(&key, true).await),
            4 => {
                drop(calls.delete(&key).await);
                worker.rest(0..400).await;
                drop(calls.put(&key, true).await);
            }
            5 => {
                let shared = worker.one_of("taken", SHARED);
                drop(calls.put(&shared, true).await);
            }
            6 => drop(calls.list(&format!("{TOP}/eph")).await),
            _ => drop(calls.get(&key).await),
        }
        worker.rest(200..700).await;
    }
}

fn own(worker: &Worker, number: u32) -> String {
    format!("{TOP}/eph/{}/{number}", worker.client)
}

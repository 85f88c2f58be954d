//! Entries that anybody makes, writes and deletes.

use std::sync::Arc;

use registry_host::Scope;

use super::{TOP, Worker};
use crate::client::watching::Watching;

const KEYS: u32 = 3;
/// The numbers before are those of watches that last.
const FIRST_WATCH: u32 = 10;

/// Makes, writes, reads and deletes entries, and watches them for a while.
pub(super) async fn come_and_go(mut worker: Worker) {
    let mut watches = FIRST_WATCH..;
    while worker.works() {
        let key = worker.one_of("made", KEYS);
        let calls = Arc::clone(&worker.calls);
        match worker.rng.u8(0..10) {
            0..3 => drop(calls.put_if(&key, calls.value(), None).await),
            3..5 => drop(calls.put(&key, false).await),
            5..8 => drop(calls.delete(&key).await),
            8 if worker.once_in_a_while(50) => {
                let watch = watches.next().unwrap_or(FIRST_WATCH);
                let watching = Watching::begin(&calls, watch, &key, Scope::Subtree);
                worker.rest(0..1_500).await;
                drop(watching);
            }
            8 => drop(calls.get(&key).await),
            _ => drop(calls.list(&format!("{TOP}/made")).await),
        }
        worker.rest(100..300).await;
    }
}

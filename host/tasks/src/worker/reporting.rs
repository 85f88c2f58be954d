//! Sending results until a master says that the record has them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::table::Key;
use super::{Shared, counts};
use crate::protocol::messages::{Decision, ReportRequest};
use crate::spool::Spooled;

/// How many results are sent at once.
const AT_ONCE: usize = 64;

/// How often the master is asked that the task came from, before any other.
const TRIES: usize = 3;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How often what the disk did not take is tried again.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Sends all results, each until it is recorded.
pub(super) async fn send_all(shared: Arc<Shared>) {
    let mut sending: JoinSet<Key> = JoinSet::new();
    let mut keys: HashSet<Key> = HashSet::new();
    loop {
        counts::held(&shared.me.address, shared.table.len(), shared.spool.count());
        for spooled in shared.spool.pending() {
            let key = (spooled.result.id.clone(), spooled.result.attempt);
            if keys.len() < AT_ONCE && keys.insert(key.clone()) {
                let shared = Arc::clone(&shared);
                sending.spawn(async move {
                    send(&shared, &spooled).await;
                    key
                });
            }
        }
        tokio::select! {
            Some(sent) = sending.join_next() => match sent {
                Ok(key) => drop(keys.remove(&key)),
                // It panicked: which one is found by starting again with all.
                Err(_) => {
                    sending.shutdown().await;
                    keys.clear();
                }
            },
            () = shared.results.notified() => {}
            () = sleep(SAVE_EVERY) => {
                let spool = Arc::clone(&shared.spool);
                let _ = tokio::task::spawn_blocking(move || spool.save()).await;
            }
        }
    }
}

/// Sends a result until a master says what has become of it.
async fn send(shared: &Arc<Shared>, spooled: &Spooled) {
    let (first, last) = (Duration::from_millis(100), Duration::from_secs(1));
    let mut short = ExponentialBuilder::new().with_min_delay(first).with_max_delay(last).without_max_times().build();
    for _ in 0..TRIES {
        if !masters(shared).contains(&spooled.master) {
            break;
        }
        if report(shared, spooled, &spooled.master).await {
            return;
        }
        sleep(short.next().unwrap_or(last)).await;
    }
    let (first, last) = (Duration::from_secs(1), Duration::from_secs(30));
    let mut pauses = ExponentialBuilder::new().with_min_delay(first).with_max_delay(last).without_max_times().build();
    loop {
        for master in masters(shared) {
            if report(shared, spooled, &master).await {
                return;
            }
        }
        let result = &spooled.result;
        tracing::warn!(task = %result.id, attempt = result.attempt, "no master takes a result, it is tried again");
        sleep(pauses.next().unwrap_or(last)).await;
    }
}

/// The addresses of the masters that are registered.
fn masters(shared: &Shared) -> Vec<String> {
    shared.membership.cluster().masters().now().iter().map(|master| master.address.clone()).collect()
}

/// Whether a master has said what has become of a result, which is forgotten then.
async fn report(shared: &Arc<Shared>, spooled: &Spooled, master: &str) -> bool {
    let result = &spooled.result;
    let request = ReportRequest { result: serde_json::to_vec(result).unwrap_or_default() };
    let asked = async { shared.channels.master(master).ok()?.report(request).await.ok() };
    let Ok(Some(reply)) = timeout(ANSWER, asked).await else { return false };
    let decision = reply.into_inner().decision();
    if decision == Decision::Unspecified {
        return false;
    }
    if decision != Decision::Recorded {
        tracing::info!(task = %result.id, attempt = result.attempt, ?decision, "a result counts for nothing");
    }
    let (shared, id, attempt) = (Arc::clone(shared), result.id.clone(), result.attempt);
    let cleaned = tokio::task::spawn_blocking(move || {
        shared.spool.done(&id, attempt);
        shared.executor.clean(id.as_str(), attempt)
    });
    if let Ok(Err(error)) = cleaned.await {
        tracing::warn!(task = %result.id, %error, "what a task ran in can't be removed");
    }
    true
}

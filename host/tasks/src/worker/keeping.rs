//! What goes on beside the tasks: holding them, ending them when the worker is cut off, removing old output.

use std::sync::Arc;
use std::time::Duration;

use registry_host::SessionState;
use registry_supervisor::{Patience, now};
use rustix::process::Signal;
use tokio::time::sleep;

use super::Shared;
use crate::run::{Reason, Stop};
use crate::settings::CutOff;

/// What part of the session's timeout this process may stand still and take its session for good: less than the tenth
/// that sessions are given up before they end.
const STILL: u32 = 12;

/// How much output is kept of tasks that are recorded, in bytes, and of how many attempts.
const OUTPUT_KEPT: (u64, usize) = (1 << 30, 10_000);

/// How often it is looked whether there is more.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// How long after the session was last known to be good its commands may run on; from a tenth of its timeout after that
/// others may start them, and a quarter of this is for the killing.
fn patience(session_timeout: Duration) -> Patience {
    const LEAST: Duration = Duration::from_millis(50);
    const MOST: Duration = Duration::from_secs(10);
    Patience {
        pause_after: (session_timeout * 3 / 40).clamp(LEAST, MOST),
        // It has ended by then for certain.
        kill_after: Some(session_timeout),
    }
}

/// How long commands that are started from now on may go on without the worker.
pub(super) fn set_patience(shared: &Shared) {
    if shared.settings.cut_off == CutOff::Stop {
        shared.executor.set_patience(Some(patience(shared.store.registry().session().timeout())));
    }
}

/// Tells the supervisors again and again that the worker has its session: should this process stand still, they stop
/// the commands by themselves.
pub(super) async fn hold(shared: Arc<Shared>) {
    if shared.settings.cut_off == CutOff::Continue {
        return std::future::pending().await;
    }
    let registry = shared.store.registry().clone();
    let session = registry.session();
    let mut last = now();
    loop {
        let timeout = session.timeout();
        let pause = patience(timeout).pause_after / 3;
        // Another session may have another timeout.
        set_patience(&shared);
        let moment = now();
        // A process that stood still may not have heard of its session's end; a call that is answered proves that all
        // has been told by then.
        let stood_still = moment.saturating_sub(last) > timeout / STILL;
        if stood_still && registry.get(registry_cluster::DEAD_SERVERS).await.is_err() {
            sleep(pause).await;
            continue;
        }
        let moment = if stood_still { now() } else { moment };
        last = moment;
        if matches!(session.state(), SessionState::Connected | SessionState::Suspended) {
            shared.executor.hold(moment);
        }
        sleep(pause).await;
    }
}

/// Ends all tasks each time the session is lost: others may run them now.
pub(super) async fn end_when_cut_off(shared: Arc<Shared>) {
    if shared.settings.cut_off == CutOff::Continue {
        return std::future::pending().await;
    }
    let session = shared.store.registry().session();
    let mut states = session.states();
    while let Some(state) = states.next().await {
        if state == SessionState::Lost {
            if !shared.table.is_empty() {
                tracing::warn!("the session is lost, the tasks are ended before others may run them");
            }
            let grace = patience(session.timeout()).pause_after / 2;
            shared.table.stop_all(Stop { reason: Reason::CutOff, signal: Signal::TERM.as_raw(), grace });
        }
    }
    std::future::pending().await
}

/// Tells the cluster how many tasks wait: a worker with too many is busy.
pub(super) async fn tell_waiting(shared: Arc<Shared>) {
    let mut waiting = shared.waiting.subscribe();
    loop {
        let count = *waiting.borrow_and_update();
        shared.membership.set_waiting_tasks(count);
        if waiting.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Removes the oldest output when there is too much.
pub(super) async fn prune(shared: Arc<Shared>) {
    loop {
        let executor = Arc::clone(&shared.executor);
        let pruned = tokio::task::spawn_blocking(move || executor.prune(OUTPUT_KEPT.0, OUTPUT_KEPT.1)).await;
        if let Ok(Err(error)) = pruned {
            tracing::warn!(%error, "old output of tasks can't be removed");
        }
        sleep(PRUNE_EVERY).await;
    }
}

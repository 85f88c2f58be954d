//! How a worker ends.

use std::sync::{Arc, Weak};
use std::time::Duration;

use registry_cluster::Stop as Stopped;
use registry_host::{Error, ErrorKind, Result};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use crate::run::{GRACE, Reason, Stop};

/// How long commands may take that are ended because the worker is replaced or declared dead; what is left then is
/// killed, before its entries are released.
const REPLACED_GRACE: Duration = Duration::from_secs(3);

/// How long a worker that leaves waits until its results are recorded. What is not is sent by the next one with the
/// same data.
const RECORDED_WITHIN: Duration = Duration::from_secs(10);

/// How often it is looked whether anything is left.
const LOOK: Duration = Duration::from_millis(20);

/// Has the commands end before the entries of a worker are released that is replaced or declared dead.
pub(super) fn end_commands_first(shared: &Arc<Shared>) {
    // The membership, which keeps this, is the worker's own.
    let weak: Weak<Shared> = Arc::downgrade(shared);
    shared.membership.before_release(move |stop| async move {
        if let Some(shared) = weak.upgrade() {
            end_all(&shared, &format!("it stops: {stop}"), REPLACED_GRACE).await;
        }
    });
}

/// Takes nothing more, and ends all that is there.
pub(super) async fn end_all(shared: &Shared, why: &str, grace: Duration) {
    shared.table.close(why);
    shared.table.stop_all(Stop { reason: Reason::CutOff, signal: Signal::TERM.as_raw(), grace });
    emptied(shared).await;
}

/// Serves until the worker is asked to end, and ends it in order; or until it has to stop, which is an error.
pub(super) async fn until_the_end(shared: &Shared, mut asked: watch::Receiver<u32>) -> Result<()> {
    let mut drain = shared.drain.subscribe();
    let first = async {
        tokio::select! {
            _ = asked.wait_for(|times| *times > 0) => {}
            _ = drain.wait_for(|drain| *drain) => {}
        }
    };
    tokio::select! {
        biased;
        stop = shared.membership.stopped() => return Err(stopped(shared, &stop).await),
        () = first => {}
    }
    let times = *asked.borrow();
    let again = async { drop(asked.wait_for(|now| *now > times).await) };
    tokio::select! {
        biased;
        stop = shared.membership.stopped() => return Err(stopped(shared, &stop).await),
        () = drained(shared) => {}
        () = again => {
            tracing::warn!("asked again to end: the tasks are killed and handed back");
            shared.table.stop_all(leaving(Duration::ZERO));
            emptied(shared).await;
        }
    }
    // A result that a master can take now need not wait for the next worker.
    let _ = timeout(RECORDED_WITHIN, async {
        while shared.spool.count() > 0 {
            sleep(LOOK).await
        }
    })
    .await;
    let left = shared.spool.count();
    if left > 0 {
        tracing::warn!(left, "results are not recorded yet: the next worker with the same worker.data-dir sends them");
    }
    shared.membership.leave().await
}

/// Says that the worker drains, lets its tasks end, and ends those that don't in time.
async fn drained(shared: &Shared) {
    let limit = shared.settings.drain_deadline;
    shared.membership.set_draining();
    shared.table.close("it drains");
    // Another may run them at once.
    shared.table.stop_waiting(leaving(Duration::ZERO));
    tracing::info!(?limit, "draining: no more tasks are taken, those that run may end");
    if timeout(limit, emptied(shared)).await.is_err() {
        tracing::warn!("tasks have not ended by worker.drain-deadline, they are ended and handed back");
        shared.table.stop_all(leaving(GRACE));
        emptied(shared).await;
    }
}

async fn stopped(shared: &Shared, stop: &Stopped) -> Error {
    // Where the session was lost before, nobody has waited for it.
    end_all(shared, &format!("it stops: {stop}"), Duration::ZERO).await;
    let until = Instant::now() + Duration::from_secs(1);
    while shared.spool.count() > 0 && Instant::now() < until {
        sleep(LOOK).await;
    }
    match stop {
        Stopped::Disconnected(error) => error.clone(),
        stop => Error::new(ErrorKind::SessionLost, format!("the worker stops: {stop}")),
    }
}

/// Waits until nothing runs and all results are kept.
async fn emptied(shared: &Shared) {
    while !shared.table.is_empty() {
        sleep(LOOK).await;
    }
}

fn leaving(grace: Duration) -> Stop {
    Stop { reason: Reason::Leaving, signal: Signal::TERM.as_raw(), grace }
}

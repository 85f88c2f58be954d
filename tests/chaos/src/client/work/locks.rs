//! Locks, and writes that only their holders may make.

use std::{sync::Arc, time::Duration};

use registry_chaos::history::Event;
use registry_host::Guard;
use tokio::time::{Instant, timeout};

use super::{TOP, Worker};

const LOCKS: u32 = 2;
/// How long `lost()` may take once the lock was given back.
const SOON: Duration = Duration::from_secs(5);

/// Takes a lock, writes while it is held, gives it back, and again.
pub(super) async fn take(mut worker: Worker) {
    while worker.works() {
        let number = worker.rng.u32(0..LOCKS);
        let lock = format!("{TOP}/locks/{number}");
        if let Some(guard) = wait(&mut worker, &lock).await {
            hold(&mut worker, &lock, &format!("{TOP}/fenced/{number}"), guard).await;
        }
        worker.rest(50..400).await;
    }
}

/// Waits in the queue: without a limit, with one, or until the future is dropped.
async fn wait(worker: &mut Worker, lock: &str) -> Option<Guard> {
    let calls = Arc::clone(&worker.calls);
    let limit = match worker.rng.u8(0..10) {
        0..4 => Some(worker.millis(100..6_000)),
        _ => None,
    };
    let patience = match worker.rng.u8(0..10) {
        0..2 => worker.millis(0..1_000),
        _ => Duration::MAX,
    };
    tokio::select! {
        had = timeout(patience, calls.lock(lock, limit)) => had.ok()?.ok(),
        () = worker.stopped() => None,
    }
}

async fn hold(worker: &mut Worker, lock: &str, key: &str, guard: Guard) {
    let calls = Arc::clone(&worker.calls);
    let (entry, token) = (guard.entry().to_owned(), guard.token());
    let (lost, log, told) = (guard.lost(), calls.log.clone(), lock.to_owned());
    let mut losing = tokio::spawn(async move {
        lost.await;
        log.tell(Event::Lost { lock: told, token: token.get() });
    });
    // Now and then for longer than a session lasts without contact.
    let held = if worker.once_in_a_while(8) { worker.millis(2_000..9_000) } else { worker.millis(0..400) };
    let until = Instant::now() + held;
    while worker.works() && !guard.is_lost() && Instant::now() < until {
        drop(calls.fenced(lock, &entry, token, key).await);
        worker.rest(30..300).await;
    }
    if guard.is_lost() && worker.once_in_a_while(50) {
        // Nobody may write with the token of one who has lost the lock.
        drop(calls.fenced(lock, &entry, token, key).await);
    }
    // Dropped, it goes on in the background.
    let patience = if worker.once_in_a_while(15) { worker.millis(0..5) } else { Duration::MAX };
    let released = timeout(patience, calls.release(guard)).await.is_ok_and(|released| released.is_ok());
    if worker.once_in_a_while(30) {
        drop(calls.fenced(lock, &entry, token, key).await);
    }
    if timeout(SOON, &mut losing).await.is_err() {
        losing.abort();
        if released {
            calls.log.wrong(format!("lost() of {lock} with token {token} has not fired after its release (6.4)"));
        }
    }
}

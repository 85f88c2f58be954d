mod faults;
mod leaving;
mod loss;
mod queueing;
mod tree;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use registry_api::{Error, ErrorKind, Result};
use tokio::{
    runtime::Handle,
    task::yield_now,
    time::{Instant, sleep, timeout},
};

use super::{LockGuard, LockRequest, acquire};
use tree::{Fault, Server, Tree};

const KEY: &str = "/locks/a";

/// For what shall run out.
const SHORT: Duration = Duration::from_millis(100);

/// For what shall not.
const LONG: Duration = Duration::from_secs(30);

fn request(tree: &Arc<Tree>, wait: bool) -> LockRequest {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    LockRequest::new(KEY.to_owned(), Bytes::from_static(b"who"), wait, number, tree.context().clone())
}

async fn lock(tree: &Arc<Tree>) -> Result<LockGuard> {
    acquire(tree.clone(), request(tree, true), None).await
}

async fn try_lock(tree: &Arc<Tree>) -> Result<LockGuard> {
    acquire(tree.clone(), request(tree, false), None).await
}

async fn lock_within(tree: &Arc<Tree>, limit: Duration) -> Result<LockGuard> {
    acquire(tree.clone(), request(tree, true), Some(limit)).await
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

async fn within<T>(wait: impl Future<Output = T>) -> T {
    timeout(LONG, wait).await.expect("it ends at all")
}

/// Waits until `met`.
async fn eventually(what: &str, met: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !met() {
        assert!(Instant::now() < end, "not in time: {what}");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Lets every task of a single-threaded runtime go on until it can't.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Waits until no task is left but the caller's own, then sees that no queue entry is.
async fn nothing_is_left(server: &Server) {
    eventually("all tasks end", || Handle::current().metrics().num_alive_tasks() == 0).await;
    let left: Vec<String> = server.keys().into_iter().filter(|key| key.starts_with("/locks/a/")).collect();
    assert!(left.is_empty(), "{left:?} is left");
}

fn entries(server: &Server) -> usize {
    server.keys().iter().filter(|key| key.starts_with("/locks/a/")).count()
}

//! Recursive deletes (contract 3.5).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use registry_plugin::{Backend, Check, ErrorKind, Key, Operation, Outcome};
use serde_json::json;
use tokio::time::timeout;
use zookeeper_client::{Acls, CreateMode};

use super::support::*;

fn all(at: &str) -> [Operation<'_>; 1] {
    [Operation::DeleteRecursive(key(at))]
}

#[tokio::test]
async fn all_below_goes_and_nothing_beside() {
    let client = connect().await;
    client.write(&[put("/a/b/c", ""), ephemeral("/a/d", ""), put("/ab", ""), put("/a-b/c", "")]).await.expect("puts");
    let failed = client.txn(&[Check::Absent(key("/ab"))], &all("/a")).await.expect_err("a refusal");
    assert_eq!((failed.kind(), failed.outcome()), (ErrorKind::ConditionFailed, Outcome::NotApplied));
    assert_eq!(client.txn(&[Check::Present(key("/ab"))], &all("/a")).await.expect("a delete").deleted(), 4);
    let mut names = client.children(Key::ROOT).await.expect("names");
    names.sort();
    assert_eq!(names, ["a-b", "ab"]);
    assert_eq!(client.write(&all("/a")).await.expect("a delete").deleted(), 0);
    let failed = client.txn(&[Check::Present(key("/a"))], &all("/a")).await.map_err(|error| error.kind());
    assert_eq!(failed, Err(ErrorKind::ConditionFailed));
}

#[tokio::test]
async fn foreign_entries_go_and_count() {
    let client = connect().await;
    client.write(&[put("/a/b", "")]).await.expect("a put");
    let raw = client.session.client().expect("it is open");
    // ZooKeeper has no limit on depth.
    for depth in 1..=40 {
        let path = client.paths.path(key("/a/b")) + &"/x".repeat(depth);
        raw.create(&path, b"", &CreateMode::Persistent.with_acls(Acls::anyone_all())).await.expect("a foreign entry");
    }
    assert_eq!(client.write(&[delete("/a/b")]).await.map_err(|error| error.kind()), Err(ErrorKind::HasChildren));
    assert_eq!(client.write(&all("/a")).await.expect("a delete").deleted(), 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_fits_one_request_goes_in_several() {
    // The server is busy with each request for so long that a short session would give it up.
    let mut options = options(&fresh());
    options.session_timeout = Duration::from_secs(40);
    let client = connect_with(json!({ "connect-string": server().connect_string() }), options).await;
    let client = client.expect("a connection");
    let long = "n".repeat(200);
    let keys: Vec<String> = (0..5_120).map(|n| format!("/a/{}/{long}{n}", n % 7)).collect();
    for keys in keys.chunks(32) {
        let puts: Vec<_> = keys.iter().map(|at| put(at, "")).collect();
        client.write(&puts).await.expect("puts");
    }
    let checks = [Check::Present(key("/a")), Check::Absent(key("/b"))];
    let failed = client.txn(&[Check::Present(key("/b"))], &all("/a")).await.map_err(|error| error.kind());
    assert_eq!(failed, Err(ErrorKind::ConditionFailed));
    assert_eq!(client.txn(&checks, &all("/a")).await.expect("a delete").deleted(), 5_120 + 7 + 1);
    assert_eq!(client.children(Key::ROOT).await.expect("names"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_meanwhile_goes_too() {
    let namespace = fresh();
    let client = connect_to(&namespace).await;
    let other = connect_to(&namespace).await;
    let (begun, done) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicBool::new(false)));
    let (starting, stop) = (begun.clone(), done.clone());
    let writer = tokio::spawn(async move {
        let mut written = 0_u64;
        while !stop.load(Ordering::Relaxed) {
            other.write(&[put(&format!("/a/{}/{written}", written % 5), "")]).await.expect("a put");
            written += 1;
            if written == 50 {
                starting.notify_one();
            }
        }
        (other, written)
    });
    begun.notified().await;
    // It ends at a moment at which there was nothing, and the writer doesn't end before.
    let mut gone = timeout(LIMIT, client.write(&all("/a"))).await.expect("an end").expect("a delete").deleted();
    done.store(true, Ordering::Relaxed);
    let (other, written) = writer.await.expect("no panic");
    gone += other.write(&all("/a")).await.expect("a delete").deleted();
    assert!(gone > written, "{gone} of {written} and what was above");
    assert_eq!(client.find("/a").await, None);
}

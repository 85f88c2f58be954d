//! Requests for locks whose answers are lost, and those whose clients are.

use std::time::Duration;

use registry_host::{Registry, SettingsBuilder};
use registry_suite::{SOON, etcd, eventually, open, within, zookeeper};
use registry_test_servers::{Etcd, Proxy, ZooKeeper};

const LOCK: &str = "/lock";

async fn until_queued(registry: &Registry, count: usize) {
    eventually(format_args!("{count} are in the queue"), SOON, async || {
        (registry.children(LOCK).await.ok()?.len() == count).then_some(())
    })
    .await;
}

/// The server has put a request into the queue, and its client never hears of that.
async fn an_answer_is_lost(behind: SettingsBuilder, direct: SettingsBuilder, way: &Proxy) {
    let (asking, other) = (open(behind).await.unwrap(), open(direct).await.unwrap());
    other.lock(LOCK).await.unwrap().release().await.unwrap();
    way.delay(Duration::from_secs(1));
    let asked = tokio::spawn({
        let asking = asking.clone();
        async move { asking.lock(LOCK).await }
    });
    until_queued(&other, 1).await;
    // The answer is still under way.
    way.reset();
    way.delay(Duration::ZERO);
    let guard = within("the lock is acquired", SOON * 2, asked).await.unwrap().unwrap();
    assert_eq!(other.children(LOCK).await.unwrap().len(), 1, "it was found again, and is there once");
    asking.txn().check_held(&guard).put("/held", "").commit().await.unwrap();
    guard.release().await.unwrap();
    until_queued(&other, 0).await;
}

/// A client that waits for a lock dies: its place goes with its session, and holds up nobody behind it.
async fn a_waiter_dies(settings: SettingsBuilder) {
    let (holder, behind) = (open(settings.clone()).await.unwrap(), open(settings.clone()).await.unwrap());
    let dies = open(settings.set("registry.session-timeout=3s")).await.unwrap();
    let guard = holder.lock(LOCK).await.unwrap();
    let wait = |registry: &Registry| {
        let registry = registry.clone();
        tokio::spawn(async move { registry.lock(LOCK).await })
    };
    let dead = wait(&dies);
    until_queued(&holder, 2).await;
    let next = wait(&behind);
    until_queued(&holder, 3).await;
    dies.abandon();
    assert!(within("the dead one's request ends", SOON, dead).await.unwrap().is_err());
    until_queued(&holder, 2).await;
    assert!(!next.is_finished(), "the lock is held");
    guard.release().await.unwrap();
    let next = within("the next one has it", SOON, next).await.unwrap().unwrap();
    next.release().await.unwrap();
    until_queued(&holder, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_etcd_a_request_without_answer_is_found() {
    let server = Etcd::shared().unwrap();
    let way = Proxy::to(server.address()).unwrap();
    let direct = etcd(server);
    an_answer_is_lost(direct.clone().set_value("registry.etcd.endpoints", way.url()), direct, &way).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_zookeeper_a_request_without_answer_is_found() {
    let server = ZooKeeper::shared().unwrap();
    let way = Proxy::to(server.address()).unwrap();
    let (direct, address) = (zookeeper(server), way.address().to_string());
    an_answer_is_lost(direct.clone().set_value("registry.zookeeper.connect-string", address), direct, &way).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_etcd_a_waiter_that_dies_leaves_the_queue() {
    a_waiter_dies(etcd(Etcd::shared().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_zookeeper_a_waiter_that_dies_leaves_the_queue() {
    a_waiter_dies(zookeeper(ZooKeeper::shared().unwrap())).await;
}

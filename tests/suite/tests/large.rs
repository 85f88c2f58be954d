//! A registry that is large: a hundred thousand entries need no special call (contract 2.3).

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use registry_host::{Event, Registry, Scope, SettingsBuilder};
use registry_suite::{etcd, memory, open, within, zookeeper};
use registry_test_servers::{Etcd, ZooKeeper};

const MANY: usize = 100_000;

/// The machine may be slow; what is measured is not how fast it is.
const PATIENCE: Duration = Duration::from_secs(60);

async fn fill(registry: &Registry, keys: &[String]) {
    registry.put("/many", "").await.expect("the parent is put");
    let txns = keys.chunks(32).map(|chunk| async move {
        let mut txn = registry.txn();
        chunk.iter().for_each(|key| _ = txn.put(key, "value"));
        txn.commit().await.map(drop)
    });
    let txns: Vec<_> = txns.collect();
    stream::iter(txns).buffer_unordered(32).try_collect::<()>().await.expect("all are put");
}

async fn a_hundred_thousand_entries(settings: SettingsBuilder) {
    let registry = open(settings.set("registry.operation-timeout=60s")).await.expect("a registry opens");
    let keys: Vec<_> = (0..MANY).map(|number| format!("/many/{number:06}")).collect();
    fill(&registry, &keys).await;
    let listed = registry.list("/many").await.expect("all are listed");
    assert_eq!(listed.len(), MANY + 1);
    assert!(listed[1..].iter().map(|entry| &entry.key).eq(&keys), "all are there, in order");
    assert!(listed[1..].iter().all(|entry| entry.value == "value"));
    let names = registry.children("/many").await.expect("all are named");
    assert!(names.iter().map(String::as_str).eq(keys.iter().map(|key| &key["/many/".len()..])));
    let mut watch = registry.watch("/many", Scope::Children).await.expect("all are watched");
    let told = within("all events", PATIENCE, async {
        let mut told = 0;
        while watch.next().await.expect("the watch goes on").expect("without an error") != Event::Synced {
            told += 1;
        }
        told
    });
    assert_eq!(told.await, MANY);
    assert_eq!(registry.delete_recursive("/many").await.expect("all are deleted"), MANY as u64 + 1);
    registry.close().await.expect("the registry closes");
}

#[tokio::test]
async fn a_hundred_thousand_entries_in_memory_need_no_special_call() {
    a_hundred_thousand_entries(memory()).await;
}

#[tokio::test]
async fn a_hundred_thousand_entries_on_etcd_need_no_special_call() {
    a_hundred_thousand_entries(etcd(Etcd::shared().expect("an etcd runs"))).await;
}

#[tokio::test]
async fn a_hundred_thousand_entries_on_zookeeper_need_no_special_call() {
    a_hundred_thousand_entries(zookeeper(ZooKeeper::shared().expect("a ZooKeeper runs"))).await;
}

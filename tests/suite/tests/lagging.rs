//! A client of a ZooKeeper server that lags behind: what it reads may be old, what it writes rests on nothing old.

use std::time::Duration;

use registry_host::{ErrorKind, Registry, Result, Txn};
use registry_suite::{open, settings};
use registry_test_servers::ZooKeeper;

/// How late the server is: longer than two writes take elsewhere, mostly.
const LAG: Duration = Duration::from_millis(700);

/// How often it is tried, until the server was seen to lag.
const ROUNDS: u64 = 20;

/// Entries are deleted and recreated at one server, and a Txn at another still takes them for what they were.
async fn recreated(check: impl Fn(&mut Txn, &str, &registry_host::Entry)) -> Result<()> {
    let servers = ZooKeeper::builder().members(3).network().start().expect("an ensemble");
    let leader = servers.leader().expect("a leader");
    let late = servers.members().iter().find(|member| member.number() != leader.number()).expect("a follower");
    let at = |endpoint: String| {
        let settings = settings("zookeeper").set("registry.namespace=lagging");
        open(settings.set_value("registry.zookeeper.connect-string", endpoint))
    };
    let (ahead, behind) = (at(leader.endpoint()).await?, at(late.endpoint()).await?);
    servers.network().expect("a network").delay(late, LAG);
    // Whatever is made below it from now on is made in the same way, and counts alike.
    ahead.put("/fence", "").await?;
    let mut lagged = false;
    for round in 0..ROUNDS {
        let key = format!("/fence/{round}");
        ahead.put(&key, "").ephemeral().await?;
        let first = seen(&behind, &key).await?;
        let mut txn = behind.txn();
        check(&mut txn, &key, &first);
        txn.put("/task", "too late, if the entry is another");
        txn.commit().await?;
        ahead.delete(&key).await?;
        ahead.put(&key, "").ephemeral().await?;
        lagged |= behind.get(&key).await?.is_some_and(|entry| entry.created == first.created);
        assert_eq!(txn.commit().await.expect_err("it is another entry").kind(), ErrorKind::ConditionFailed);
        if lagged {
            return ahead.close().await;
        }
    }
    panic!("the server never lagged");
}

/// Reads an entry that is there, once the server has heard of it.
async fn seen(registry: &Registry, key: &str) -> Result<registry_host::Entry> {
    // A write takes a client to the present.
    registry.put("/present", "").await?;
    Ok(registry.get(key).await?.expect("the entry"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_entry_was_recreated_is_not_held() {
    recreated(|txn, key, first| _ = txn.check_held_entry(key, first.created.into())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_a_former_life_is_refused() {
    recreated(|txn, key, first| _ = txn.check_version(key, first.version)).await.unwrap();
}

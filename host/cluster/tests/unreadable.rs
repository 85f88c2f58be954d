//! A cluster in which one host after another is given ZooKeeper's `digest`: what it then writes, the others may not
//! read.

mod support;

use std::{
    error,
    sync::{Arc, Mutex},
};

use registry_cluster::{Cluster, Departed, Incarnation, MembershipState, Stop, TakeOver};
use registry_host::{Guard, SettingsBuilder};
use registry_suite::{SOON, wait_until, zookeeper};
use registry_test_servers::ZooKeeper;
use support::*;

/// The settings of hosts without and with the digest, in one namespace.
fn both() -> [SettingsBuilder; 2] {
    let without = zookeeper(ZooKeeper::shared().expect("a ZooKeeper server"));
    let with = without.clone().set_value("registry.zookeeper.digest", "host:correct-horse-battery");
    [without, with]
}

/// What a master has taken over for.
#[derive(Clone, Default)]
struct TakeOverLog(Arc<Mutex<Vec<(Incarnation, bool)>>>);

impl TakeOver for TakeOverLog {
    async fn take_over(&self, departed: &Departed, _: &Guard) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        self.0.lock().unwrap().push((departed.incarnation, departed.restarted));
        Ok(())
    }
}

fn workers(cluster: &Cluster) -> registry_cluster::Members {
    cluster.workers("default")
}

#[tokio::test]
async fn the_first_host_with_a_digest_hides_nobody() {
    let [without, with] = both();
    let former = cluster(&without, &[]).await;
    let master = register(&former, &master("m:1")).await;
    let w1 = register(&former, &worker("w:1", &["default"])).await;
    let changed = cluster(&with, &[]).await;
    let w2 = register(&changed, &worker("w:2", &["default"])).await;
    shows(&workers(&changed), &["w:1", "w:2"]).await;
    // One that is there already, and one that comes later.
    let later = cluster(&without, &[]).await;
    let w3 = register(&later, &worker("w:3", &["default"])).await;
    for cluster in [&former, &later] {
        shows(&workers(cluster), &["w:1", "w:3"]).await;
    }
    shows(&workers(&changed), &["w:1", "w:2", "w:3"]).await;
    assert_eq!(master.slot().map(|slot| slot.count), Ok(1));
    // A mark that can't be read is one.
    changed.mark_dead(w3.server()).await.expect("a mark");
    assert!(matches!(*stopped(&w3).await, Stop::DeclaredDead));
    // The creator of the folder of the marks keeps it to itself.
    assert_eq!(changed.marked_dead().await.expect("the marks").len(), 1);
    assert_eq!(former.marked_dead().await.expect("an answer"), []);
    for membership in [&master, &w1, &w2] {
        assert!(matches!(membership.state(), MembershipState::Serving), "{membership:?}");
    }
}

#[tokio::test]
async fn a_return_with_a_digest_means_one_take_over() {
    let [without, with] = both();
    let masters = cluster(&without, &[]).await;
    let master = register(&masters, &master("m:1")).await;
    let log = TakeOverLog::default();
    let _failover = master.fail_over(log.clone()).await.expect("failover");
    let former = cluster(&without, &[]).await;
    let before = register(&former, &worker("w:1", &["default"])).await;
    shows(&workers(&masters), &["w:1"]).await;
    let changed = cluster(&with, &[]).await;
    let after = register(&changed, &worker("w:1", &["default"])).await;
    assert!(matches!(&*stopped(&before).await, Stop::Replaced { by, .. } if *by == Some(after.incarnation())));
    wait_until("its former life is taken over for", SOON * 2, || !log.0.lock().unwrap().is_empty()).await;
    shows(&workers(&masters), &[]).await;
    shows(&workers(&changed), &["w:1"]).await;
    assert_eq!(*log.0.lock().unwrap(), [(before.incarnation(), true)]);
    assert!(matches!(after.state(), MembershipState::Serving));
    assert_eq!(masters.marked_dead().await.expect("the marks"), []);
    // It is there, though the masters can't see it.
    after.leave().await.expect("it leaves in order");
}

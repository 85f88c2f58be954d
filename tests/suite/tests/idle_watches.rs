//! Watches on which nothing happens: that their server has fallen silent is noticed all the same.

use std::time::Duration;

use registry_host::{Event, Registry, SessionState, SettingsBuilder};
use registry_suite::{Cluster, Fault, Mirror, etcd, open, within, zookeeper};
use registry_test_servers::{Etcd, Proxy, ZooKeeper};
use tokio::time::Instant;

/// How much later than promised something may come on a busy machine.
const LATE: Duration = Duration::from_secs(3);

const SESSION: Duration = Duration::from_secs(15);

fn with_session(settings: SettingsBuilder) -> SettingsBuilder {
    settings.set_value("registry.session-timeout", format!("{}s", SESSION.as_secs()))
}

/// Waits until the session is out of contact, which it is to be told of within a third of its timeout.
async fn noticed(registry: &Registry) {
    let begun = Instant::now();
    let mut states = registry.session().states();
    let suspended = async {
        while let Some(state) = states.next().await {
            if state == SessionState::Suspended {
                return;
            }
        }
    };
    within("the silence is noticed", SESSION / 3 + LATE, suspended).await;
    println!("noticed after {:.1?} of {:?}", begun.elapsed(), SESSION / 3);
}

/// The puts and deletions of what a watch told, by key.
fn told(events: &[Event]) -> Vec<(&str, &str)> {
    let mut told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Put { entry, new: true } => Some((entry.key.as_str(), "new")),
            Event::Put { entry, .. } => Some((entry.key.as_str(), "changed")),
            Event::Delete { last } => Some((last.key.as_str(), "deleted")),
            _ => None,
        })
        .collect();
    told.sort_unstable();
    told
}

/// What happens behind the back of a client that is cut off is told as a difference, once, and then that it is all.
async fn a_cut(watching: SettingsBuilder, writing: SettingsBuilder, way: &Proxy, compact: impl FnOnce()) {
    let (watching, writing) = (open(with_session(watching)).await.unwrap(), open(writing).await.unwrap());
    for key in ["/w/kept", "/w/changed", "/w/deleted", "/w/recreated"] {
        writing.put(key, "before").await.unwrap();
    }
    let mut mirrors = [Mirror::of(&watching, "/w").await, Mirror::of(&watching, "/w").await];
    let id = watching.session().id();
    way.cut();
    for _ in 0..2 {
        writing.put("/w/changed", "after").await.unwrap();
    }
    writing.put("/w/added", "after").await.unwrap();
    writing.put("/w/passing", "").await.unwrap();
    for key in ["/w/deleted", "/w/recreated", "/w/passing"] {
        writing.delete(key).await.unwrap();
    }
    writing.put("/w/recreated", "after").await.unwrap();
    compact();
    noticed(&watching).await;
    // As a host behind a firewall that has forgotten its connections.
    way.reset();
    way.heal();
    for mirror in &mut mirrors {
        let synced = mirror.synced;
        let mut events = mirror.until("synced again", |mirror| mirror.synced > synced).await;
        let expected =
            [("/w/added", "new"), ("/w/changed", "changed"), ("/w/deleted", "deleted"), ("/w/recreated", "changed")];
        assert_eq!(told(&events), expected);
        assert!(matches!(events.pop(), Some(Event::Synced)), "first the difference, then that it is all");
    }
    writing.put("/w/later", "1").await.unwrap();
    for mirror in &mut mirrors {
        // The mirror sees to it that no version is told twice.
        let events = mirror.until("it goes on", |mirror| mirror.has("/w/later", "1")).await;
        assert_eq!(told(&events), [("/w/later", "new")]);
    }
    assert_eq!(watching.session().id(), id);
}

/// A server that is stopped says nothing, and forgets nothing.
async fn a_stop(settings: SettingsBuilder, stop: impl FnOnce(), go_on: impl FnOnce()) {
    let registry = open(with_session(settings)).await.unwrap();
    registry.put("/w/before", "1").await.unwrap();
    let id = registry.session().id();
    let mut mirror = Mirror::of(&registry, "/w").await;
    stop();
    noticed(&registry).await;
    go_on();
    registry.put("/w/after", "1").await.unwrap();
    let events = mirror.until("it goes on", |mirror| mirror.has("/w/after", "1")).await;
    assert_eq!(told(&events), [("/w/after", "new")]);
    assert_eq!(registry.session().id(), id);
}

/// Of three servers the one of an idle watch falls silent: another tells what happens from then on.
async fn another(cluster: Cluster) {
    // Long enough for elections on a busy machine.
    let settings = cluster.settings().set("registry.session-timeout=40s");
    let watching = open(settings.set("registry.namespace=idle")).await.unwrap();
    let id = watching.session().id();
    let mut mirror = Mirror::of(&watching, "/w").await;
    for fault in [Fault::Stopped, Fault::CutOff] {
        // One of them is the watch's.
        for member in cluster.members() {
            let what = format!("{fault:?} {}", member.number());
            let other = &cluster.members()[(member.number() + 1) % 3];
            cluster.serves(other).await;
            let settings = cluster.settings_of(other).set("registry.namespace=idle");
            let writing = open(settings.set("registry.operation-timeout=30s")).await.unwrap();
            let begun = Instant::now();
            cluster.strike(member, fault);
            // A server that has just lost its leader fails it once.
            registry_suite::eventually("it is put", LATE * 20, async || writing.put("/w/key", &*what).await.ok()).await;
            let put = begun.elapsed();
            mirror.until("another server tells it", |mirror| mirror.has("/w/key", &what)).await;
            println!("{what}: put after {put:.1?}, told after {:.1?}", begun.elapsed());
            writing.close().await.unwrap();
            cluster.mend(member, fault).await;
        }
    }
    assert_eq!(watching.session().id(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_etcd_a_cut_watch_tells_the_difference() {
    let server = Etcd::start().unwrap();
    let way = Proxy::to(server.address()).unwrap();
    let direct = etcd(&server);
    let behind = direct.clone().set_value("registry.etcd.endpoints", way.url());
    a_cut(behind, direct, &way, || _ = server.compact().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_zookeeper_a_cut_is_noticed_and_the_difference_told() {
    let server = ZooKeeper::start().unwrap();
    let way = Proxy::to(server.address()).unwrap();
    let direct = zookeeper(&server);
    let behind = direct.clone().set_value("registry.zookeeper.connect-string", way.address().to_string());
    a_cut(behind, direct, &way, || ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_etcd_a_stop_is_noticed() {
    let server = Etcd::start().unwrap();
    a_stop(etcd(&server), || server.stop().unwrap(), || server.cont().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_zookeeper_a_stop_is_noticed() {
    let server = ZooKeeper::start().unwrap();
    a_stop(zookeeper(&server), || server.stop().unwrap(), || server.cont().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_etcd_another_server_tells() {
    another(Cluster::etcd()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_zookeeper_another_server_tells() {
    another(Cluster::zookeeper()).await;
}

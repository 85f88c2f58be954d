//! A network between us and the server that breaks again and again: outcomes are true, watches miss nothing, queues are
//! left.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use registry_host::{ErrorKind, Outcome, Registry, SessionState, SettingsBuilder};
use registry_suite::{Mirror, SOON, etcd, eventually, open, wait_until, within, zookeeper};
use registry_test_servers::{Etcd, Proxy, ZooKeeper};
use tokio::{sync::Mutex, time::sleep};

/// How often the network breaks in a test.
const BREAKS: usize = 30;
/// How long the queue entry of a dropped request may take to go whose put was not answered.
const SETTLED: Duration = Duration::from_secs(40);

/// A server behind a proxy that slows down what passes, so that a break finds something under way.
struct Slow {
    proxy: Arc<Proxy>,
    /// The client behind the proxy.
    registry: Registry,
    /// One that sees the server directly, in the same namespace.
    direct: Registry,
}

impl Slow {
    async fn new(server: SocketAddr, settings: SettingsBuilder, servers: &str) -> Self {
        let proxy = Arc::new(Proxy::to(server).expect("a proxy"));
        proxy.delay(Duration::from_millis(2));
        let behind = settings.clone().set_value(servers, proxy.address().to_string());
        let registry = open(behind.set("registry.session-timeout=40s")).await.expect("a registry");
        Slow { proxy, registry, direct: open(settings).await.expect("another") }
    }

    async fn each() -> [Self; 2] {
        let (lease, session) =
            (Etcd::shared().expect("an etcd server"), ZooKeeper::shared().expect("a ZooKeeper server"));
        [
            Slow::new(lease.address(), etcd(lease), "registry.etcd.endpoints").await,
            Slow::new(session.address(), zookeeper(session), "registry.zookeeper.connect-string").await,
        ]
    }
}

/// Breaks all connections again and again.
async fn break_often(proxy: &Proxy) {
    for _ in 0..BREAKS {
        // How far the others get in the meantime is up to chance.
        sleep(Duration::from_millis(40)).await;
        proxy.reset();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_error_says_of_its_outcome_is_true() {
    for Slow { proxy, registry, direct } in Slow::each().await {
        let breaking = tokio::spawn({
            let proxy = Arc::clone(&proxy);
            async move { break_often(&proxy).await }
        });
        let (mut written, mut unknown, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut number = 0;
        while !breaking.is_finished() {
            let puts = (number..number + 8).map(|number| {
                let registry = registry.clone();
                async move {
                    let key = format!("/w/{number}");
                    let answer = registry.put(&key, "1").if_absent().await;
                    (key, answer)
                }
            });
            for (key, answer) in join_all(puts).await {
                match answer.map_err(|error| error.outcome()) {
                    Ok(_) => written.push(key),
                    Err(Outcome::Unknown) => unknown.push(key),
                    Err(Outcome::NotApplied) => refused.push(key),
                    Err(outcome) => panic!("{outcome:?}"),
                }
            }
            number += 8;
        }
        assert!(!written.is_empty() && !unknown.is_empty(), "{} written, {} unknown", written.len(), unknown.len());
        for key in &written {
            assert!(direct.get(key).await.unwrap().is_some(), "{key} was written");
        }
        for key in &refused {
            assert_eq!(direct.get(key).await.unwrap(), None, "{key} was certainly not written");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_each_last_state_through_all_breaks() {
    for Slow { proxy, registry, direct } in Slow::each().await {
        let mut mirror = Mirror::of(&registry, "/w").await;
        let (id, breaking) = (registry.session().id(), {
            let proxy = Arc::clone(&proxy);
            tokio::spawn(async move { break_often(&proxy).await })
        });
        let writing = tokio::spawn(async move {
            let mut round = 0;
            while !breaking.is_finished() {
                for key in 0..20 {
                    let key = format!("/w/{key}");
                    match (round + key.len()) % 4 {
                        0 => drop(direct.delete(&key).await.unwrap()),
                        1 => drop(direct.delete_recursive("/w").await.unwrap()),
                        _ => drop(direct.put(&key, round.to_string()).await.unwrap()),
                    }
                }
                round += 1;
            }
            direct.put("/w/last", "1").await.unwrap();
            direct.list("/w").await.unwrap()
        });
        mirror.until("the last put", |mirror| mirror.has("/w/last", "1")).await;
        let expected = writing.await.unwrap();
        // What was written before the last put but to other keys may come after it.
        let same = |mirror: &Mirror| mirror.state.values().eq(&expected);
        mirror.until("the last state of every key", same).await;
        assert_eq!(registry.session().id(), id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_exclude_each_other_through_all_breaks() {
    for Slow { proxy, registry, direct } in Slow::each().await {
        let breaking = tokio::spawn({
            let proxy = Arc::clone(&proxy);
            async move { break_often(&proxy).await }
        });
        // Taken by the lock's holder.
        let inside = Arc::new(Mutex::new(()));
        let contenders = [&registry, &registry, &direct].map(|contender| {
            let contender = contender.clone();
            let inside = Arc::clone(&inside);
            async move {
                let (mut last, mut times) = (None, 0);
                while times < 10 {
                    match within("a turn", SOON * 2, contender.lock("/lock").into_future()).await {
                        Ok(guard) => {
                            let alone = inside.try_lock().expect("nobody else holds it");
                            assert!(Some(guard.token()) > last, "tokens grow");
                            (last, times) = (Some(guard.token()), times + 1);
                            sleep(Duration::from_millis(5)).await;
                            drop(alone);
                            drop(guard);
                        }
                        Err(error) => assert!(error.is_retryable(), "{error}"),
                    }
                }
            }
        });
        join_all(contenders).await;
        breaking.await.unwrap();
        wait_until_left(&direct, "/lock").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_dropped_while_the_server_is_silent_leave_the_queue() {
    for Slow { proxy, registry, direct } in Slow::each().await {
        let (id, held) = (registry.session().id(), registry.lock("/held").await.unwrap());
        proxy.delay(Duration::from_millis(20));
        let mut requests = Vec::new();
        for number in 0..40 {
            let registry = registry.clone();
            requests.push(tokio::spawn(async move { registry.lock(&format!("/lock/{}", number % 4)).await.map(drop) }));
            // Each is at another step: before its put, with its put under way, and after it.
            sleep(Duration::from_millis(4)).await;
        }
        // What is asked for arrives, what is answered does not.
        proxy.silent();
        sleep(Duration::from_millis(100)).await;
        requests.iter().for_each(|request| request.abort());
        drop(held);
        proxy.reset();
        proxy.heal();
        for number in 0..4 {
            let lock = format!("/lock/{number}");
            wait_until_left(&direct, &lock).await;
            let guard = within("it is free", SOON, direct.lock(&lock).into_future()).await.unwrap();
            guard.release().await.unwrap();
        }
        let guard = within("what was held is free", SOON, direct.lock("/held").into_future()).await.unwrap();
        guard.release().await.unwrap();
        assert_eq!(registry.session().id(), id, "not because the session ended");
        wait_until("the session is connected", SOON, || registry.session().state() == SessionState::Connected).await;
    }
}

/// Waits until nobody is in the queue of a lock.
async fn wait_until_left(registry: &Registry, lock: &str) {
    let left = async || match registry.children(lock).await {
        Ok(queue) => queue.is_empty().then_some(()),
        Err(error) => (error.kind() == ErrorKind::NotFound).then_some(()),
    };
    eventually(format_args!("the queue of {lock} is left"), SETTLED, left).await;
}

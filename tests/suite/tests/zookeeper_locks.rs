//! Locks on ZooKeeper while sessions run out and servers die (contract 6).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use registry_host::{ErrorKind, FencingToken, Registry};
use registry_suite::{SOON, eventually, open, wait_until, within, zookeeper};
use registry_test_servers::{Proxy, ZooKeeper};
use tokio::task::JoinSet;

const LOCK: &str = "/lock";

async fn until_queued(registry: &Registry, count: usize) {
    eventually(format_args!("{count} are in the queue"), SOON, async || {
        (registry.children(LOCK).await.expect("an answer").len() == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_loses_locks_and_queue_places() {
    let server = ZooKeeper::shared().expect("a ZooKeeper server");
    let proxy = Proxy::to(server.address()).expect("a proxy");
    let settings = zookeeper(server);
    let behind = settings.clone().set_value("registry.zookeeper.connect-string", proxy.address().to_string());
    let registry = open(behind.set("registry.session-timeout=4s")).await.expect("it opens");
    let other = open(settings).await.expect("it opens");
    let guard = registry.lock(LOCK).await.expect("it is free");
    let waiting = tokio::spawn({
        let registry = registry.clone();
        async move { registry.lock(LOCK).await }
    });
    until_queued(&other, 2).await;
    let next = tokio::spawn({
        let other = other.clone();
        async move { other.lock(LOCK).await }
    });
    until_queued(&other, 3).await;
    proxy.cut();
    let why = within("the guard tells", SOON, guard.lost()).await;
    assert_eq!(why.kind(), ErrorKind::SessionLost, "{why}");
    assert!(!next.is_finished(), "lost before another has it");
    let why = within("the waiter is told", SOON, waiting).await.expect("no panic").expect_err("its session has ended");
    assert_eq!(why.kind(), ErrorKind::SessionLost, "{why}");
    let next = within("another has it", SOON, next).await.expect("no panic").expect("its turn comes");
    assert!(next.token() > guard.token());
    proxy.heal();
    let write = eventually("another session follows", SOON, async || {
        let write = registry.txn().check_held(&guard).put("/stale", "").commit().await;
        write.err().filter(|error| !error.is_retryable())
    });
    assert_eq!(write.await.kind(), ErrorKind::ConditionFailed);
    guard.release().await.expect("there is nothing left to release");
    next.release().await.expect("a release");
    until_queued(&other, 0).await;
    registry.close().await.expect("it closes");
    other.close().await.expect("it closes");
}

/// What those see who contend for one lock.
#[derive(Default)]
struct Contest {
    over: AtomicBool,
    holders: AtomicUsize,
    tokens: Mutex<Vec<FencingToken>>,
}

impl Contest {
    /// Takes the lock again and again, or asks for it and goes away.
    async fn contend(&self, registry: &Registry, number: usize) {
        let mut turn = number;
        while !self.over.load(Ordering::SeqCst) {
            turn += 1;
            let lock = registry.lock(LOCK);
            let asked = match turn % 3 {
                0 => lock.within(Duration::from_millis(5)),
                _ => lock,
            };
            let guard = match asked.await {
                Ok(guard) => guard,
                Err(error) if error.is_retryable() => continue,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(self.holders.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
            self.tokens.lock().expect("no panic").push(guard.token());
            tokio::task::yield_now().await;
            self.holders.fetch_sub(1, Ordering::SeqCst);
            match turn % 2 {
                0 => drop(guard),
                // If it takes too long it goes on by itself.
                _ => drop(guard.release().await),
            }
        }
    }

    fn turns(&self) -> usize {
        self.tokens.lock().expect("no panic").len()
    }

    async fn goes_on(&self, what: &str) {
        let enough = self.turns() + 50;
        wait_until(format_args!("the lock is handed on {what}"), SOON * 4, || self.turns() >= enough).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_handed_on_while_servers_die() {
    let servers = ZooKeeper::builder().members(3).start().expect("an ensemble");
    let settings = zookeeper(&servers);
    let contest = Arc::new(Contest::default());
    let mut registries = Vec::new();
    let mut contenders = JoinSet::new();
    for number in 0..12 {
        if number % 4 == 0 {
            registries.push(open(settings.clone()).await.expect("it opens"));
        }
        let (contest, registry) = (contest.clone(), registries[number / 4].clone());
        contenders.spawn(async move { contest.contend(&registry, number).await });
    }
    let sessions: Vec<_> = registries.iter().map(|registry| registry.session().id()).collect();
    contest.goes_on("at first").await;
    for member in [servers.leader().expect("a leader"), &servers.members()[0], &servers.members()[1]] {
        member.kill();
        contest.goes_on("without one").await;
        member.restart().expect("a restart");
        contest.goes_on("with all").await;
    }
    contest.over.store(true, Ordering::SeqCst);
    within("all come to an end", SOON * 4, contenders.join_all()).await;
    let tokens = contest.tokens.lock().expect("no panic").clone();
    assert!(tokens.is_sorted_by(|one, next| one < next), "tokens grow");
    // A place that was asked for twice would never be left.
    until_queued(&registries[0], 0).await;
    assert_eq!(registries.iter().map(|registry| registry.session().id()).collect::<Vec<_>>(), sessions);
    for registry in registries {
        registry.close().await.expect("it closes");
    }
}

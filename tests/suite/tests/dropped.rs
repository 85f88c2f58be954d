//! A thousand dropped futures of every operation leave nothing behind (contract 4.5): no session, no place in a queue,
//! no watch, no thread, no descriptor, no memory.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::pin,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use registry_host::{Registry, Scope, SettingsBuilder};
use registry_suite::{
    SOON, Server, descriptors, etcd, eventually, memory, open, plugin_threads, resident_kib, settings, wait_until,
    within, zookeeper,
};
use registry_test_servers::{Etcd, ZooKeeper};
use tokio::{runtime::Runtime, time::timeout};

/// The tests count what the whole process holds, so that they take turns.
static TURN: Mutex<()> = Mutex::new(());

/// How many futures of each operation are dropped.
const FUTURES: usize = 1_000;
/// How many are under way at once.
const AT_ONCE: usize = 32;
/// How long the queue entry of a dropped request may take to go whose put was not answered: it is looked for until it
/// can not be applied any more.
const SETTLED: Duration = Duration::from_secs(40);
/// How many rounds there are at least. A dropped request for a lock is looked after until its put can't be applied any
/// more, for up to ten seconds: only then does memory stay as it is.
const ROUNDS: usize = 6;
/// How many there are at most. Calls that a busy machine has kept waiting make memory grow for a round; a leak makes it
/// grow in each.
const MOST_ROUNDS: usize = 14;
/// What the allocator may keep of the memory that was used.
const SLACK_KIB: usize = 12 << 10;

/// Drops a future half-way: after so many polls, or after so long; what it gave until then is dropped too.
async fn drop_half_way<F: Future>(number: usize, future: F) {
    let mut future = pin!(future);
    let polls = number % 4;
    for _ in 0..polls {
        let ready = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if ready {
            return;
        }
        tokio::task::yield_now().await;
    }
    let wait = Duration::from_micros(100) * u32::try_from(number / 4 % 25).expect("it is small");
    if polls > 0 && !wait.is_zero() {
        // Either way is fine.
        let _ = timeout(wait, future).await;
    }
}

/// Drops a thousand futures.
async fn drop_all<F: Future>(future: impl Fn(usize) -> F) {
    stream::iter(0..FUTURES)
        .map(|number| drop_half_way(number, future(number)))
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

/// Drops a thousand futures of each operation of an open registry.
async fn drop_every_operation(registry: &Registry) {
    let key = |number: usize| format!("/entry/{}", number % 50);
    let lock = |number: usize| format!("/lock/{}", number % 5);
    drop_all(async |number| drop(registry.get(&key(number)).await)).await;
    drop_all(async |number| drop(registry.children(&key(number)).await)).await;
    drop_all(async |number| drop(registry.list("/entry").await.map(|entries| (number, entries)))).await;
    drop_all(async |number| drop(registry.put(&key(number), "value").await)).await;
    drop_all(async |number| drop(registry.put(&key(number), "value").ephemeral().await)).await;
    drop_all(async |number| drop(registry.txn().delete(&key(number)).put("/entry/one", "2").commit().await)).await;
    drop_all(async |number| drop(registry.delete(&key(number)).await)).await;
    drop_all(async |number| drop(registry.delete_recursive(&key(number)).await)).await;
    drop_all(async |number| {
        if let Ok(mut watch) = registry.watch(&key(number), Scope::Subtree).await {
            drop(watch.next().await);
        }
    })
    .await;
    drop_all(async |number| drop(registry.lock(&lock(number)).await)).await;
    drop_all(async |number| drop(registry.lock(&lock(number)).within(Duration::from_millis(1)).await)).await;
    drop_all(async |number| drop(registry.try_lock(&lock(number)).await)).await;
    drop_all(async |number| drop(registry.campaign(&lock(number), "me").await)).await;
    drop_all(async |number| {
        if let Ok(guard) = registry.lock(&format!("/release/{number}")).await {
            drop(guard.release().await);
        }
    })
    .await;
    drop_all(async |_| drop(registry.server().await)).await;
}

/// The queue entries that are left below a key; `None` if a busy machine gave no answer in time.
async fn queued(registry: &Registry, above: &str) -> Option<Vec<String>> {
    let entries = match registry.list(above).await {
        Err(error) if error.is_retryable() => return None,
        listed => listed.expect("the locks are listed"),
    };
    Some(entries.into_iter().filter(|entry| entry.is_ephemeral()).map(|entry| entry.key).collect())
}

/// How many descriptors are open while the plugin rests; the first opening makes a few that stay with the library.
async fn rested(plugin: &str, settings: &SettingsBuilder) -> usize {
    open(settings.clone()).await.expect("it opens").close().await.expect("it closes");
    wait_until("the plugin's threads end", SOON, || plugin_threads(plugin) == 0).await;
    let mut least = descriptors();
    let fewer = async || {
        let last = std::mem::replace(&mut least, descriptors());
        (last == least).then_some(last)
    };
    eventually("the descriptors stay as they are", SOON, fewer).await
}

/// Drops a thousand futures of every operation, round after round, on a registry with these settings, and looks for
/// what is left; `server` is looked at too.
async fn nothing_is_left(plugin: &str, settings: SettingsBuilder, server: Option<&dyn Server>) {
    let before = rested(plugin, &settings).await;
    let registry = open(settings).await.expect("the registry opens");
    let held = registry.lock("/lock/0").await.expect("the lock is free");
    let id = registry.session().id();
    if let Some(server) = server {
        wait_until("the lock's holder watches its entry", SOON, || server.watches() == 1).await;
    }
    let mut resident = Vec::new();
    let grows = |resident: &[usize]| match *resident {
        [.., before, _, last] => resident.len() < ROUNDS || last >= before + SLACK_KIB,
        _ => true,
    };
    while grows(&resident) {
        assert!(resident.len() < MOST_ROUNDS, "resident KiB, round by round: {resident:?}");
        drop_every_operation(&registry).await;
        let left = async || {
            let (locks, releases) = (queued(&registry, "/lock").await?, queued(&registry, "/release").await?);
            (locks == [held.entry()] && releases.is_empty()).then_some(())
        };
        eventually("only the held lock's entry is queued", SETTLED, left).await;
        resident.push(resident_kib());
    }
    assert!(!held.is_lost());
    assert_eq!((registry.session().id(), plugin_threads(plugin)), (id, 2));
    if let Some(server) = server {
        wait_until("the other watches are gone", SOON, || server.watches() == 1).await;
        assert_eq!(server.sessions(), [id], "the session is the only one");
    }
    // All of them can be acquired, and everything works.
    held.release().await.expect("a release");
    for number in 0..5 {
        let lock = registry.try_lock(&format!("/lock/{number}")).await;
        lock.expect("nobody holds it or waits").release().await.expect("a release");
    }
    registry.close().await.expect("it closes");
    drop(registry);
    wait_until("the plugin's threads end", SOON, || plugin_threads(plugin) == 0).await;
    wait_until("the descriptors are closed", SOON, || descriptors() <= before).await;
    if let Some(server) = server {
        assert!(server.sessions().is_empty());
    }
}

/// Opens and ends registries, a hundred at least, and looks for what is left.
async fn cycles_leave_nothing(plugin: &str, settings: SettingsBuilder, server: Option<&dyn Server>) {
    let before = rested(plugin, &settings).await;
    let mut resident = BTreeMap::new();
    for cycle in 0..100 {
        for closes in [true, false] {
            let registry = open(settings.clone()).await.expect("the registry opens");
            registry.put("/mine", "1").ephemeral().await.expect("a put");
            let guard = registry.lock("/lock").await.expect("the last one's lock is gone or goes soon");
            let watch = registry.watch("/mine", Scope::Node).await.expect("a watch");
            if closes {
                registry.close().await.expect("it closes");
            }
            drop((watch, registry, guard));
        }
        resident.insert(cycle, resident_kib());
    }
    wait_until("the plugin's threads end", SOON, || plugin_threads(plugin) == 0).await;
    wait_until("the descriptors are closed", SOON, || descriptors() <= before).await;
    assert!(resident[&99] < resident[&20] + SLACK_KIB, "resident KiB, cycle by cycle: {resident:?}");
    if let Some(server) = server {
        wait_until("the sessions are gone", SOON, || server.sessions().is_empty()).await;
    }
}

/// Drops a thousand futures that open a registry, and as many that close one.
async fn opening_and_closing_leave_nothing(plugin: &str, settings: SettingsBuilder, server: Option<&dyn Server>) {
    let before = rested(plugin, &settings).await;
    let mut resident = Vec::new();
    for _ in 0..2 {
        drop_all(async |number| {
            if let Ok(registry) = open(settings.clone()).await
                && number % 2 == 0
            {
                drop_half_way(number / 2, registry.close()).await;
            }
        })
        .await;
        wait_until("the plugin's threads end", SOON, || plugin_threads(plugin) == 0).await;
        wait_until("the descriptors are closed", SOON, || descriptors() <= before).await;
        resident.push(resident_kib());
    }
    assert!(resident[1] < resident[0] + SLACK_KIB, "resident KiB, round by round: {resident:?}");
    if let Some(server) = server {
        // One that was opened for a future that was gone lasts as long as a session.
        wait_until("the sessions are gone", SETTLED, || server.sessions().is_empty()).await;
        assert_eq!(server.watches(), 0);
    }
}

/// Runs a test alone, its runtime included: that has descriptors, too.
fn alone(test: impl Future<Output = ()>) {
    // A test that failed has not broken the turns of the others.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Runtime::new().expect("a runtime").block_on(test);
}

fn own_etcd() -> Etcd {
    Etcd::start().expect("an etcd server")
}

fn own_zookeeper() -> ZooKeeper {
    ZooKeeper::start().expect("a ZooKeeper server")
}

#[test]
fn dropped_futures_leave_nothing_on_memory() {
    alone(async { nothing_is_left("memory", memory(), None).await });
}

#[test]
fn dropped_futures_leave_nothing_on_etcd() {
    alone(async {
        let server = own_etcd();
        nothing_is_left("etcd", etcd(&server), Some(&server)).await;
    });
}

#[test]
fn dropped_futures_leave_nothing_on_zookeeper() {
    alone(async {
        let server = own_zookeeper();
        nothing_is_left("zookeeper", zookeeper(&server), Some(&server)).await;
    });
}

#[test]
fn dropped_openings_and_closings_leave_nothing_on_memory() {
    alone(async { opening_and_closing_leave_nothing("memory", memory(), None).await });
}

#[test]
fn dropped_openings_and_closings_leave_nothing_on_etcd() {
    alone(async {
        let server = own_etcd();
        opening_and_closing_leave_nothing("etcd", etcd(&server).set("registry.session-timeout=5s"), Some(&server))
            .await;
    });
}

#[test]
fn dropped_openings_and_closings_leave_nothing_on_zookeeper() {
    alone(async {
        let server = own_zookeeper();
        opening_and_closing_leave_nothing(
            "zookeeper",
            zookeeper(&server).set("registry.session-timeout=5s"),
            Some(&server),
        )
        .await;
    });
}

#[test]
fn a_hundred_registries_leave_nothing_on_memory() {
    alone(async { cycles_leave_nothing("memory", memory(), None).await });
}

#[test]
fn a_hundred_registries_leave_nothing_on_etcd() {
    alone(async {
        let server = own_etcd();
        cycles_leave_nothing("etcd", etcd(&server), Some(&server)).await;
    });
}

#[test]
fn a_hundred_registries_leave_nothing_on_zookeeper() {
    alone(async {
        let server = own_zookeeper();
        cycles_leave_nothing("zookeeper", zookeeper(&server), Some(&server)).await;
    });
}

#[test]
fn an_opening_that_fails_leaves_nothing() {
    alone(async {
        let (on_etcd, on_zookeeper) = (etcd(Etcd::shared().unwrap()), zookeeper(ZooKeeper::shared().unwrap()));
        let etcd = settings("etcd").set("registry.etcd.endpoints=127.0.0.1:1");
        let etcd = etcd.set("registry.etcd.retry-max-duration=1ms").set("registry.etcd.retry-delay=1ms");
        let zookeeper = settings("zookeeper").set("registry.zookeeper.connect-string=127.0.0.1:1");
        let zookeeper = zookeeper.set("registry.zookeeper.retry-policy.max-retries=0");
        for (plugin, works, refused) in [("etcd", on_etcd, etcd), ("zookeeper", on_zookeeper, zookeeper)] {
            let before = rested(plugin, &works).await;
            for _ in 0..100 {
                within("it fails", SOON, open(refused.clone())).await.expect_err("nobody listens there");
            }
            wait_until("the plugin's threads end", SOON, || plugin_threads(plugin) == 0).await;
            wait_until("the descriptors are closed", SOON, || descriptors() <= before).await;
        }
    });
}

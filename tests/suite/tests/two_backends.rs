//! Several registries in one process: of different backends, of one backend, used from many threads and runtimes.

use std::{sync::Arc, thread};

use registry_host::{ErrorKind, Registry, Scope, SessionState, SettingsBuilder};
use registry_suite::{SOON, Server, etcd, memory, open, plugin_threads, wait_until, within, zookeeper};
use registry_test_servers::{Etcd, Proxy, ZooKeeper};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Mutex,
};

/// The tests count threads and sessions, so that they take turns.
static TURN: Mutex<()> = Mutex::const_new(());

fn on_etcd() -> SettingsBuilder {
    etcd(Etcd::shared().expect("an etcd server"))
}

fn on_zookeeper() -> SettingsBuilder {
    zookeeper(ZooKeeper::shared().expect("a ZooKeeper server"))
}

/// Every backend, by its plugin's name.
fn every() -> [(&'static str, SettingsBuilder); 3] {
    [("memory", memory()), ("etcd", on_etcd()), ("zookeeper", on_zookeeper())]
}

/// Those with a server.
fn served() -> [(&'static str, SettingsBuilder, &'static dyn Server); 2] {
    let (etcd, zookeeper) = (Etcd::shared().expect("an etcd server"), ZooKeeper::shared().expect("a ZooKeeper server"));
    [("etcd", on_etcd(), etcd), ("zookeeper", on_zookeeper(), zookeeper)]
}

async fn works(registry: &Registry) {
    let version = registry.put("/works/it", "does").await.expect("a put");
    let entry = registry.get("/works/it").await.expect("a get").expect("an entry");
    assert_eq!((entry.version, &entry.value[..]), (version, &b"does"[..]));
    registry.lock("/works/lock").await.expect("a lock").release().await.expect("a release");
}

#[tokio::test]
async fn closing_one_backend_leaves_the_others_open() {
    let _turn = TURN.lock().await;
    let mut open_ones = Vec::new();
    for (plugin, settings) in every() {
        let registry = open(settings).await.unwrap();
        assert_eq!(registry.plugin().name(), plugin);
        open_ones.push(registry);
    }
    open_ones[0].put("/only/here", "1").await.unwrap();
    while let [closed, rest @ ..] = &open_ones[..] {
        for registry in rest {
            works(registry).await;
            assert_eq!(registry.get("/only/here").await.unwrap(), None);
        }
        closed.close().await.unwrap();
        assert_eq!(closed.get("/only/here").await.unwrap_err().kind(), ErrorKind::Closed);
        open_ones.remove(0);
    }
}

#[tokio::test]
async fn two_registries_of_one_plugin_have_a_session_each() {
    let _turn = TURN.lock().await;
    for (_, settings) in every() {
        let (one, other) = (open(settings.clone()).await.unwrap(), open(settings).await.unwrap());
        assert_ne!(one.session().id(), other.session().id());
        one.put("/one", "1").ephemeral().await.unwrap();
        other.put("/other", "2").ephemeral().await.unwrap();
        one.close().await.unwrap();
        assert_eq!(other.get("/one").await.unwrap(), None, "its ephemerals went with it");
        assert!(other.get("/other").await.unwrap().is_some());
        works(&other).await;
        other.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_plugin_rests_until_it_is_opened_again() {
    let _turn = TURN.lock().await;
    for (plugin, settings) in every() {
        for _ in 0..3 {
            let registry = open(settings.clone()).await.unwrap();
            works(&registry).await;
            assert!(plugin_threads(plugin) > 0);
            registry.close().await.unwrap();
            drop(registry);
            wait_until(format!("{plugin}'s threads end"), SOON, || plugin_threads(plugin) == 0).await;
        }
    }
}

#[test]
fn one_registry_serves_many_threads_and_runtimes() {
    let turn = TURN.blocking_lock();
    let runtime = Runtime::new().unwrap();
    for (_, settings) in every() {
        let registry = runtime.block_on(open(settings)).unwrap();
        thread::scope(|scope| {
            for number in 0..8 {
                let registry = registry.clone();
                scope.spawn(move || {
                    // A runtime of each kind.
                    let mut builder =
                        if number % 2 == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
                    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
                    runtime.block_on(async {
                        let key = format!("/thread/{number}");
                        let mut watch = registry.watch(&key, Scope::Node).await.unwrap();
                        for round in 0..20 {
                            registry.put(&key, round.to_string()).await.unwrap();
                            let guard = registry.lock("/lock").await.unwrap();
                            guard.release().await.unwrap();
                        }
                        within("an event", SOON, watch.next()).await.unwrap().unwrap();
                    });
                });
            }
        });
        runtime.block_on(async {
            assert_eq!(registry.children("/thread").await.unwrap().len(), 8);
            registry.close().await.unwrap();
        });
    }
    drop(turn);
}

#[test]
fn a_registry_outlives_the_runtime_that_it_was_opened_on() {
    let turn = TURN.blocking_lock();
    for (_, settings) in every() {
        let registry = Runtime::new().unwrap().block_on(open(settings)).unwrap();
        Runtime::new().unwrap().block_on(async {
            works(&registry).await;
            assert_eq!(registry.session().state(), SessionState::Connected);
            registry.close().await.unwrap();
        });
    }
    drop(turn);
}

#[test]
fn a_guard_is_dropped_on_a_thread_without_a_runtime() {
    let turn = TURN.blocking_lock();
    let runtime = Runtime::new().unwrap();
    for (_, settings) in every() {
        let registry = runtime.block_on(open(settings)).unwrap();
        let guard = runtime.block_on(registry.lock("/lock").into_future()).unwrap();
        thread::spawn(move || drop(guard)).join().unwrap();
        let again = registry.lock("/lock").within(SOON).into_future();
        let again = runtime.block_on(again).expect("the first was released in the background");
        runtime.block_on(registry.close()).unwrap();
        // After the registry was closed too.
        thread::spawn(move || drop(again)).join().unwrap();
    }
    drop(turn);
}

#[test]
fn dropping_the_last_handle_closes_in_the_background() {
    let turn = TURN.blocking_lock();
    let runtime = Arc::new(Runtime::new().unwrap());
    let droppers: [fn(Arc<Runtime>, Registry); 4] = [
        // On a thread without a runtime.
        |_, registry| drop(registry),
        // In a task of a runtime.
        |runtime, registry| runtime.block_on(async { tokio::spawn(async move { drop(registry) }).await.unwrap() }),
        // In a runtime of one thread, which must not be blocked.
        |_, registry| Builder::new_current_thread().build().unwrap().block_on(async { drop(registry) }),
        // While a runtime that holds it is dropped.
        |_, registry| {
            let runtime = Runtime::new().unwrap();
            runtime.spawn(async move {
                let _registry = registry;
                std::future::pending::<()>().await;
            });
            drop(runtime);
        },
    ];
    let on_each = droppers.into_iter().flat_map(|dropper| served().map(|served| (dropper, served)));
    for (dropper, (plugin, settings, server)) in on_each {
        let registry = runtime.block_on(open(settings)).unwrap();
        let id = registry.session().id();
        runtime.block_on(registry.put("/mine", "1").ephemeral().into_future()).unwrap();
        let guard = runtime.block_on(registry.lock("/lock").into_future()).unwrap();
        let watch = runtime.block_on(registry.watch("/mine", Scope::Node)).unwrap();
        let mut states = registry.session().states();
        assert!(server.sessions().contains(&id), "{id}");
        let given = Arc::clone(&runtime);
        thread::spawn(move || dropper(given, registry)).join().expect("dropping neither panics nor hangs");
        runtime.block_on(wait_until("the session ends", SOON, || !server.sessions().contains(&id)));
        // What outlives the handle has been told.
        let why = runtime.block_on(within("the guard is lost", SOON, guard.lost()));
        assert_eq!(why.kind(), ErrorKind::Closed, "{why}");
        runtime.block_on(async {
            while let Some(state) = within("a state", SOON, states.next()).await {
                if state == SessionState::Closed {
                    break;
                }
            }
        });
        drop((guard, watch));
        runtime.block_on(wait_until("the plugin rests", SOON, || plugin_threads(plugin) == 0));
    }
    drop(turn);
}

#[test]
fn dropping_the_last_handle_waits_for_no_server() {
    let turn = TURN.blocking_lock();
    let runtime = Runtime::new().unwrap();
    let ways = [Etcd::shared().unwrap().address(), ZooKeeper::shared().unwrap().address()];
    let [to_etcd, to_zookeeper] = ways.map(|server| Proxy::to(server).unwrap());
    let etcd = on_etcd().set_value("registry.etcd.endpoints", to_etcd.url());
    let at = to_zookeeper.address().to_string();
    let zookeeper = on_zookeeper().set_value("registry.zookeeper.connect-string", at);
    for (plugin, settings, proxy) in [("etcd", etcd, to_etcd), ("zookeeper", zookeeper, to_zookeeper)] {
        let registry = runtime.block_on(open(settings.set("registry.operation-timeout=2s"))).unwrap();
        let guard = runtime.block_on(registry.lock("/lock").into_future()).unwrap();
        proxy.silent();
        let (dropped, waits) = std::sync::mpsc::channel();
        thread::spawn(move || {
            drop((registry, guard));
            dropped.send(()).unwrap();
        });
        waits.recv_timeout(SOON).expect("dropping waits for nothing");
        // The closing is given up by its deadline, and the plugin rests.
        runtime.block_on(wait_until("the plugin rests", SOON, || plugin_threads(plugin) == 0));
    }
    drop(turn);
}

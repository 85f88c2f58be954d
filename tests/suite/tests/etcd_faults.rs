//! etcd servers that are not there, don't answer, are killed, stopped or cut off; one clean fault a test.

use std::{collections::BTreeMap, io::Write as _, net::TcpListener, sync::LazyLock, time::Duration};

use registry_host::{Entry, ErrorKind, Event, Outcome, Registry, Scope, SessionState, SettingsBuilder, States, Watch};
use registry_suite::{Logs, Mirror, SOON, etcd, eventually, leases, open, settings, wait_until, within};
use registry_test_servers::{Etcd, Proxy};
use tokio::time::Instant;

static LOGS: LazyLock<Logs> = LazyLock::new(Logs::install);

/// How much later than promised an answer may come on a busy machine.
const LATE: Duration = Duration::from_secs(3);

fn behind(proxy: &Proxy) -> SettingsBuilder {
    settings("etcd").set_value("registry.etcd.endpoints", proxy.url())
}

fn start() -> Etcd {
    Etcd::start().expect("an etcd server")
}

/// Writes again until it is done: what a host does about an error that may pass.
async fn put(registry: &Registry, key: &str, value: &str) {
    eventually(format_args!("{key} is put"), SOON, async || match registry.put(key, value).await {
        Ok(version) => Some(version),
        Err(error) if error.is_retryable() => None,
        Err(error) => panic!("{error}"),
    })
    .await;
}

/// Waits for exactly these states.
async fn states(states: &mut States, expected: &[SessionState]) {
    for state in expected {
        let next = within(format_args!("the session is {state:?}"), SOON * 2, states.next()).await;
        assert_eq!(next.as_ref(), Some(state));
    }
}

#[tokio::test]
async fn a_missing_server_is_told_within_the_timeout() {
    let begun = Instant::now();
    let nowhere = settings("etcd").set("registry.etcd.endpoints=127.0.0.1:1,127.0.0.1:2");
    let error = open(nowhere.set("registry.etcd.connection-timeout=2s")).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2) + LATE);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::NotApplied), "{error}");
    let text = error.to_string();
    for part in ["127.0.0.1:1", "127.0.0.1:2", "registry.etcd.endpoints"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test]
async fn a_silent_server_is_told_within_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    let silent = settings("etcd").set_value("registry.etcd.endpoints", listener.local_addr().unwrap().to_string());
    let error = open(silent.set("registry.etcd.connection-timeout=2s")).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2) + LATE, "{:?}", begun.elapsed());
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("registry.etcd.endpoints"), "{error}");
}

#[tokio::test]
async fn another_kind_of_server_is_told_within_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // It ends with the process.
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            // The client may be gone already.
            let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n");
        }
    });
    let settings = settings("etcd").set_value("registry.etcd.endpoints", &address);
    let opening = open(settings.set("registry.etcd.connection-timeout=2s"));
    let error = within("opening fails", SOON, opening).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::NotApplied), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn calls_to_a_silent_server_end_by_their_deadline() {
    let server = start();
    let proxy = Proxy::to(server.address()).unwrap();
    let registry = open(behind(&proxy).set("registry.operation-timeout=1s")).await.unwrap();
    registry.put("/key", "before").await.unwrap();
    proxy.silent();
    let begun = Instant::now();
    let (get, put, list, watch, lock) = tokio::join!(
        registry.get("/key"),
        registry.put("/key", "while silent").into_future(),
        registry.list("/key"),
        registry.watch("/key", registry_host::Scope::Node),
        registry.try_lock("/lock").into_future(),
    );
    assert!(begun.elapsed() < Duration::from_secs(2) + LATE, "{:?}", begun.elapsed());
    let put = put.unwrap_err();
    assert_eq!((put.kind(), put.outcome()), (ErrorKind::Timeout, Outcome::Unknown), "{put}");
    for error in [get.unwrap_err(), list.unwrap_err(), watch.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    assert!(matches!(lock.unwrap_err().kind(), ErrorKind::Timeout | ErrorKind::NotAcquired));
    let closing = within("closing ends by its deadline", SOON, registry.close()).await.unwrap_err();
    assert_eq!(closing.outcome(), Outcome::Unknown, "{closing}");
}

#[tokio::test]
async fn calls_watches_and_session_survive_a_server_restart() {
    let server = start();
    let (registry, other) = (open(etcd(&server)).await.unwrap(), open(etcd(&server)).await.unwrap());
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let guard = registry.lock("/lock").await.unwrap();
    let id = registry.session().id();
    let mut mirror = Mirror::of(&registry, "/e").await;
    for round in 0..3 {
        server.kill();
        server.restart().unwrap();
        put(&registry, "/e/from-it", &round.to_string()).await;
        mirror.until("the put is told", |mirror| mirror.has("/e/from-it", &round.to_string())).await;
    }
    assert!(mirror.has("/e/mine", "1"));
    eventually("the session is connected", SOON, async || {
        (registry.session().state() == SessionState::Connected).then_some(())
    })
    .await;
    assert_eq!(registry.session().id(), id);
    // A restart that took long may have cost others their leases, as far as a client can tell.
    wait_until("each session has one lease", SOON, || leases(&server).len() == 2).await;
    assert!(!guard.is_lost());
    registry.txn().check_held(&guard).put("/e/last", "1").commit().await.unwrap();
    other.close().await.unwrap();
    registry.close().await.unwrap();
}

#[tokio::test]
async fn a_write_interrupted_by_a_kill_is_unknown() {
    let server = start();
    let proxy = Proxy::to(server.address()).unwrap();
    let registry = open(behind(&proxy)).await.unwrap();
    registry.put("/key", "before").await.unwrap();
    let revision = server.revision().unwrap();
    // The server gets it, its answer does not come through.
    proxy.silent();
    let writing = tokio::spawn({
        let registry = registry.clone();
        async move { registry.put("/key", "written").await }
    });
    wait_until("it is written", SOON, || server.revision().unwrap() > revision).await;
    server.kill();
    proxy.reset();
    let error = within("the write fails", SOON, writing).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::Unknown), "{error}");
    proxy.heal();
    server.restart().unwrap();
    // It was applied once, and nothing wrote it again.
    let value = eventually("it is read", SOON, async || registry.get("/key").await.ok().flatten()).await;
    assert_eq!(&value.value[..], b"written");
    // What was not sent is certain.
    server.kill();
    let error = eventually("it is not sent", SOON, async || {
        let error = registry.put("/key", "never").timeout(Duration::from_millis(500)).await.unwrap_err();
        (error.outcome() == Outcome::NotApplied).then_some(error)
    })
    .await;
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
}

#[tokio::test]
async fn one_of_three_servers_may_die_or_stop() {
    let cluster = Etcd::builder().members(3).start().unwrap();
    let registry = open(etcd(&cluster).set("registry.etcd.ttl=30s")).await.unwrap();
    let id = registry.session().id();
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let mut mirror = Mirror::of(&registry, "/e").await;
    for (number, member) in cluster.members().iter().enumerate() {
        let value = format!("dead {number}");
        member.kill();
        put(&registry, "/e/key", &value).await;
        mirror.until("the put is told", |mirror| mirror.has("/e/key", &value)).await;
        member.restart().unwrap();

        let value = format!("stopped {number}");
        member.stop().unwrap();
        put(&registry, "/e/key", &value).await;
        mirror.until("the put is told", |mirror| mirror.has("/e/key", &value)).await;
        member.cont().unwrap();
    }
    assert_eq!(registry.session().id(), id);
    assert!(registry.get("/e/mine").await.unwrap().is_some());
    registry.close().await.unwrap();
}

#[tokio::test]
async fn a_cut_watch_goes_on_after_a_compaction() {
    let server = start();
    let proxy = Proxy::to(server.address()).unwrap();
    let namespace = "registry.namespace=compacted";
    let (watching, writing) =
        (behind(&proxy).set(namespace).set("registry.etcd.ttl=60s"), etcd(&server).set(namespace));
    let (watching, writing) = (open(watching).await.unwrap(), open(writing).await.unwrap());
    for key in ["/w/kept", "/w/changed", "/w/deleted", "/w/recreated"] {
        writing.put(key, "before").await.unwrap();
    }
    let mut mirror = Mirror::of(&watching, "/w").await;
    proxy.cut();
    writing.put("/w/changed", "after").await.unwrap();
    writing.put("/w/added", "after").await.unwrap();
    writing.delete("/w/deleted").await.unwrap();
    writing.delete("/w/recreated").await.unwrap();
    writing.put("/w/recreated", "after").await.unwrap();
    server.compact().unwrap();
    proxy.reset();
    proxy.heal();
    let events = mirror.until("synced again", |mirror| mirror.synced == 2).await;
    // The difference and nothing else.
    let mut told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Put { entry, new } => Some((entry.key.as_str(), if *new { "new" } else { "changed" })),
            Event::Delete { last } => Some((last.key.as_str(), "deleted")),
            _ => None,
        })
        .collect();
    told.sort_unstable();
    let expected =
        [("/w/added", "new"), ("/w/changed", "changed"), ("/w/deleted", "deleted"), ("/w/recreated", "changed")];
    assert_eq!(told, expected);
    writing.put("/w/later", "1").await.unwrap();
    mirror.until("it goes on", |mirror| mirror.has("/w/later", "1")).await;
}

#[tokio::test]
async fn a_long_cut_loses_the_session_and_another_follows() {
    let server = start();
    let proxy = Proxy::to(server.address()).unwrap();
    let namespace = "registry.namespace=lost";
    let registry = open(behind(&proxy).set(namespace).set("registry.etcd.ttl=3s")).await.unwrap();
    let other = open(etcd(&server).set(namespace)).await.unwrap();
    registry.put("/e/deleted", "1").ephemeral().await.unwrap();
    registry.delete("/e/deleted").await.unwrap();
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let (guard, id) = (registry.lock("/lock").await.unwrap(), registry.session().id());
    let mut mirror = Mirror::of(&registry, "/e").await;
    let mut told = registry.session().states();
    states(&mut told, &[SessionState::Connected]).await;
    proxy.cut();
    states(&mut told, &[SessionState::Suspended]).await;
    // While it is suspended nothing is sent.
    let error = registry.put("/e/late", "1").timeout(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::NotApplied), "{error}");
    states(&mut told, &[SessionState::Lost]).await;
    assert!(guard.is_lost(), "it is lost no later than the session");
    let why = within("the guard tells", SOON, guard.lost()).await;
    assert!(matches!(why.kind(), ErrorKind::SessionLost | ErrorKind::LockLost), "{why}");
    assert!(other.get("/e/mine").await.unwrap().is_some(), "lost before the server ends it");
    let next = within("another gets the lock", SOON, other.lock("/lock").into_future()).await.unwrap();
    assert!(next.token() > guard.token());
    wait_until("the old lease is gone", SOON, || !leases(&server).contains(&id)).await;
    assert!(other.get("/e/mine").await.unwrap().is_none_or(|entry| entry.ephemeral != Some(id)));
    proxy.heal();
    states(&mut told, &[SessionState::Connected]).await;
    assert_ne!(registry.session().id(), id);
    let refused = registry.txn().check_held(&guard).put("/e/stale", "1").commit().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConditionFailed, "{refused}");
    // The watch and all calls go on.
    other.put("/e/after", "1").await.unwrap();
    mirror.until("the watch goes on", |mirror| mirror.has("/e/after", "1")).await;
    assert!(!mirror.state.contains_key("/e/deleted"));
    registry.put("/e/again", "1").ephemeral().await.unwrap();
    assert_eq!(registry.get("/e/again").await.unwrap().unwrap().ephemeral, Some(registry.session().id()));
    registry.close().await.unwrap();
    assert_eq!(leases(&server), [other.session().id()]);
}

#[tokio::test]
async fn a_session_that_the_server_ends_is_lost_at_once() {
    let server = start();
    let registry = open(etcd(&server).set("registry.etcd.ttl=6s")).await.unwrap();
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let (guard, id) = (registry.lock("/lock").await.unwrap(), registry.session().id());
    let mut told = registry.session().states();
    states(&mut told, &[SessionState::Connected]).await;
    server.etcdctl(["lease", "revoke", &id.to_string()]).unwrap();
    states(&mut told, &[SessionState::Lost, SessionState::Connected]).await;
    assert!(guard.is_lost());
    assert_ne!(registry.session().id(), id);
    registry.put("/e/again", "1").ephemeral().await.unwrap();
    registry.lock("/lock").await.unwrap().release().await.unwrap();
    registry.close().await.unwrap();
    assert!(leases(&server).is_empty());
}

#[tokio::test]
async fn a_full_server_refuses_only_what_needs_room() {
    LazyLock::force(&LOGS);
    let server = Etcd::builder().quota(1_000_000).start().expect("an etcd server");
    let registry = open(etcd(&server)).await.expect("a registry");
    let mut mirror = Mirror::of(&registry, "/").await;
    registry.put("/small", "1").await.expect("a put");
    let value = "0".repeat(100_000);
    let error = eventually("it is full", SOON, async || registry.put("/big", &value).await.err()).await;
    let refused = |error: &registry_host::Error| {
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Other, Outcome::NotApplied), "{error}");
        assert!(!error.is_retryable() && error.message().contains("disarm its alarm"), "{error}");
    };
    refused(&error);
    refused(&registry.lock("/lock").await.expect_err("an entry needs room"));
    refused(&open(etcd(&server)).await.expect_err("a session needs room"));

    assert_eq!(registry.get("/big").await.expect("an answer").expect("an entry").value, value);
    mirror.until("what was written is seen", |mirror| mirror.has("/small", "1") && mirror.has("/big", &value)).await;
    registry.delete("/big").await.expect("a deletion");
    mirror.until("the deletion is seen", |mirror| !mirror.state.contains_key("/big")).await;
    let session = registry.session().id();
    server.etcdctl(["lease", "revoke", &session.to_string()]).expect("a revocation");
    let lost = || registry.session().state() == SessionState::Lost;
    wait_until("the session is lost", SOON, lost).await;
    let told = || LOGS.with("disarm its alarm").iter().any(|line| line.starts_with("WARN"));
    wait_until("it is told why no other follows", SOON, told).await;

    server.make_room().expect("there is room");
    let follows = || registry.session().state() == SessionState::Connected && registry.session().id() != session;
    wait_until("another follows", SOON * 2, follows).await;
    put(&registry, "/big", &value).await;
}

#[tokio::test]
async fn a_dead_clients_ephemerals_stay_until_the_timeout() {
    let server = start();
    let namespace = "registry.namespace=dies";
    let dies = open(etcd(&server).set(namespace).set("registry.etcd.ttl=2s")).await.unwrap();
    let other = open(etcd(&server).set(namespace)).await.unwrap();
    dies.put("/e/mine", "1").ephemeral().await.unwrap();
    let guard = dies.lock("/lock").await.unwrap();
    let mut mirror = Mirror::of(&other, "/e").await;
    dies.abandon();
    assert!(other.get("/e/mine").await.unwrap().is_some(), "nobody told the server");
    assert!(within("the guard tells", SOON, guard.lost()).await.kind() == ErrorKind::Closed);
    mirror.until("its ephemeral goes", |mirror| !mirror.state.contains_key("/e/mine")).await;
    drop(within("its lock goes", SOON, other.lock("/lock").into_future()).await.unwrap());
    assert_eq!(leases(&server), [other.session().id()]);
}

/// Takes in what a watch tells until this is all that there is.
async fn until_told(watch: &mut Watch, told: &mut BTreeMap<String, Entry>, expected: &[(&str, &str)]) {
    let is = |told: &BTreeMap<String, Entry>| {
        told.iter()
            .map(|(key, entry)| (key.as_str(), &entry.value[..]))
            .eq(expected.iter().map(|(k, v)| (*k, v.as_bytes())))
    };
    while !is(told) {
        match within(format_args!("{expected:?} is told"), SOON * 2, watch.next()).await.expect("it goes on").unwrap() {
            Event::Put { entry, .. } => drop(told.insert(entry.key.clone(), entry)),
            Event::Delete { last } => drop(told.remove(&last.key)),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_foreign_or_wiped_data_lose_the_session() {
    let (server, elsewhere) = (start(), start());
    let proxy = Proxy::to(server.address()).unwrap();
    let registry = open(behind(&proxy)).await.unwrap();
    let mut states = registry.session().states();
    let (mut watch, mut told) = (registry.watch("/e", Scope::Subtree).await.unwrap(), BTreeMap::new());
    put(&registry, "/e/key", "1").await;
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let backup = server.backup().unwrap();
    put(&registry, "/e/key", "2").await;
    put(&registry, "/e/late", "1").await;
    until_told(&mut watch, &mut told, &[("/e", ""), ("/e/key", "2"), ("/e/late", "1"), ("/e/mine", "1")]).await;
    type Change<'a> = Box<dyn Fn() + 'a>;
    let restored: Change<'_> = Box::new(|| server.restore(&backup).unwrap());
    let moved: Change<'_> = Box::new(|| {
        proxy.lead_to(elsewhere.address());
        proxy.reset();
    });
    let wiped: Change<'_> = Box::new(|| elsewhere.wipe().unwrap());
    for (what, change, key) in [("restored", restored, Some("1")), ("moved", moved, None), ("wiped", wiped, None)] {
        let (guard, id) = (registry.lock("/lock").await.unwrap(), registry.session().id());
        change();
        for state in [SessionState::Lost, SessionState::Connected] {
            let reached = async { while states.next().await.expect("it is open") != state {} };
            within(format_args!("{what}: the session is {state:?}"), SOON * 2, reached).await;
        }
        assert!(guard.is_lost() && registry.session().id() != id, "{what}");
        let expected = [Some(("/e", "")), key.map(|value| ("/e/key", value)), Some(("/e/mine", "1"))];
        until_told(&mut watch, &mut told, &expected.into_iter().flatten().collect::<Vec<_>>()).await;
        let owner = async || {
            let entry = registry.get("/e/mine").await.ok().flatten()?;
            (entry.ephemeral == Some(registry.session().id())).then_some(())
        };
        eventually(format_args!("{what}: the new session owns what the old one did"), SOON, owner).await;
        put(&registry, "/e/key", what).await;
        until_told(&mut watch, &mut told, &[("/e", ""), ("/e/key", what), ("/e/mine", "1")]).await;
        registry.delete("/e/key").await.unwrap();
        until_told(&mut watch, &mut told, &[("/e", ""), ("/e/mine", "1")]).await;
    }
    registry.close().await.unwrap();
}

//! ZooKeeper servers that fall silent, are killed, stopped or cut off; one clean fault a test.

use std::time::Duration;

use registry_host::{ErrorKind, Outcome, Registry, Scope, SessionState, SettingsBuilder, States};
use registry_suite::{Mirror, SOON, Server as _, eventually, open, wait_until, within, zookeeper};
use registry_test_servers::{Proxy, ZooKeeper};
use tokio::time::Instant;

/// How much later than promised an answer may come on a busy machine.
const LATE: Duration = Duration::from_secs(3);

fn start() -> ZooKeeper {
    ZooKeeper::start().expect("a ZooKeeper server")
}

/// The settings of a client behind the proxy, and of one that sees the same server directly.
fn pair(server: &ZooKeeper, proxy: &Proxy) -> (SettingsBuilder, SettingsBuilder) {
    let direct = zookeeper(server);
    (direct.clone().set_value("registry.zookeeper.connect-string", proxy.address().to_string()), direct)
}

/// Writes again until it is done: what a host does about an error that may pass. Gives how often it failed.
async fn put(registry: &Registry, key: &str, value: &str) -> usize {
    let mut failed = 0;
    let again = async || match registry.put(key, value).await {
        Ok(_) => Some(()),
        Err(error) if error.is_retryable() => {
            failed += 1;
            None
        }
        Err(error) => panic!("{error}"),
    };
    eventually(format_args!("{key} is put"), SOON * 2, again).await;
    failed
}

/// Waits for exactly these states.
async fn states(states: &mut States, expected: &[SessionState]) {
    for state in expected {
        let next = within(format_args!("the session is {state:?}"), SOON * 2, states.next()).await;
        assert_eq!(next.as_ref(), Some(state));
    }
}

#[tokio::test]
async fn calls_to_a_silent_server_end_by_their_deadline() {
    let server = start();
    let proxy = Proxy::to(server.address()).unwrap();
    let registry = open(pair(&server, &proxy).0.set("registry.operation-timeout=1s")).await.unwrap();
    registry.put("/key", "before").await.unwrap();
    proxy.silent();
    let begun = Instant::now();
    let (get, put, list, watch, lock) = tokio::join!(
        registry.get("/key"),
        registry.put("/key", "while silent").into_future(),
        registry.list("/key"),
        registry.watch("/key", Scope::Node),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_sent_nothing_until_it_returns() {
    let server = start();
    let registry = open(zookeeper(&server).set("registry.session-timeout=20s")).await.unwrap();
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let (guard, id) = (registry.lock("/lock").await.unwrap(), registry.session().id());
    let mut mirror = Mirror::of(&registry, "/e").await;
    let mut told = registry.session().states();
    states(&mut told, &[SessionState::Connected]).await;
    server.stop().unwrap();
    let sent = registry.put("/e/sent", "1").timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!((sent.kind(), sent.outcome()), (ErrorKind::Timeout, Outcome::Unknown), "{sent}");
    states(&mut told, &[SessionState::Suspended]).await;
    let held_back = registry.put("/e/held-back", "1").timeout(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((held_back.kind(), held_back.outcome()), (ErrorKind::Timeout, Outcome::NotApplied), "{held_back}");
    server.cont().unwrap();
    states(&mut told, &[SessionState::Connected]).await;
    assert_eq!(registry.session().id(), id);
    registry.txn().check_held(&guard).put("/e/after", "1").commit().await.unwrap();
    mirror.until("the watch goes on", |mirror| mirror.has("/e/after", "1")).await;
    assert!(mirror.has("/e/mine", "1") && !mirror.state.contains_key("/e/held-back"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_watches_and_session_survive_a_server_restart() {
    let server = start();
    let registry = open(zookeeper(&server)).await.unwrap();
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let (guard, id) = (registry.lock("/lock").await.unwrap(), registry.session().id());
    let mut mirrors = Vec::new();
    for (key, scope) in [("/e", Scope::Subtree), ("/e", Scope::Children), ("/e/from-it", Scope::Node)] {
        mirrors.push(Mirror::covering(&registry, key, scope).await);
    }
    for round in ["1", "2", "3"] {
        let synced: Vec<_> = mirrors.iter().map(|mirror| mirror.synced).collect();
        server.kill();
        server.restart().unwrap();
        put(&registry, "/e/from-it", round).await;
        for (mirror, synced) in mirrors.iter_mut().zip(synced) {
            let goes_on = |mirror: &Mirror| mirror.has("/e/from-it", round) && mirror.synced > synced;
            mirror.until("the put is told, and that nothing was missed", goes_on).await;
        }
    }
    assert!(mirrors[0].has("/e/mine", "1"));
    wait_until("the session is connected", SOON, || registry.session().state() == SessionState::Connected).await;
    assert_eq!((registry.session().id(), server.sessions()), (id, vec![id]));
    assert!(!guard.is_lost());
    registry.txn().check_held(&guard).put("/e/last", "1").commit().await.unwrap();
    registry.close().await.unwrap();
    assert!(server.sessions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_interrupted_by_a_kill_is_unknown() {
    let server = start();
    let proxy = Proxy::to(server.address()).unwrap();
    let (behind, direct) = pair(&server, &proxy);
    let (registry, other) = (open(behind).await.unwrap(), open(direct).await.unwrap());
    registry.put("/key", "before").await.unwrap();
    // The server has it for a while before its answer is there.
    proxy.delay(Duration::from_secs(1));
    let writing = tokio::spawn({
        let registry = registry.clone();
        async move { registry.put("/key", "written").await }
    });
    eventually("it is written", SOON, async || {
        let entry = other.get("/key").await.unwrap().unwrap();
        (entry.value == "written").then_some(())
    })
    .await;
    server.kill();
    proxy.reset();
    proxy.delay(Duration::ZERO);
    let error = within("the write fails", SOON, writing).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::Unknown), "{error}");
    server.restart().unwrap();
    // It was applied once, and nothing wrote it again.
    let entry = eventually("it is read", SOON, async || registry.get("/key").await.ok().flatten()).await;
    assert_eq!(entry.value, "written");
    // What was not sent is certain.
    server.kill();
    wait_until("that is noticed", SOON, || registry.session().state() == SessionState::Suspended).await;
    let error = registry.put("/key", "never").timeout(Duration::from_millis(500)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::NotApplied), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn losing_one_of_three_servers_fails_only_pending_calls() {
    let servers = ZooKeeper::builder().members(3).start().unwrap();
    let settings = zookeeper(&servers).set("registry.session-timeout=20s").set("registry.operation-timeout=30s");
    let registry = open(settings.clone()).await.unwrap();
    let id = registry.session().id();
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let mut mirror = Mirror::of(&registry, "/e").await;
    for what in ["dead", "stopped"] {
        // The leader, and then each in its turn, of which one at least is a follower and one the server of this
        // session.
        for turn in 0..4 {
            let member = match turn {
                0 => eventually("one leads", SOON, async || servers.leader().ok()).await,
                _ => &servers.members()[turn - 1],
            };
            let value = format!("{what} {turn}");
            if what == "dead" {
                member.kill()
            } else {
                member.stop().unwrap()
            }
            let failed = put(&registry, "/e/key", &value).await;
            assert!(failed <= 1, "{value}: {failed} calls failed, one was under way");
            mirror.until("the put is told", |mirror| mirror.has("/e/key", &value)).await;
            if what == "dead" {
                member.restart().unwrap()
            } else {
                member.cont().unwrap()
            }
            // The others are a quorum without the next one only once this one gives sessions again.
            let through_it = settings.clone().set_value("registry.zookeeper.connect-string", member.endpoint());
            open(through_it).await.unwrap().close().await.unwrap();
        }
    }
    assert_eq!(registry.session().id(), id);
    assert!(registry.get("/e/mine").await.unwrap().is_some());
    registry.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_cut_loses_the_session_and_another_follows() {
    let server = start();
    let proxy = Proxy::to(server.address()).unwrap();
    let (behind, direct) = pair(&server, &proxy);
    let registry = open(behind.set("registry.session-timeout=4s")).await.unwrap();
    let other = open(direct).await.unwrap();
    registry.put("/e/deleted", "1").ephemeral().await.unwrap();
    registry.delete("/e/deleted").await.unwrap();
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let (guard, id) = (registry.lock("/lock").await.unwrap(), registry.session().id());
    let mut mirror = Mirror::of(&registry, "/e").await;
    let mut told = registry.session().states();
    states(&mut told, &[SessionState::Connected]).await;
    proxy.cut();
    states(&mut told, &[SessionState::Suspended, SessionState::Lost]).await;
    assert!(guard.is_lost(), "it is lost no later than the session");
    assert!(other.get("/e/mine").await.unwrap().is_some(), "lost before the server ends it");
    let next = within("another gets the lock", SOON, other.lock("/lock").into_future()).await.unwrap();
    assert!(next.token() > guard.token());
    wait_until("the session has ended", SOON, || server.sessions() == [other.session().id()]).await;
    assert_eq!(other.get("/e/mine").await.unwrap(), None);
    proxy.heal();
    states(&mut told, &[SessionState::Connected]).await;
    assert_ne!(registry.session().id(), id);
    let owner = || async { other.get("/e/mine").await.unwrap().and_then(|entry| entry.ephemeral) };
    let recreated = async || (owner().await == Some(registry.session().id())).then_some(());
    eventually("what it had put is recreated", SOON, recreated).await;
    other.put("/e/after", "1").await.unwrap();
    mirror.until("the watch goes on", |mirror| mirror.has("/e/after", "1") && mirror.has("/e/mine", "1")).await;
    assert!(!mirror.state.contains_key("/e/deleted"));
    registry.close().await.unwrap();
    // What was asked for while the network was cut arrived late, and was given a session that nobody uses.
    wait_until("only the other session is left", SOON, || server.sessions() == [other.session().id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_session_instead_of_the_resumed_ends_it() {
    let server = start();
    let proxy = Proxy::to(server.address()).unwrap();
    let (behind, direct) = pair(&server, &proxy);
    let (registry, other) = (open(behind).await.unwrap(), open(direct).await.unwrap());
    registry.put("/e/mine", "1").ephemeral().await.unwrap();
    let (guard, id) = (registry.lock("/lock").await.unwrap(), registry.session().id());
    let mut mirror = Mirror::of(&registry, "/e").await;
    let mut told = registry.session().states();
    states(&mut told, &[SessionState::Connected]).await;
    proxy.forget_sessions();
    proxy.reset();
    states(&mut told, &[SessionState::Suspended, SessionState::Lost, SessionState::Connected]).await;
    assert!(guard.is_lost() && registry.session().id() != id);
    assert!(server.sessions().contains(&id), "it is lost before the server ends it");
    let owner = || async { other.get("/e/mine").await.unwrap().and_then(|entry| entry.ephemeral) };
    let renewed = async || (owner().await == Some(registry.session().id())).then_some(());
    eventually("what it had put is put again", SOON, renewed).await;
    other.put("/e/after", "1").await.unwrap();
    mirror.until("the watch goes on", |mirror| mirror.has("/e/after", "1")).await;
    // It can't be resumed to be ended, either.
    registry.close().await.unwrap();
    let owned = other.get("/e/mine").await.unwrap();
    assert_eq!(owned, None, "what the session owned is gone");
}

#[tokio::test]
async fn a_dead_clients_ephemerals_stay_until_the_timeout() {
    let server = start();
    let settings = zookeeper(&server);
    let dies = open(settings.clone().set("registry.session-timeout=2s")).await.unwrap();
    let other = open(settings).await.unwrap();
    dies.put("/e/mine", "1").ephemeral().await.unwrap();
    let guard = dies.lock("/lock").await.unwrap();
    let mut mirror = Mirror::of(&other, "/e").await;
    dies.abandon();
    assert!(other.get("/e/mine").await.unwrap().is_some(), "nobody told the server");
    assert_eq!(within("the guard tells", SOON, guard.lost()).await.kind(), ErrorKind::Closed);
    mirror.until("its ephemeral goes", |mirror| !mirror.state.contains_key("/e/mine")).await;
    drop(within("its lock goes", SOON, other.lock("/lock").into_future()).await.unwrap());
    assert_eq!(server.sessions(), [other.session().id()]);
}

//! A leader that stood still has leases revoked which its successor renewed: nothing of a session may hang on them by
//! then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use registry_plugin::{Backend, Check, Entry, LockRequest, Revision, SessionId, SessionState};
use registry_test_servers::{Etcd as Server, Member};
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::support::*;

/// More than one Txn takes.
const MANY: usize = 150;

fn three() -> Server {
    // Elections are short, so that a session of some seconds outlasts them on a busy machine, too.
    let builder = Server::builder().members(3);
    builder.flag("--heartbeat-interval=50").flag("--election-timeout=500").start().expect("a cluster")
}

async fn connect_all(server: &Server) -> Arc<Client> {
    let section = json!({ "endpoints": server.endpoints().join(", ") });
    Arc::new(connect_with(section, options("ns")).await.expect("a connection"))
}

/// Waits until a lease is gone, ended by its own client or by a leader that stood still.
async fn gone(server: &Server, lease: SessionId) {
    until("the lease is gone", async || {
        let told = server.etcdctl(["lease", "timetolive", &lease.to_string()]);
        told.is_ok_and(|told| told.contains("already expired"))
    })
    .await;
}

/// The lease that an entry hangs on: the session that owns it, as others see it.
async fn lease(other: &Client, at: &str) -> SessionId {
    other.find(at).await.and_then(|entry| entry.ephemeral).expect("an ephemeral entry")
}

/// Waits until an entry hangs on another lease than that, and gives it.
async fn moved(other: &Client, at: &str, from: SessionId) -> SessionId {
    until("the entry hangs on another lease", async || lease(other, at).await != from).await;
    lease(other, at).await
}

/// What stays the same of an entry.
fn lasting(entry: &Entry) -> (String, Vec<u8>, Revision) {
    (entry.key.clone(), entry.value.to_vec(), entry.created)
}

/// Puts entries all the time until it is told to stop; gives the keys of those that were acknowledged.
async fn put_on(client: Arc<Client>, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut keys = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let at = format!("/on/{number}");
        let limit = client.context.operation_timeout();
        if matches!(timeout(limit, client.write(&[ephemeral(&at, "")])).await, Ok(Ok(_))) {
            keys.push(at);
        }
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_leases_that_a_former_leader_knew() {
    let server = three();
    let (client, other) = (connect_all(&server).await, connect_all(&server).await);
    let keys: Vec<_> = (0..MANY).map(|number| format!("/many/{number:03}")).collect();
    for key in &keys {
        client.write(&[ephemeral(key, key)]).await.expect("a put");
    }
    let request = LockRequest::detached(&client.context, "/lock", b"who".as_slice().into(), true, 0);
    let held = client.backend.clone().lock(request).await.expect("the lock");
    let id = client.id();
    let before: Vec<_> = client.all("/many", 1_000).await.iter().map(lasting).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let putting = tokio::spawn(put_on(client.clone(), stop.clone()));

    let mut leases = vec![id];
    for _ in 0..2 {
        let former = *leases.last().expect("a lease");
        assert_eq!(lease(&other, &keys[0]).await, former, "nothing moves while the leader stays");
        let leader = server.leader().expect("a leader");
        leader.stop().expect("a stop");
        leases.push(moved(&other, &keys[MANY - 1], former).await);
        until("all of them do", async || {
            let entries = other.all("/", 1_000).await;
            entries.iter().all(|entry| entry.ephemeral.is_none_or(|lease| lease != former))
        })
        .await;
        leader.cont().expect("a continuation");
        gone(&server, former).await;
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged = putting.await.expect("no panic");

    let after = client.all("/many", 1_000).await;
    assert_eq!(after.iter().map(lasting).collect::<Vec<_>>(), before, "the same entries, created when they were");
    assert!(after.iter().all(|entry| entry.ephemeral == Some(id) || entry.key == "/many"), "of the same session");
    let checks = [Check::Held { entry: key(&held.entry), token: held.token }];
    client.txn(&checks, &[put("/held", "yes")]).await.expect("the lock is still held");
    let there = other.keys("/on").await;
    let missing: Vec<_> = acknowledged.iter().filter(|key| !there.contains(key)).collect();
    assert!(missing.is_empty(), "what was acknowledged meanwhile is there: {missing:?} of {}", acknowledged.len());
    assert!(!acknowledged.is_empty(), "there was time for some");
    assert_eq!((client.state(), client.id()), (Some(SessionState::Connected), id));
    client.close().await.expect("a close");
    assert!(other.all("/", 1_000).await.iter().all(|entry| !entry.is_ephemeral()), "a close ends all of its leases");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_change_of_leader_costs_nothing() {
    let server = three();
    // A member has a twelfth of it to say that it follows, on a busy machine, too.
    let mut options = options("ns");
    options.session_timeout = Duration::from_secs(24);
    let section = json!({ "endpoints": server.endpoints().join(", ") });
    let client = connect_with(section, options).await.expect("a connection");
    client.write(&[ephemeral("/e", "")]).await.expect("a put");
    let version = client.find("/e").await.expect("the entry").version;
    let leases = client.backend.session.leases();
    let lease = leases.current();
    let heard = async |term: u64, what: &str| {
        until(what, async || leases.term() > term && leases.is_settled()).await;
        assert_eq!(client.find("/e").await.map(|entry| entry.version), Some(version), "{what}");
        assert_eq!(leases.current(), lease, "{what}");
    };
    let (leader, term) = (server.leader().expect("a leader"), leases.term());
    leader.kill();
    heard(term, "the leader was killed").await;
    leader.restart().expect("a restart");
    let (leader, term) = (server.leader().expect("a leader"), leases.term());
    leader.terminate().expect("an end");
    heard(term, "the leader has handed over and ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_stopped_for_long_ends_no_session() {
    let server = three();
    let (client, other) = (connect_all(&server).await, connect_all(&server).await);
    client.write(&[ephemeral("/e", "")]).await.expect("a put");
    let (id, timeout) = client.context.session().current().expect("a session");
    let created = client.find("/e").await.expect("the entry").created;
    let former: &Member = server.leader().expect("a leader");
    let stopped = Instant::now();
    former.stop().expect("a stop");
    moved(&other, "/e", id).await;
    until("its leases have run out, by its clock", async || stopped.elapsed() > timeout + Duration::from_secs(1)).await;
    former.cont().expect("a continuation");
    gone(&server, id).await;
    // A leader looks for leases that have run out twice a second.
    let seen = Instant::now();
    until("the former leader has had its time", async || seen.elapsed() > Duration::from_secs(1)).await;
    assert_eq!(client.find("/e").await.map(|entry| (entry.created, entry.ephemeral)), Some((created, Some(id))));
    assert_eq!((client.state(), client.id()), (Some(SessionState::Connected), id));
}

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use futures_util::future::join_all;
use registry_plugin::{Backend, Check, ErrorKind, Outcome, Scope, SessionState};
use registry_test_servers::{Etcd as Server, Member};
use serde_json::json;
use tokio::time::{Duration, timeout};

use super::support::*;

fn three() -> Server {
    Server::builder().members(3).start().expect("a cluster")
}

async fn connect_all(server: &Server) -> Arc<Client> {
    let section = json!({ "endpoints": server.endpoints().join(", ") });
    Arc::new(connect_with(section, options("ns")).await.expect("a connection"))
}

/// Writes until it succeeds; in between the cluster may be without a leader.
async fn write_again(client: &Client, value: &str) {
    until("a write succeeds", async || client.write(&[put("/a", value)]).await.is_ok()).await;
}

/// A client with so much patience that a test fails if it waits for a silent member.
async fn connect_patiently(server: &Server) -> Arc<Client> {
    let section = json!({ "endpoints": server.endpoints().join(", "), "connection-timeout": "1h" });
    let mut options = options("ns");
    options.operation_timeout = Duration::from_secs(3600);
    let connecting = timeout(LIMIT, connect_with(section, options)).await;
    Arc::new(connecting.expect("in time").expect("a connection"))
}

/// The member that a client uses.
async fn used<'s>(client: &Client, server: &'s Server) -> &'s Member {
    let named = client.server().await.expect("words");
    let used = server.members().iter().find(|member| named.ends_with(&member.address().to_string()));
    used.unwrap_or_else(|| panic!("{named} is none of them"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_gone_or_silent_keeps_nobody_waiting() {
    let server = three();
    let clients = join_all((0..16).map(|_| connect_patiently(&server))).await;
    clients[0].write(&[put("/a", "1")]).await.expect("a put");
    let used = join_all(clients.iter().map(|client| used(client, &server))).await;
    assert!(used.iter().any(|other| other.number() != used[0].number()), "each has an order of its own");
    let member = used[0];
    member.stop().expect("a stop");
    for client in &clients {
        let found = timeout(LIMIT, client.get(key("/a"))).await.expect("a read goes to another member");
        assert!(found.expect("an answer").is_some());
    }
    let more = join_all((0..16).map(|_| connect_patiently(&server))).await;
    let other = server.members().iter().find(|other| other.number() != member.number()).expect("another");
    let mut raw = etcd_client::Client::connect([other.endpoint()], None).await.expect("a client");
    let leases = raw.leases().await.expect("an answer").leases().len();
    assert_eq!(leases, clients.len() + more.len(), "none was granted in vain");
    member.kill();
    join_all((0..4).map(|_| connect_patiently(&server))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_member_costs_at_most_what_was_in_flight() {
    let server = three();
    let client = connect_all(&server).await;
    client.write(&[ephemeral("/e", "")]).await.expect("a put");
    let mut watch = watch(&client, "/a", Scope::Node);
    watch.synced().await;
    let id = client.id();
    used(&client, &server).await.kill();
    // Reads always get through; the cluster itself may be busy electing.
    assert!(client.find("/e").await.is_some());
    write_again(&client, "1").await;
    for n in 2..50 {
        client.write(&[put("/a", &n.to_string())]).await.expect("a put on another member");
    }
    client.until_state(SessionState::Connected).await;
    assert_eq!(client.id(), id);
    while watch.next().await.trim_start_matches('+') != "/a 49" {}
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_leave_a_stopped_member_within_their_deadline() {
    let server = three();
    let client = connect_all(&server).await;
    client.write(&[ephemeral("/e", ""), put("/a", "1")]).await.expect("puts");
    let mut watch = watch(&client, "/a", Scope::Node);
    watch.synced().await;
    let id = client.id();
    let member = used(&client, &server).await;
    member.stop().expect("a stop");
    let deadline = client.context.operation_timeout();
    let found = timeout(deadline, client.get(key("/a"))).await.expect("within the deadline").expect("an answer");
    assert!(found.is_some());
    write_again(&client, "2").await;
    client.until_state(SessionState::Connected).await;
    assert_eq!(client.id(), id, "the session went over to another member");
    while watch.next().await != "/a 2" {}
    member.cont().expect("a continuation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_its_cluster_refuses_and_nothing_is_written() {
    let server = three();
    let client = connect_all(&server).await;
    let alone = used(&client, &server).await.number();
    let others: Vec<_> = server.members().iter().filter(|member| member.number() != alone).collect();
    others.iter().for_each(|member| member.kill());
    until("the member knows that it is alone", async || {
        let refused = timeout(client.context.operation_timeout(), client.write(&[put("/a", "1")])).await;
        matches!(refused, Ok(Err(error)) if error.outcome() == Outcome::NotApplied && error.kind() == ErrorKind::Unavailable)
    })
    .await;
    others[0].restart().expect("a restart");
    write_again(&client, "2").await;
}

#[tokio::test]
async fn an_unreachable_server_is_named() {
    for (endpoints, within) in [("127.0.0.1:1", "9s"), ("http://127.0.0.1:1,127.0.0.1:2", "300ms")] {
        let section = json!({ "endpoints": endpoints, "connection-timeout": within });
        let connecting = timeout(Duration::from_secs(9), connect_with(section, options("ns"))).await;
        let Err(error) = connecting.expect("within the connection timeout") else { panic!("a connection to nothing") };
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::NotApplied));
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:1") && text.contains("registry.etcd.endpoints"), "{text}");
        assert!(text.contains("Connection refused"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_given_up_after_the_connection_timeout() {
    let server = Server::start().expect("a server");
    server.stop().expect("a stop");
    let section = json!({ "endpoints": server.endpoint(), "connection-timeout": "500ms" });
    let connecting = timeout(LIMIT, connect_with(section, options("ns"))).await;
    let Err(error) = connecting.expect("in time") else { panic!("a connection to a stopped server") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// How often an entry was counted up: surely, and perhaps.
#[derive(Default)]
struct Counts {
    sure: AtomicU64,
    unsure: AtomicU64,
}

/// Counts `/count` up by conditional writes until it is told to stop.
async fn count(client: Arc<Client>, counts: Arc<Counts>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let limit = client.context.operation_timeout();
        let Ok(Ok(Some(entry))) = timeout(limit, client.get(key("/count"))).await else { continue };
        let now: u64 = String::from_utf8_lossy(&entry.value).parse().expect("a number");
        let (checks, next) = ([Check::Version(key("/count"), entry.version)], (now + 1).to_string());
        let counted = match timeout(limit, client.txn(&checks, &[put("/count", &next)])).await {
            Ok(Ok(_)) => &counts.sure,
            Ok(Err(error)) if error.outcome() == Outcome::NotApplied => continue,
            _ => &counts.unsure,
        };
        counted.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_are_exact_while_members_come_and_go() {
    let server = three();
    let client = connect_all(&server).await;
    client.write(&[put("/count", "0")]).await.expect("a put");
    let mut watch = watch(&client, "/count", Scope::Node);
    watch.synced().await;
    let (counts, stop) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let other = connect_all(&server).await;
        tasks.push(tokio::spawn(count(other, counts.clone(), stop.clone())));
    }
    let progress = async || {
        let before = counts.sure.load(Ordering::Relaxed);
        until("counting goes on", async || counts.sure.load(Ordering::Relaxed) > before + 20).await;
    };
    progress().await;
    for member in server.members() {
        member.kill();
        progress().await;
        member.restart().expect("a restart");
        progress().await;
        member.stop().expect("a stop");
        progress().await;
        member.cont().expect("a continuation");
        progress().await;
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        timeout(LIMIT, task).await.expect("in time").expect("no panic");
    }
    let last = client.find("/count").await.expect("the entry").value;
    let last = String::from_utf8_lossy(&last).into_owned();
    let (sure, unsure) = (counts.sure.load(Ordering::Relaxed), counts.unsure.load(Ordering::Relaxed));
    let counted: u64 = last.parse().expect("a number");
    assert!((sure..=sure + unsure).contains(&counted), "{counted} with {sure} sure and {unsure} unsure");
    let told = format!("/count {last}");
    while watch.next().await != told {}
}

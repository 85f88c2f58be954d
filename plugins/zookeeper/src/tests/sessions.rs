use std::time::Duration;

use registry_plugin::{Backend, ErrorKind, Key, SessionState};
use registry_test_servers::{Proxy, ZooKeeper};
use serde_json::json;

use super::support::*;

/// Long enough to be told from its parts on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(4);

async fn connect_at(servers: &str, namespace: &str) -> Client {
    connect_for(TIMEOUT, servers, namespace).await
}

async fn connect_for(timeout: Duration, servers: &str, namespace: &str) -> Client {
    let mut options = options(namespace);
    options.session_timeout = timeout;
    connect_with(json!({ "connect-string": servers }), options).await.expect("a connection")
}

/// Makes an ephemeral entry of the client's own.
async fn own(client: &Client, at: &str) {
    client.write(&[ephemeral(at, "")]).await.expect("an entry");
}

async fn names(client: &Client) -> Vec<String> {
    client.children(Key::ROOT).await.expect("an answer")
}

/// The server itself ends the session. The client must not reach it meanwhile: it would take its session back.
async fn expire(client: &Client) {
    let info = client.session.client().expect("it is open").session().clone();
    let server = server().connect_string();
    let usurper =
        zookeeper_client::Client::connector().with_session(info).connect(&server).await.expect("a connection");
    let mut states = usurper.state_watcher();
    drop(usurper);
    while !states.changed().await.is_terminated() {}
}

#[tokio::test]
async fn closing_ends_what_the_session_owns_and_says_so_afterwards() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    own(&client, "/e").await;
    assert_eq!(names(&other).await, ["e"]);
    client.close().await.expect("a close");
    assert_eq!(names(&other).await, [""; 0]);
    client.close().await.expect("a second close");
    assert_eq!(client.get(key("/e")).await.map_err(|error| error.kind()), Err(ErrorKind::Closed));
}

#[tokio::test]
async fn dropped_unclosed_entries_stay_until_the_session_timeout() {
    let namespace = fresh();
    let client = connect_at(&server().connect_string(), &namespace).await;
    own(&client, "/e").await;
    drop(client);
    let other = connect_to(&namespace).await;
    assert_eq!(names(&other).await, ["e"]);
    until("the entry is gone", async || names(&other).await.is_empty()).await;
}

#[tokio::test]
async fn a_session_is_kept_alive_beyond_its_timeout() {
    let client = connect_at(&server().connect_string(), &fresh()).await;
    own(&client, "/e").await;
    let id = client.id();
    let begun = tokio::time::Instant::now();
    until("more than the timeout has passed", async || {
        assert_eq!(client.state(), Some(SessionState::Connected));
        begun.elapsed() > TIMEOUT * 3 / 2
    })
    .await;
    assert_eq!(client.id(), id);
    assert_eq!(names(&client).await, ["e"]);
}

#[tokio::test]
async fn a_session_ended_by_the_server_is_replaced() {
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let client = connect_for(Duration::from_secs(10), &proxy.address().to_string(), &fresh()).await;
    own(&client, "/e").await;
    let lost = client.id();
    let before = *client.session.connections().borrow();
    proxy.cut();
    expire(&client).await;
    proxy.heal();
    until("another session is open", async || client.id() != lost && client.state() == Some(SessionState::Connected))
        .await;
    assert!(*client.session.connections().borrow() > before, "what was watched has to be watched again");
    assert_eq!(names(&client).await, [""; 0]);
    own(&client, "/e").await;
}

#[tokio::test]
async fn a_short_break_does_not_end_the_session() {
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let client = connect_at(&proxy.address().to_string(), &fresh()).await;
    own(&client, "/e").await;
    let id = client.id();
    let before = *client.session.connections().borrow();
    proxy.cut();
    client.until_state(SessionState::Suspended).await;
    proxy.heal();
    client.until_state(SessionState::Connected).await;
    assert_eq!(client.id(), id);
    assert!(*client.session.connections().borrow() > before, "what was watched has to be watched again");
    assert_eq!(names(&client).await, ["e"]);
}

#[tokio::test]
async fn a_silent_server_loses_the_session_before_it_expires() {
    let namespace = fresh();
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let client = connect_at(&proxy.address().to_string(), &namespace).await;
    let other = connect_to(&namespace).await;
    own(&client, "/e").await;
    let lost = client.id();
    proxy.silent();
    client.until_state(SessionState::Suspended).await;
    assert_eq!(names(&other).await, ["e"]);
    client.until_state(SessionState::Lost).await;
    assert_eq!(names(&other).await, ["e"], "nobody else may have had what was lost");
    proxy.heal();
    client.until_state(SessionState::Connected).await;
    assert_ne!(client.id(), lost);
    until("what the lost session owned is gone", async || names(&other).await.is_empty()).await;
}

#[tokio::test]
async fn a_session_outlives_a_restart_of_the_server() {
    let server = ZooKeeper::start().expect("a server");
    // The longest that the server grants: on a busy machine it takes many seconds to start.
    let client = connect_for(Duration::from_secs(40), &server.connect_string(), &fresh()).await;
    own(&client, "/e").await;
    let id = client.id();
    server.kill();
    client.until_state(SessionState::Suspended).await;
    server.restart().expect("a restart");
    client.until_state(SessionState::Connected).await;
    assert_eq!(client.id(), id);
    assert_eq!(names(&client).await, ["e"]);
}

#[tokio::test]
async fn a_session_goes_on_at_another_member() {
    let server = ZooKeeper::builder().members(3).start().expect("an ensemble");
    let client = connect_at(&server.connect_string(), &fresh()).await;
    own(&client, "/e").await;
    server.leader().expect("a leader").kill();
    until("the others answer", async || {
        client.state() == Some(SessionState::Connected) && client.get(key("/e")).await.is_ok()
    })
    .await;
}

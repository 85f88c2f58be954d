use std::{sync::Arc, time::Duration};

use registry_plugin::{Backend, ErrorKind, Outcome, Scope, SessionState};
use registry_test_servers::{Etcd as Server, Proxy};
use serde_json::json;
use tokio::time::timeout;

use super::support::*;

async fn connect_through(proxy: &Proxy, namespace: &str) -> Arc<Client> {
    let client = connect_with(json!({ "endpoints": proxy.url() }), options(namespace)).await;
    Arc::new(client.expect("a connection"))
}

async fn connect_alone(server: &Server) -> Arc<Client> {
    Arc::new(connect_with(json!({ "endpoints": server.endpoint() }), options("ns")).await.expect("a connection"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_is_outlived() {
    let server = Server::start().expect("a server");
    // On a busy machine it takes many seconds to start.
    let mut options = options("ns");
    options.session_timeout = Duration::from_secs(40);
    let client =
        Arc::new(connect_with(json!({ "endpoints": server.endpoint() }), options).await.expect("a connection"));
    client.write(&[ephemeral("/a/e", "1"), put("/a/p", "1")]).await.expect("puts");
    let mut watch = watch(&client, "/a", Scope::Subtree);
    watch.synced().await;
    let id = client.id();
    server.kill();
    client.until_state(SessionState::Suspended).await;
    let refused = client.write(&[put("/a/p", "2")]).await.expect_err("nobody there");
    assert_eq!((refused.kind(), refused.outcome()), (ErrorKind::Unavailable, Outcome::NotApplied));
    server.restart().expect("a restart");
    client.until_state(SessionState::Connected).await;
    assert_eq!(client.id(), id, "the session lives");
    client.write(&[put("/a/p", "3")]).await.expect("a put");
    let mut told = watch.synced().await;
    if told.is_empty() {
        told.push(watch.next().await);
    }
    assert_eq!(told, ["/a/p 3"]);
    assert!(client.find("/a/e").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_loses_the_session_by_the_clock() {
    let server = Server::start().expect("a server");
    let client = connect_alone(&server).await;
    client.write(&[ephemeral("/e", "1")]).await.expect("a put");
    let lost = client.id();
    server.stop().expect("a stop");
    client.until_state(SessionState::Suspended).await;
    client.until_state(SessionState::Lost).await;
    server.cont().expect("a continuation");
    client.until_state(SessionState::Connected).await;
    assert_ne!(client.id(), lost);
    until("the lost session's lease is revoked", async || client.find("/e").await.is_none()).await;
    client.write(&[ephemeral("/e", "2")]).await.expect("a put");
    assert_eq!(client.find("/e").await.and_then(|entry| entry.ephemeral), Some(client.id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_answer_is_unknown_and_not_repeated() {
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let namespace = fresh();
    let (client, other) = (connect_through(&proxy, &namespace).await, connect_to(&namespace).await);
    proxy.silent();
    let writing = tokio::spawn({
        let client = client.clone();
        async move { client.write(&[put("/a", "1")]).await }
    });
    until("the write is done", async || other.find("/a").await.is_some()).await;
    let version = other.find("/a").await.map(|entry| entry.version);
    proxy.reset();
    let lost = timeout(LIMIT, writing).await.expect("in time").expect("no panic").expect_err("the answer was lost");
    assert_eq!((lost.kind(), lost.outcome()), (ErrorKind::Unavailable, Outcome::Unknown));
    proxy.heal();
    assert!(client.find("/a").await.is_some(), "the connection comes back by itself");
    assert_eq!(other.find("/a").await.map(|entry| entry.version), version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_after_a_cut_and_a_compaction() {
    let server = Server::start().expect("a server");
    let proxy = Proxy::to(server.address()).expect("a proxy");
    let client = connect_through(&proxy, "ns").await;
    let other = connect_alone(&server).await;
    other.write(&[put("/a/stays", "1"), put("/a/changes", "1"), put("/a/goes", "1")]).await.expect("puts");
    let mut watch = watch(&client, "/a", Scope::Subtree);
    watch.synced().await;
    proxy.cut();
    other.write(&[put("/a/changes", "2"), delete("/a/goes"), put("/a/comes", "2")]).await.expect("writes");
    server.compact().expect("a compaction");
    client.until_state(SessionState::Suspended).await;
    proxy.reset();
    proxy.heal();
    let mut told = watch.synced().await;
    told.sort();
    assert_eq!(told, ["+/a/comes 2", "-/a/goes 1", "/a/changes 2"]);
    other.write(&[put("/a/comes", "3")]).await.expect("a put");
    assert_eq!(watch.next().await, "/a/comes 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_whose_revision_is_compacted_begins_anew() {
    let server = Server::start().expect("a server");
    let client = connect_alone(&server).await;
    client.write(&[put("/a/1", ""), put("/a/2", "")]).await.expect("puts");
    let first = client.list(key("/a"), registry_plugin::Page::first(2)).await.expect("a page");
    let registry_plugin::Listing::Page { next: Some(next), .. } = first else { panic!("{first:?} has no next") };
    client.write(&[put("/a/3", "")]).await.expect("a put");
    server.compact().expect("a compaction");
    let second = client.list(key("/a"), registry_plugin::Page::after(next, 2)).await.expect("an answer");
    assert_eq!(second, registry_plugin::Listing::Restart);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_watch_catches_up_without_a_reset() {
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let namespace = fresh();
    let (client, other) = (connect_through(&proxy, &namespace).await, connect_to(&namespace).await);
    let mut watch = watch(&client, "/a", Scope::Node);
    watch.synced().await;
    proxy.cut();
    other.write(&[put("/a", "1")]).await.expect("a put");
    client.until_state(SessionState::Suspended).await;
    proxy.heal();
    loop {
        match watch.next().await.as_str() {
            "+/a 1" => break,
            "synced" => {}
            other => panic!("{other}"),
        }
    }
    client.until_state(SessionState::Connected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_without_a_server_fails_with_an_unknown_outcome() {
    let server = Server::start().expect("a server");
    let client = connect_alone(&server).await;
    server.kill();
    let failed = client.close().await.expect_err("nobody there");
    assert_eq!((failed.kind(), failed.outcome()), (ErrorKind::Unavailable, Outcome::Unknown));
}

use std::{sync::Arc, time::Duration};

use registry_plugin::{ErrorKind, Outcome, SessionState};
use registry_test_servers::Proxy;
use serde_json::json;
use tokio::net::TcpListener;
use zookeeper_client::{Acls, AddWatchMode, CreateMode};

use super::support::*;
use crate::error::of_write;

#[tokio::test]
async fn without_a_server_it_retries_with_bounded_pauses() {
    let away = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let servers = format!("{},{}", away.local_addr().expect("an address"), proxy.address());
    let mut options = options(&fresh());
    options.session_timeout = Duration::from_secs(60);
    let section = json!({
        "connect-string": servers,
        "connection-timeout": "100ms",
        "retry-policy": { "base-sleep-time": "1ms", "max-sleep": "20ms" },
    });
    let client = tokio::select! {
        client = connect_with(section, options) => client.expect("a connection"),
        // What is tried first may be the server that is away.
        () = refuse(&away, usize::MAX) => unreachable!("it goes on for ever"),
    };
    let id = client.id();
    proxy.cut();
    // Were each pause twice the last one, they would last for days.
    let refused = tokio::time::timeout(LIMIT, refuse(&away, 25));
    refused.await.expect("it retries");
    assert_eq!(client.state(), Some(SessionState::Suspended));
    drop(away);
    proxy.reset();
    proxy.heal();
    client.until_state(SessionState::Connected).await;
    assert_eq!(client.id(), id);
}

#[tokio::test]
async fn a_silent_server_delays_no_session_like_a_slow_one() {
    let says_nothing = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let hour = Duration::from_secs(3600);
    let mut options = options(&fresh());
    (options.session_timeout, options.operation_timeout) = (hour, hour);
    let servers = format!("{},{}", says_nothing.local_addr().expect("an address"), proxy.address());
    let section = json!({ "connect-string": servers, "connection-timeout": "15m" });
    let client = tokio::select! {
        client = connect_with(section, options) => client.expect("a connection"),
        () = refuse(&says_nothing, usize::MAX) => unreachable!("it goes on for ever"),
    };
    let id = client.id();
    proxy.cut();
    proxy.reset();
    let silence = async {
        let mut taken = Vec::new();
        for _ in 0..2 {
            taken.push(says_nothing.accept().await.expect("a connection"));
        }
    };
    tokio::time::timeout(LIMIT, silence).await.expect("it tries again");
    proxy.heal();
    client.until_state(SessionState::Connected).await;
    assert_eq!(client.id(), id);
}

/// Takes so many connections, and closes each.
async fn refuse(listener: &TcpListener, times: usize) {
    for _ in 0..times {
        drop(listener.accept().await.expect("a connection"));
    }
}

#[tokio::test]
async fn a_disconnected_client_is_never_used_again() {
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let section = json!({ "connect-string": proxy.address().to_string() });
    let namespace = fresh();
    let client = connect_with(section, options(&namespace)).await.expect("a connection");
    let other = connect_to(&namespace).await;
    other.write(&[put("/early", "")]).await.expect("an entry");
    let (link, path) = (client.session.dial().link(None).await.expect("a link"), client.paths.path(key("/late")));
    let mut watch = link.watch("/", AddWatchMode::PersistentRecursive).await.expect("a watch");
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    proxy.silent();
    let sent = link.create(&path, b"", &options);
    until("it has come through", async || other.find("/late").await.is_some()).await;
    proxy.cut();
    proxy.reset();
    let error = of_write(sent.await.expect_err("no answer"), &link);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::Unknown), "{error}");
    // By itself it would connect again, and believe any session that it is given to be its own.
    proxy.heal();
    link.over().await;
    assert!(link.is_cut());
    assert_eq!(link.told(&mut watch).await, None);
    let error = of_write(link.create(&path, b"", &options).await.expect_err("it is cut off"), &link);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_client_whose_task_has_died_is_followed_by_another() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    client.write(&[ephemeral("/e", "1")]).await.expect("an entry");
    let id = client.id();
    let dead = client.session.client().expect("it is open");
    dead.die();
    until("another client carries the session on", async || {
        let present = client.session.client().expect("it is open");
        !Arc::ptr_eq(&present, &dead) && client.state() == Some(SessionState::Connected)
    })
    .await;
    assert_eq!(client.id(), id);
    client.write(&[put("/after", "1")]).await.expect("an entry");
    assert_eq!(other.find("/e").await.and_then(|entry| entry.ephemeral), Some(id));
}

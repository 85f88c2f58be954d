//! Locks through the members of an ensemble.

use registry_plugin::{Backend, ErrorKind};
use registry_test_servers::{Proxy, ZooKeeper};
use serde_json::json;

use super::{locking::*, members::connect_through, support::*};

#[tokio::test(flavor = "multi_thread")]
async fn a_try_is_not_told_of_a_holder_that_is_gone() {
    let servers = ZooKeeper::builder().members(3).start().expect("an ensemble");
    let mut clients = Vec::new();
    for member in 0..3 {
        clients.push(connect_through(&servers, member).await);
    }
    for round in 0..150 {
        let client = &clients[round % 3];
        let held = client.try_lock().await.expect("the lock is free");
        assert_eq!(kind(clients[(round + 2) % 3].try_lock().await), Some(ErrorKind::NotAcquired));
        client.unlock(held).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_late_by_the_server_before_makes_nothing() {
    let servers = ZooKeeper::builder().members(3).start().expect("an ensemble");
    let (first, second) = (&servers.members()[0], &servers.members()[1]);
    let proxies = [first, second].map(|member| Proxy::to(member.address()).expect("a proxy"));
    let section = json!({ "connect-string": proxies.each_ref().map(|proxy| proxy.address().to_string()).join(",") });
    // The second one does not answer yet, so that the session is opened through the first.
    proxies[1].cut();
    let client = connect_with(section, options("ns")).await.expect("a connection");
    proxies[1].reset();
    proxies[1].heal();
    let held = client.lock().await;
    client.unlock(held).await;
    proxies[0].cut();
    let held = had(client.queue()).await.expect("the lock is free");
    let made = client.ever_made().await;
    let connection = format!("sid=0x{}", client.id());
    proxies[0].heal();
    // The end of the connection comes behind all that was sent on it.
    until("the first has heard all", async || !servers.ask("cons").expect("an answer").contains(&connection)).await;
    let other = connect_through(&servers, 0).await;
    assert_eq!((other.ever_made().await, other.queued().await), (made, vec![name(&held).to_owned()]));
    // An attempt to connect to the first one comes late, too, and the session moves once more.
    until("the lock is released", async || client.backend.clone().unlock(held.clone()).await.is_ok()).await;
    other.try_lock().await.expect("the lock is free");
}

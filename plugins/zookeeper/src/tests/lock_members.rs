//! Locks through the members of an ensemble.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use registry_plugin::{Backend, ErrorKind};
use registry_test_servers::{Proxy, ZooKeeper};
use serde_json::json;

use super::{locking::*, members::connect_through, support::*};

#[tokio::test(flavor = "multi_thread")]
async fn a_try_names_no_holder_that_left() {
    let servers = ZooKeeper::builder().members(3).start().expect("an ensemble");
    let leader = servers.leader().expect("a leader").endpoint();
    let is_leader = |member: &usize| servers.members()[*member].endpoint() == leader;
    let follower = (0..3).find(|member| !is_leader(member)).expect("a follower");
    let client = connect_through(&servers, (0..3).find(is_leader).expect("the leader")).await;
    let other = connect_through(&servers, follower).await;
    let mut tries = 0;
    while tries < 3 {
        let held = client.try_lock().await.expect("the lock is free");
        until("the follower knows of the holder", async || {
            kind(other.try_lock().await) == Some(ErrorKind::NotAcquired)
        })
        .await;
        // The follower has much to catch up with before it hears of the release, and is asked before it has.
        servers.members()[follower].stop().expect("a stop");
        let (raw, path) = (client.raw(), client.paths.path(key(LOCK)));
        let writes: Vec<_> = (0..2_000).map(|_| raw.set_data(&path, b"", None)).collect();
        client.unlock(held).await;
        drop(writes);
        let mut asked = pin!(other.ask(false));
        assert!(poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_pending())).await);
        servers.members()[follower].cont().expect("a continuation");
        match within(asked).await {
            Ok(held) => {
                other.unlock(held).await;
                tries += 1;
            }
            // On a busy machine the leader may have given up the follower, which then closes its connections.
            Err(error) => assert!(error.is_retryable(), "the lock is free: {error}"),
        }
        // What became of the lost try is known once its client has asked for the lock again.
        until("the follower serves again", async || match other.try_lock().await {
            Ok(held) => other.backend.clone().unlock(held).await.is_ok(),
            Err(_) => false,
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_late_by_the_former_server_makes_nothing() {
    let servers = ZooKeeper::builder().members(3).start().expect("an ensemble");
    let (first, second) = (&servers.members()[0], &servers.members()[1]);
    let proxies = [first, second].map(|member| Proxy::to(member.address()).expect("a proxy"));
    let addresses = proxies.each_ref().map(|proxy| proxy.address().to_string()).join(",");
    let section = json!({ "connect-string": addresses, "connection-timeout": "1s" });
    // The session outlasts some attempts to connect.
    let mut options = options("ns");
    options.session_timeout = Duration::from_secs(16);
    // The second one does not answer yet, so that the session is opened through the first.
    proxies[1].cut();
    let client = connect_with(section, options).await.expect("a connection");
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

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use registry_plugin::{Backend, ErrorKind, FencingToken, SessionState};
use registry_test_servers::{Proxy, ZooKeeper};
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use super::{locking::*, support::*};

/// One client behind a proxy, and one who looks.
async fn behind_a_proxy() -> (Proxy, Client, Client) {
    let proxy = Proxy::to(server().address()).expect("a proxy");
    let namespace = fresh();
    let section = json!({ "connect-string": proxy.address().to_string() });
    let client = connect_with(section, options(&namespace)).await.expect("a connection");
    let other = connect_to(&namespace).await;
    // The lock's key is there.
    let held = client.lock().await;
    client.unlock(held).await;
    (proxy, client, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_answer_finds_its_entry() {
    for waits in [true, false] {
        let (proxy, client, other) = behind_a_proxy().await;
        proxy.delay(Duration::from_millis(300));
        let asked = tokio::spawn(client.ask(waits));
        other.until_queued(1).await;
        let made = other.queued().await;
        proxy.reset();
        proxy.delay(Duration::ZERO);
        let held = had(asked).await.expect("the lock is free");
        assert_eq!([name(&held)], *made);
        let entry = other.find(&held.entry).await.expect("it is held");
        assert_eq!((FencingToken::from(entry.created), entry.ephemeral), (held.token, Some(client.id())));
        client.unlock(held).await;
        assert_eq!((other.ever_made().await, other.queued().await.len()), (2, 0), "there was no second one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_taken_over_before_the_answer_is_foreign() {
    let (proxy, client, other) = behind_a_proxy().await;
    proxy.silent();
    let asked = client.queue();
    other.until_queued(1).await;
    let made = other.queued().await.remove(0);
    other.write(&[ephemeral(&key(LOCK).child(&made), "mine")]).await.expect("a put");
    proxy.reset();
    proxy.heal();
    assert_eq!(kind(had(asked).await), Some(ErrorKind::LockLost));
    assert_eq!(other.queued().await, [made], "what others have made is theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_lost_is_made_again() {
    let (proxy, client, other) = behind_a_proxy().await;
    proxy.cut();
    let asked = client.queue();
    client.until_state(SessionState::Suspended).await;
    proxy.reset();
    proxy.heal();
    let held = had(asked).await.expect("the lock is free");
    assert_eq!(other.queued().await, [name(&held)]);
    client.unlock(held).await;
    assert!(other.queued().await.is_empty());
    assert_eq!(other.ever_made().await, 2, "the first never came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_dropped_before_its_answer_leaves_nothing() {
    let (proxy, client, other) = behind_a_proxy().await;
    proxy.silent();
    let asked = client.queue();
    other.until_queued(1).await;
    asked.abort();
    proxy.reset();
    proxy.heal();
    other.until_queued(0).await;
    client.try_lock().await.expect("the lock is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_request_that_arrives_late_leaves_nothing() {
    let (proxy, client, other) = behind_a_proxy().await;
    let made = other.ever_made().await;
    proxy.cut();
    {
        let mut asked = pin!(client.ask(true));
        assert!(poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_pending())).await);
    }
    proxy.heal();
    until("the request comes late", async || other.ever_made().await == made + 1).await;
    other.until_queued(0).await;
    client.try_lock().await.expect("the lock is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_left_when_contact_comes_back() {
    let (proxy, client, other) = behind_a_proxy().await;
    let held = other.lock().await;
    let waiting = client.queue();
    other.until_queued(2).await;
    proxy.cut();
    client.until_state(SessionState::Suspended).await;
    waiting.abort();
    assert_eq!(other.queued().await.len(), 2, "nothing is sent while the session is suspended");
    proxy.heal();
    other.until_queued(1).await;
    other.unlock(held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_sessions_entry_is_not_ones_own() {
    let (proxy, client, other) = behind_a_proxy().await;
    proxy.silent();
    let asked = client.queue();
    other.until_queued(1).await;
    proxy.cut();
    client.until_state(SessionState::Lost).await;
    proxy.reset();
    proxy.heal();
    assert_eq!(kind(had(asked).await), Some(ErrorKind::SessionLost));
    other.until_queued(0).await;
    client.until_state(SessionState::Connected).await;
    client.try_lock().await.expect("the lock is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_dropped_requests_leave_neither_entries_nor_watches() {
    let server = ZooKeeper::start().expect("a server");
    let client =
        connect_with(json!({ "connect-string": server.endpoint() }), options("ns")).await.expect("a connection");
    let held = client.lock().await;
    let mut dropped = JoinSet::new();
    for number in 0..1_000_u64 {
        let (asked, backend) = (client.ask(number % 10 > 0), client.backend.clone());
        dropped.spawn(async move {
            let mut asked = pin!(asked);
            let mut had = None;
            for _ in 0..number % 5 {
                if let Poll::Ready(ready) = poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx))).await {
                    had = Some(ready);
                    break;
                }
                tokio::task::yield_now().await;
            }
            if had.is_none() {
                let wait = Duration::from_micros(100) * u32::try_from(number / 5 % 50).expect("it is small");
                had = timeout(wait, asked).await.ok();
            }
            if let Some(Ok(held)) = had {
                backend.unlock(held).await.expect("a release");
            }
        });
        if number == 500 {
            client.unlock(held.clone()).await;
        }
    }
    within(dropped.join_all()).await;
    client.until_queued(0).await;
    until("nothing is watched", async || server.ask("wchs").expect("an answer").contains("Total watches:0")).await;
    let held = client.try_lock().await.expect("the lock is free");
    client.unlock(held).await;
}

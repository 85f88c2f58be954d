use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use registry_plugin::{Backend, ErrorKind, FencingToken};
use registry_test_servers::ZooKeeper;
use serde_json::json;
use tokio::task::JoinSet;
use zookeeper_client::CreateMode;

use super::{locking::*, support::*};

const CURATORS: &str = "_c_8a25d2a4-08d0-4f5c-a3c5-9d5d5e1a2f1b-lock-";
const KAZOOS: &str = "4f5ca3c59d5d4e1a8f1b8a25d2a408d0-lock-";

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_has_curators_layout_and_creation_as_token() {
    let client = connect().await;
    let held = client.lock().await;
    let entry = client.find(&held.entry).await.expect("the holder has an entry");
    assert_eq!(
        (FencingToken::from(entry.created), entry.ephemeral, &entry.value[..]),
        (held.token, Some(client.id()), &b"who"[..])
    );
    let unique = name(&held).strip_prefix("_c_").and_then(|rest| rest.strip_suffix("-lock-0000000000"));
    let unique = unique.unwrap_or_else(|| panic!("{held:?} is not in Curator's layout"));
    assert_eq!(unique.len(), 36, "{unique} is not a uuid");
    for above in [LOCK, "/locks"] {
        let entry = client.find(above).await.expect("it was made");
        assert_eq!((entry.is_ephemeral(), &entry.value[..]), (false, &b""[..]));
    }
    client.unlock(held.clone()).await;
    assert!(client.queued().await.is_empty());
    client.unlock(held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiters_get_the_lock_in_order_of_arrival() {
    let namespace = fresh();
    let clients = [connect_to(&namespace).await, connect_to(&namespace).await];
    let mut held = clients[0].lock().await;
    let mut waiting = Vec::new();
    for n in 0..20 {
        waiting.push(clients[n % 2].queue());
        clients[0].until_queued(n + 2).await;
    }
    let order = clients[0].queued().await;
    for (n, next) in waiting.into_iter().enumerate() {
        assert!(!next.is_finished(), "the lock is held");
        clients[0].unlock(held.clone()).await;
        let next = had(next).await.expect("its turn comes");
        assert_eq!(name(&next), order[n + 1]);
        assert!(next.token > held.token, "tokens grow");
        held = next;
    }
    clients[0].unlock(held).await;
    assert!(clients[0].queued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_that_contend_one_holds_at_a_time() {
    let namespace = fresh();
    let clients = [connect_to(&namespace).await, connect_to(&namespace).await];
    let holders = Arc::new(AtomicUsize::new(0));
    let mut contending = JoinSet::new();
    for n in 0..200 {
        let (asked, backend, holders) = (clients[n % 2].ask(true), clients[n % 2].backend.clone(), holders.clone());
        contending.spawn(async move {
            let held = asked.await.expect("its turn comes");
            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
            tokio::task::yield_now().await;
            holders.fetch_sub(1, Ordering::SeqCst);
            backend.unlock(held.clone()).await.expect("a release");
            held.token
        });
    }
    let mut tokens = within(contending.join_all()).await;
    tokens.dedup();
    assert_eq!(tokens.len(), 200);
    assert!(clients[0].queued().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn curators_and_kazoos_contenders_stand_in_the_same_queue() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    for prefix in [CURATORS, KAZOOS] {
        let held = client.lock().await;
        let theirs = other.queue_as(prefix).await;
        assert_eq!(kind(client.try_lock().await), Some(ErrorKind::NotAcquired));
        let ours = client.queue();
        client.until_queued(3).await;
        assert_eq!(client.queued().await[..2], [name(&held).to_owned(), theirs.clone()]);
        client.unlock(held).await;
        assert_eq!(kind(client.try_lock().await), Some(ErrorKind::NotAcquired), "the other holds it");
        assert!(!ours.is_finished());
        other.remove(&theirs).await;
        client.unlock(had(ours).await.expect("its turn comes")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_decides_and_not_the_name_nor_the_time() {
    let client = connect().await;
    let held = client.lock().await;
    client.unlock(held).await;
    let held = client.lock().await;
    // Its number is the lowest, its name the highest and its creation the last.
    client.make("z-lock-0000000000", CreateMode::Ephemeral).await;
    let waiting = client.queue();
    client.until_queued(3).await;
    client.unlock(held).await;
    client.until_queued(2).await;
    assert_eq!(kind(client.try_lock().await), Some(ErrorKind::NotAcquired));
    assert!(!waiting.is_finished());
    client.remove("z-lock-0000000000").await;
    client.unlock(had(waiting).await.expect("its turn comes")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_tries_on_a_free_lock_exactly_one_wins() {
    let namespace = fresh();
    let clients = [connect_to(&namespace).await, connect_to(&namespace).await];
    for _ in 0..20 {
        let mut tries = JoinSet::new();
        for n in 0..10 {
            tries.spawn(clients[n % 2].ask(false));
        }
        let (won, lost): (Vec<_>, Vec<_>) = within(tries.join_all()).await.into_iter().partition(Result::is_ok);
        assert!(lost.into_iter().all(|lost| kind(lost) == Some(ErrorKind::NotAcquired)));
        let [Ok(won)] = &won[..] else { panic!("{won:?} have won") };
        clients[0].unlock(won.clone()).await;
        assert!(clients[0].queued().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_does_not_queue_where_others_do() {
    let client = connect().await;
    let held = client.lock().await;
    let made = client.ever_made().await;
    assert_eq!(kind(client.try_lock().await), Some(ErrorKind::NotAcquired));
    assert_eq!(client.ever_made().await, made);
    client.unlock(held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_are_no_queue_entries_refuse_the_lock() {
    for (name, mode) in [
        ("worker", CreateMode::Persistent),
        ("worker", CreateMode::Ephemeral),
        ("lock-0000000001", CreateMode::Ephemeral),
        // A name that a queue entry could have.
        ("_c_x-lock-0000000000", CreateMode::Persistent),
    ] {
        let client = connect().await;
        let held = client.lock().await;
        client.unlock(held).await;
        client.make(name, mode).await;
        assert_eq!(kind(within(client.ask(true)).await), Some(ErrorKind::HasChildren), "{name}");
        assert_eq!(kind(client.try_lock().await), Some(ErrorKind::HasChildren), "{name}");
        assert_eq!(client.queued().await, [name]);
        client.remove(name).await;
        client.lock().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ephemeral_entry_is_no_lock_and_has_none_below() {
    let client = connect().await;
    for at in ["/locks/a", "/locks"] {
        client.write(&[ephemeral(at, "")]).await.expect("a put");
        assert_eq!(kind(within(client.ask(true)).await), Some(ErrorKind::EphemeralParent), "{at}");
        assert_eq!(kind(client.try_lock().await), Some(ErrorKind::EphemeralParent), "{at}");
        client.write(&[delete(at)]).await.expect("a delete");
        if at == LOCK {
            client.write(&[delete("/locks")]).await.expect("a delete");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_without_its_entry_is_told_in_turn() {
    for taken_over in [false, true] {
        let namespace = fresh();
        let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
        let held = client.lock().await;
        let waiting = client.queue();
        client.until_queued(2).await;
        let its = client.queued().await.remove(1);
        if taken_over {
            other.write(&[ephemeral(&key(LOCK).child(&its), "mine")]).await.expect("a put");
        } else {
            other.remove(&its).await;
        }
        client.unlock(held).await;
        assert_eq!(kind(had(waiting).await), Some(ErrorKind::LockLost));
        let left = if taken_over { vec![its] } else { Vec::new() };
        assert_eq!(client.queued().await, left, "what others have made is theirs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_leaves_an_entry_that_was_recreated() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    let held = client.lock().await;
    other.write(&[ephemeral(&held.entry, "mine")]).await.expect("a put");
    client.unlock(held.clone()).await;
    assert_eq!(client.queued().await, [name(&held)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn acquiring_and_releasing_take_two_requests_each() {
    let server = ZooKeeper::start().expect("a server");
    let section = json!({ "connect-string": server.endpoint() });
    let client = connect_with(section, options("ns")).await.expect("a connection");
    let received = || {
        let answer = server.ask("mntr").expect("an answer");
        let count = answer.lines().find_map(|line| line.strip_prefix("zk_packets_received\t"));
        count.and_then(|count| count.trim().parse::<u64>().ok()).expect("a count")
    };
    let words = received();
    let words = received() - words;
    let (mut locking, mut releasing) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let start = received();
        let held = client.lock().await;
        let middle = received();
        client.unlock(held).await;
        locking.push(middle - start - words);
        releasing.push(received() - middle - words);
    }
    // The session's own requests come in between now and then.
    assert_eq!((locking.iter().min(), releasing.iter().min()), (Some(&2), Some(&2)), "{locking:?} {releasing:?}");
}

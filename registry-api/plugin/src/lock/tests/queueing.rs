use std::sync::atomic::AtomicUsize;

use registry_api::{MAX_KEY_BYTES, SessionId};
use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn a_lock_is_an_ephemeral_entry_with_creation_as_token() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 0xab);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    let entry = server.entry(guard.entry()).expect("the holder has an entry");
    assert!(guard.entry().starts_with("/locks/a/ab-"));
    assert_eq!(
        (entry.created.into(), &entry.value[..], entry.ephemeral),
        (guard.token(), &b"who"[..], Some(SessionId(0xab)))
    );
    assert!(!server.entry(KEY).expect("the lock's key is an entry").is_ephemeral());
    within(guard.release(LONG)).await.expect("the lock is released");
    nothing_is_left(&server).await;
    assert_eq!(server.keys(), ["/locks", KEY]);
}

#[tokio::test]
async fn waiters_get_the_lock_in_order_of_arrival() {
    let server = Arc::new(Server::default());
    let clients = [Tree::connect(&server, 1), Tree::connect(&server, 2)];
    let first = within(lock(&clients[0])).await.expect("the lock is free");
    let (tell, mut order) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..20 {
        let (tree, tell) = (clients[n % 2].clone(), tell.clone());
        tokio::spawn(async move {
            let guard = lock(&tree).await.expect("its turn comes");
            tell.send((n, guard.token())).expect("the test listens");
        });
        eventually("it queues", || entries(&server) == n + 2).await;
    }
    let mut token = first.token();
    drop(first);
    for n in 0..20 {
        let (next, its_token) = within(order.recv()).await.expect("all get their turn");
        assert_eq!(next, n);
        assert!(its_token > token, "tokens grow");
        token = its_token;
    }
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_release_wakes_only_the_next_in_the_queue() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let first = within(lock(&tree)).await.expect("the lock is free");
    let mut waiting = JoinSet::new();
    for n in 0..30 {
        let tree = tree.clone();
        waiting.spawn(async move { lock(&tree).await });
        eventually("it queues", || entries(&server) == n + 2).await;
    }
    // All others have looked and watch.
    eventually("all watch", || server.watches.load(Ordering::SeqCst) == 31).await;
    let before = server.lists.load(Ordering::SeqCst);
    drop(first);
    let next = within(waiting.join_next()).await.expect("one gets it").expect("no panic").expect("it is free");
    let pages = 1 + 32_usize.div_ceil(3);
    assert!(server.lists.load(Ordering::SeqCst) - before <= pages, "one listing only");
    waiting.shutdown().await;
    drop(next);
    nothing_is_left(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_tasks_one_holds_the_lock_at_a_time() {
    let server = Arc::new(Server::default());
    let clients: Vec<_> = (1..=4).map(|session| Tree::connect(&server, session)).collect();
    let holders = Arc::new(AtomicUsize::new(0));
    let last = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for n in 0..60 {
        let (tree, holders, last) = (clients[n % 4].clone(), holders.clone(), last.clone());
        tasks.spawn(async move {
            let guard = lock(&tree).await.expect("its turn comes");
            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
            assert!(last.swap(guard.token().get(), Ordering::SeqCst) < guard.token().get());
            tokio::task::yield_now().await;
            assert!(!guard.is_lost());
            holders.fetch_sub(1, Ordering::SeqCst);
            if n % 2 == 0 {
                guard.release(LONG).await.expect("it is released");
            }
        });
    }
    let all = async { while tasks.join_next().await.transpose().expect("no task panics").is_some() {} };
    timeout(Duration::from_secs(30), all).await.expect("all have their turn");
    eventually("the queue empties", || entries(&server) == 0).await;
}

#[tokio::test]
async fn a_failed_try_leaves_nothing_behind() {
    let server = Arc::new(Server::default());
    let (mine, other) = (Tree::connect(&server, 1), Tree::connect(&server, 2));
    let guard = within(try_lock(&mine)).await.expect("the lock is free");
    let before = server.revision();
    assert_eq!(kind(within(try_lock(&other)).await), Some(ErrorKind::NotAcquired));
    assert_eq!(kind(within(try_lock(&mine)).await), Some(ErrorKind::NotAcquired));
    assert_eq!(server.revision(), before, "it does not even queue");
    within(guard.release(LONG)).await.expect("the lock is released");
    let again = within(try_lock(&other)).await.expect("the lock is free again");
    drop(again);
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn of_several_tries_on_a_free_lock_exactly_one_wins() {
    for _ in 0..20 {
        let server = Arc::new(Server::default());
        let mut tries = JoinSet::new();
        for session in 1..=8 {
            let tree = Tree::connect(&server, session);
            tries.spawn(async move { try_lock(&tree).await });
        }
        let mut won = Vec::new();
        while let Some(tried) = within(tries.join_next()).await {
            match tried.expect("no task panics") {
                Ok(guard) => won.push(guard),
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotAcquired),
            }
        }
        assert_eq!(won.len(), 1);
        drop(won);
        nothing_is_left(&server).await;
    }
}

#[tokio::test]
async fn a_limit_leaves_the_queue_before_it_is_told() {
    let server = Arc::new(Server::default());
    let (mine, other) = (Tree::connect(&server, 1), Tree::connect(&server, 2));
    let guard = within(lock(&mine)).await.expect("the lock is free");
    let start = Instant::now();
    assert_eq!(kind(within(lock_within(&other, SHORT)).await), Some(ErrorKind::NotAcquired));
    assert!(start.elapsed() >= SHORT);
    assert_eq!(server.keys(), ["/locks", KEY, guard.entry()]);
}

#[tokio::test]
async fn children_that_are_no_queue_entries_refuse_the_lock() {
    for (child, owner) in [
        ("/locks/a/worker", Some(SessionId(9))),
        ("/locks/a/9-1", None),
        ("/locks/a/x/9-1", Some(SessionId(9))),
        ("/locks/a/694d77aa9e38260f/deeper", None),
    ] {
        let server = Arc::new(Server::default());
        let tree = Tree::connect(&server, 1);
        server.put(child, owner);
        let before = server.keys();
        assert_eq!(kind(within(lock(&tree)).await), Some(ErrorKind::HasChildren), "{child}");
        assert_eq!(kind(within(try_lock(&tree)).await), Some(ErrorKind::HasChildren), "{child}");
        assert_eq!(server.keys(), before);
        nothing_is_left_but(&server, &before).await;
    }
}

async fn nothing_is_left_but(server: &Server, before: &[String]) {
    eventually("all tasks end", || Handle::current().metrics().num_alive_tasks() == 0).await;
    assert_eq!(server.keys(), before);
}

#[tokio::test]
async fn an_ephemeral_entry_is_no_lock() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    server.put(KEY, Some(SessionId(9)));
    assert_eq!(kind(within(lock(&tree)).await), Some(ErrorKind::EphemeralParent));
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn keys_too_long_for_a_queue_are_refused() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    for key in ["/".to_owned(), "/a".repeat(32), format!("/{}", "a".repeat(MAX_KEY_BYTES - 2))] {
        let request = LockRequest::new(key, Bytes::new(), true, 1, tree.context().clone());
        assert_eq!(kind(within(acquire(tree.clone(), request, None)).await), Some(ErrorKind::InvalidKey));
    }
    assert_eq!(server.lists.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn entries_of_other_lock_clients_are_queued_behind() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let other = "/locks/a/694d77aa9e38260f";
    server.put(other, Some(SessionId(9)));
    let waiting = tokio::spawn(async move { lock(&tree).await });
    eventually("it queues", || entries(&server) == 2).await;
    // The other one asks for the lock again under the name that it had.
    server.delete(other);
    server.put(other, Some(SessionId(9)));
    let guard = within(waiting).await.expect("no panic").expect("it was the next");
    assert!(guard.token() < server.entry(other).expect("it waits").created.into());
}

use registry_api::{SessionId, SessionState};

use super::*;
use crate::Contact;

async fn held() -> (Arc<Server>, Arc<Tree>, LockGuard) {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    (server, tree, guard)
}

async fn lost(guard: &LockGuard) -> Error {
    // Many may listen.
    let (one, other) = within(futures_util::future::join(guard.lost(), guard.lost())).await;
    assert_eq!(one.kind(), other.kind());
    assert!(guard.is_lost());
    one
}

#[tokio::test]
async fn a_deleted_entry_is_a_lost_lock() {
    let (server, _tree, guard) = held().await;
    assert!(!guard.is_lost());
    server.delete(guard.entry());
    let error = lost(&guard).await;
    assert_eq!(error.kind(), ErrorKind::LockLost);
    assert!(error.message().contains(guard.entry()), "{error}");
    within(guard.release(LONG)).await.expect("there is nothing left to release");
}

#[tokio::test]
async fn an_entry_gone_before_watching_is_a_lost_lock() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    // The watch has not run yet.
    server.delete(guard.entry());
    assert_eq!(lost(&guard).await.kind(), ErrorKind::LockLost);
}

#[tokio::test]
async fn a_recreated_queue_entry_is_a_lost_lock() {
    let (server, _tree, guard) = held().await;
    server.delete(guard.entry());
    server.put(guard.entry(), Some(SessionId(1)));
    assert_eq!(lost(&guard).await.kind(), ErrorKind::LockLost);
    within(guard.release(LONG)).await.expect("there is nothing left to release");
    assert!(server.entry(guard.entry()).is_some());

    let (server, _tree, guard) = held().await;
    server.put(guard.entry(), Some(SessionId(2)));
    assert_eq!(lost(&guard).await.kind(), ErrorKind::LockLost);
}

#[tokio::test]
async fn a_new_value_of_the_entry_is_no_loss() {
    let (server, _tree, guard) = held().await;
    server.put(guard.entry(), Some(SessionId(1)));
    settle().await;
    assert!(!guard.is_lost());
}

#[tokio::test]
async fn suspended_is_no_loss_and_lost_is() {
    let (server, tree, guard) = held().await;
    let session = tree.context().session();
    session.suspended();
    settle().await;
    session.lost();
    assert_eq!(lost(&guard).await.kind(), ErrorKind::SessionLost);
    assert_eq!(entries(&server), 1);
    drop(guard);
    // The next session frees what the server has not expired yet.
    session.connected(SessionId(2), LONG, Contact::Always);
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_session_expired_by_the_clock_loses_locks_at_once() {
    let (_server, tree, guard) = held().await;
    let session = tree.context().session();
    let timeout = Duration::from_millis(1);
    session.connected(SessionId(1), timeout, Contact::Always);
    session.suspended();
    session.connected(SessionId(1), timeout, Contact::Sent(crate::Moment::now()));
    assert_eq!(session.current(), Some((SessionId(1), timeout)));
    let sent = crate::Moment::now();
    while crate::Moment::now().since(sent) < timeout {
        std::thread::yield_now();
    }
    assert!(guard.is_lost());
    assert_eq!(session.state(), Some(SessionState::Lost));
    assert_eq!(lost(&guard).await.kind(), ErrorKind::SessionLost);
}

#[tokio::test]
async fn close_is_a_loss() {
    let (_server, tree, guard) = held().await;
    tree.context().session().close();
    assert_eq!(lost(&guard).await.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn closing_ends_a_waiter_with_closed() {
    let (server, _tree, guard) = held().await;
    settle().await;
    server.closes.store(true, Ordering::SeqCst);
    server.put(guard.entry(), Some(SessionId(1)));
    assert_eq!(lost(&guard).await.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_waiter_fails_with_its_session() {
    for (closes, expected) in [(false, ErrorKind::SessionLost), (true, ErrorKind::Closed)] {
        let (server, _tree, _guard) = held().await;
        let other = Tree::connect(&server, 2);
        let waiting = tokio::spawn({
            let other = other.clone();
            async move { lock(&other).await }
        });
        eventually("it queues", || entries(&server) == 2).await;
        if closes {
            other.context().session().close();
        } else {
            other.context().session().lost();
        }
        assert_eq!(kind(within(waiting).await.expect("no panic")), Some(expected));
    }
}

#[tokio::test]
async fn a_waiter_without_its_entry_fails_in_turn() {
    let (server, _tree, guard) = held().await;
    let other = Tree::connect(&server, 2);
    let waiting = tokio::spawn(async move { lock(&other).await });
    eventually("it queues and watches", || server.watches.load(Ordering::SeqCst) >= 2 && entries(&server) == 2).await;
    let its = server.keys().into_iter().find(|key| key.starts_with("/locks/a/2-")).expect("it has queued");
    server.delete(&its);
    drop(guard);
    assert_eq!(kind(within(waiting).await.expect("no panic")), Some(ErrorKind::LockLost));
    nothing_is_left(&server).await;
}

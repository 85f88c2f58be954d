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
async fn an_entry_that_was_gone_before_it_was_watched_is_a_lost_lock() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    // The watch has not run yet.
    server.delete(guard.entry());
    assert_eq!(lost(&guard).await.kind(), ErrorKind::LockLost);
}

#[tokio::test]
async fn an_entry_recreated_or_taken_over_is_a_lost_lock_and_left_to_its_owner() {
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
async fn a_session_that_ran_out_by_the_clock_is_a_loss_before_any_timer_has_run() {
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
async fn a_close_that_ends_the_watch_is_told_as_a_close() {
    let (server, _tree, guard) = held().await;
    settle().await;
    server.closes.store(true, Ordering::SeqCst);
    server.put(guard.entry(), Some(SessionId(1)));
    assert_eq!(lost(&guard).await.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_waiter_whose_session_is_lost_or_closed_gets_an_error() {
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
async fn a_waiter_whose_entry_was_deleted_gets_an_error_at_its_turn() {
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

use std::{future::poll_fn, pin::pin, task::Poll};

use futures_util::FutureExt;

use super::*;

/// Polls a request `polls` times, letting everything else go on in between, and drops it; says whether it was done
/// before.
async fn cancelled_after(polls: usize, request: impl Future<Output = Result<LockGuard>>) -> bool {
    let mut request = pin!(request);
    for _ in 0..polls {
        if poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_ready())).await {
            return true;
        }
        yield_now().await;
    }
    false
}

#[tokio::test]
async fn a_request_dropped_at_any_await_leaves_nothing() {
    let mut servers = Vec::new();
    let mut done = false;
    for polls in 0..60 {
        let server = Arc::new(Server::default());
        let tree = Tree::connect_with(&server, 1, SHORT * 10);
        done = cancelled_after(polls, lock(&tree)).await;
        servers.push(server);
    }
    assert!(done, "the lock is acquired within 60 polls, so that every await was tried");
    for server in servers {
        nothing_is_left(&server).await;
    }
}

#[tokio::test]
async fn a_waiter_dropped_at_any_await_leaves_nothing() {
    let mut servers = Vec::new();
    for polls in 0..60 {
        let server = Arc::new(Server::default());
        let (mine, other) = (Tree::connect_with(&server, 1, SHORT * 10), Tree::connect_with(&server, 2, SHORT * 10));
        let guard = within(lock(&mine)).await.expect("the lock is free");
        assert!(!cancelled_after(polls, lock(&other)).await);
        let next = tokio::spawn(async move { lock(&other).await });
        eventually("it queues", || entries(&server) >= 2).await;
        drop(guard);
        drop(within(next).await.expect("no panic").expect("the lock is free"));
        servers.push(server);
    }
    for server in servers {
        nothing_is_left(&server).await;
    }
}

#[tokio::test]
async fn a_put_applied_after_the_drop_is_removed() {
    let mut servers = Vec::new();
    for polls in 0..40 {
        let server = Arc::new(Server::default());
        let tree = Tree::connect_with(&server, 1, SHORT * 10);
        tree.fail(Fault::Late, 1);
        cancelled_after(polls, lock(&tree)).await;
        tree.fail(Fault::None, 0);
        servers.push(server);
    }
    for server in &servers {
        nothing_is_left(server).await;
    }
    let late = servers.iter().filter(|server| server.late.load(Ordering::SeqCst) > 0).count();
    assert!(late > 0, "some puts were late");
}

#[tokio::test]
async fn leaving_is_tried_until_it_is_done() {
    for fault in [Fault::LostRequest, Fault::LostAnswer, Fault::Silent, Fault::Panic] {
        let server = Arc::new(Server::default());
        let tree = Tree::connect_with(&server, 1, SHORT * 5);
        let guard = within(lock(&tree)).await.expect("the lock is free");
        tree.fail(fault, 3);
        drop(guard);
        nothing_is_left(&server).await;
        assert_eq!(kind(within(lock(&tree)).await), None, "{fault:?}");
    }
}

#[tokio::test]
async fn leaving_waits_while_the_session_is_suspended() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    tree.context().session().suspended();
    assert_eq!(kind(guard.release(SHORT).await), Some(ErrorKind::Timeout));
    drop(guard);
    settle().await;
    assert_eq!(entries(&server), 1);
    tree.context().session().alive(crate::Moment::now());
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_guard_can_be_dropped_on_a_plain_thread() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    std::thread::spawn(move || {
        assert!(Handle::try_current().is_err());
        assert!(!guard.is_lost());
        drop(guard);
    })
    .join()
    .expect("no panic");
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_release_completes_when_nobody_waits_for_it() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    drop(guard.release(LONG));
    eventually("it is released", || entries(&server) == 0).await;
    assert!(guard.is_lost());
    let lost = within(guard.lost()).await;
    assert_eq!(lost.kind(), ErrorKind::LockLost);
    within(guard.release(LONG)).await.expect("releasing twice is not an error");
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn after_close_a_release_says_so_and_nothing_hangs() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let (guard, lost) = {
        let guard = within(lock(&tree)).await.expect("the lock is free");
        let lost = guard.lost();
        (guard, lost)
    };
    tree.context().session().close();
    tree.context().tasks().shutdown().await;
    assert_eq!(within(lost).await.kind(), ErrorKind::Closed);
    assert!(guard.is_lost());
    assert_eq!(kind(within(guard.release(LONG)).await), Some(ErrorKind::Closed));
    assert_eq!(kind(lock(&tree).now_or_never().expect("at once")), Some(ErrorKind::Closed));
}

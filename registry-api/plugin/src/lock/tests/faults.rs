use registry_api::SessionId;

use super::{super::name::queue_entry, *};
use crate::Contact;

#[tokio::test]
async fn a_request_whose_answer_is_lost_is_not_doubled() {
    for waits in [true, false] {
        let server = Arc::new(Server::default());
        let tree = Tree::connect(&server, 1);
        tree.fail(Fault::LostAnswer, 1);
        let guard = within(acquire(tree.clone(), request(&tree, waits), None)).await.expect("the lock is free");
        assert_eq!(server.keys(), ["/locks", KEY, guard.entry()]);
        drop(guard);
        nothing_is_left(&server).await;
    }
}

#[tokio::test]
async fn a_request_that_was_lost_is_made_again() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    tree.fail(Fault::LostRequest, 3);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    assert_eq!(server.keys(), ["/locks", KEY, guard.entry()]);
    drop(guard);
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_request_without_an_answer_is_found_in_the_queue() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect_with(&server, 1, SHORT * 5);
    tree.fail(Fault::Silent, 1);
    let start = Instant::now();
    let guard = within(lock(&tree)).await.expect("the lock is free");
    assert!(start.elapsed() >= tree.context().operation_timeout());
    assert_eq!(server.keys(), ["/locks", KEY, guard.entry()]);
}

#[tokio::test]
async fn a_put_after_the_release_does_not_block_the_queue() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    // The first put is applied after a second; by then the second one has got the lock and has released it.
    tree.fail(Fault::Late, 1);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    within(guard.release(LONG)).await.expect("the lock is released");
    drop(guard);
    eventually("the late put is applied", || server.late.load(Ordering::SeqCst) == 1).await;
    nothing_is_left(&server).await;
    assert_eq!(kind(within(try_lock(&tree)).await), None);
}

#[tokio::test]
async fn a_late_put_spares_the_entry_of_a_holder() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    tree.fail(Fault::Late, 1);
    let guard = within(lock(&tree)).await.expect("the lock is free");
    eventually("the late put is refused", || server.late.load(Ordering::SeqCst) == 1).await;
    eventually("nothing is left to be seen to", || Handle::current().metrics().num_alive_tasks() <= 1).await;
    assert!(!guard.is_lost());
    let entry = server.entry(guard.entry()).expect("it is held");
    assert_eq!(guard.token(), entry.created.into());
    assert_eq!(entry.created, entry.version.into(), "it was put once");
}

#[tokio::test]
async fn requests_wait_while_the_session_is_suspended() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect_with(&server, 1, SHORT);
    let session = tree.context().session();
    session.suspended();
    assert_eq!(kind(within(try_lock(&tree)).await), Some(ErrorKind::Timeout));
    assert_eq!(kind(within(lock_within(&tree, SHORT * 2)).await), Some(ErrorKind::Timeout));
    assert_eq!(server.lists.load(Ordering::SeqCst), 0);
    let waiting = tokio::spawn({
        let tree = tree.clone();
        async move { lock(&tree).await }
    });
    settle().await;
    assert!(!waiting.is_finished());
    session.connected(SessionId(1), LONG, Contact::Always);
    assert_eq!(kind(within(waiting).await.expect("no panic")), None);
}

#[tokio::test]
async fn a_request_not_yet_begun_uses_the_next_session() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    let session = tree.context().session();
    session.lost();
    let waiting = tokio::spawn({
        let tree = tree.clone();
        async move { lock(&tree).await }
    });
    settle().await;
    session.connected(SessionId(2), LONG, Contact::Always);
    let guard = within(waiting).await.expect("no panic").expect("the lock is free");
    let name = guard.entry().rsplit('/').next().expect("a name").to_owned();
    assert!(name.starts_with(&queue_entry(SessionId(2), 0)[..2]), "{name}");
    assert!(!guard.is_lost());
}

#[tokio::test]
async fn a_panic_of_the_backend_leaves_nothing() {
    let server = Arc::new(Server::default());
    let tree = Tree::connect(&server, 1);
    tree.fail(Fault::Panic, 1);
    let locking = {
        let tree = tree.clone();
        tokio::spawn(async move { lock(&tree).await.map(drop) })
    };
    assert!(within(locking).await.is_err_and(|error| error.is_panic()));
    nothing_is_left(&server).await;
}

//! Who shares a tree, and what goes with a session (contract 4).

mod support;

use std::time::Duration;

use registry_plugin::{Backend, ErrorKind, SessionState};
use support::*;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(100);

/// Waits until the key is gone.
async fn gone(session: &Session, key: &str) {
    let look = async {
        while session.find(key).await.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("gone in time");
}

#[tokio::test]
async fn a_connection_reports_its_session_before_it_is_there() {
    let session = Session::open_for(&new_tree(), "", LONG).await;
    let (id, timeout) = session.context.session().current().expect("a session");
    assert!(id.0 != 0);
    assert_eq!((timeout, session.context.session().state()), (LONG, Some(SessionState::Connected)));
    session.put_ephemeral("/e").await.unwrap();
    assert_eq!(session.find("/e").await.and_then(|entry| entry.ephemeral), Some(id));
}

#[tokio::test]
async fn sessions_that_name_one_tree_share_it() {
    let (one, other) = (new_tree(), new_tree());
    let (a, b, c) = (Session::open(&one, "").await, Session::open(&one, "").await, Session::open(&other, "").await);
    a.put("/a", "").await.unwrap();
    assert!(b.find("/a").await.is_some());
    assert_eq!(c.find("/a").await, None);
    assert!(a.memory.server().await.unwrap().contains(&one));
}

#[tokio::test]
async fn a_tree_goes_with_its_last_session() {
    let tree = new_tree();
    let (a, b) = (Session::open(&tree, "").await, Session::open(&tree, "").await);
    a.put("/a", "").await.unwrap();
    a.memory.close().await.unwrap();
    let c = Session::open(&tree, "").await;
    assert!(c.find("/a").await.is_some(), "one session was left");
    b.memory.close().await.unwrap();
    c.memory.close().await.unwrap();
    assert_eq!(Session::open(&tree, "").await.find("/a").await, None);
}

#[tokio::test]
async fn a_tree_goes_when_its_last_session_expires() {
    let tree = new_tree();
    let last = Session::open_for(&tree, "", SHORT).await;
    last.put("/a", "").await.unwrap();
    drop(last);
    let look = async {
        loop {
            let session = Session::open(&tree, "").await;
            if session.find("/a").await.is_none() {
                return;
            }
            session.memory.close().await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("a new tree in time");
}

#[tokio::test]
async fn closing_removes_what_the_session_owns_and_nothing_else() {
    let tree = new_tree();
    let (one, two) = (Session::open(&tree, "").await, Session::open(&tree, "").await);
    one.put("/d/persistent", "").await.unwrap();
    one.put_ephemeral("/d/mine").await.unwrap();
    one.put_ephemeral("/d/taken").await.unwrap();
    two.put_ephemeral("/d/taken").await.unwrap();
    one.memory.close().await.unwrap();
    assert_eq!(two.keys("/d").await, ["/d", "/d/persistent", "/d/taken"]);
}

#[tokio::test]
async fn a_closed_session_can_do_nothing_more() {
    let session = Session::open(&new_tree(), "").await;
    session.memory.close().await.unwrap();
    session.memory.close().await.unwrap();
    assert_eq!(refused(session.memory.get(k("/a")).await).0, ErrorKind::Closed);
    assert_eq!(refused(session.put_ephemeral("/a").await).0, ErrorKind::Closed);
    assert_eq!(refused(session.memory.children(k("/")).await).0, ErrorKind::Closed);
    assert_eq!(refused(session.memory.server().await).0, ErrorKind::Closed);
}

#[tokio::test]
async fn an_abandoned_session_lives_on_until_its_timeout() {
    let tree = new_tree();
    let (lasting, brief) = (Session::open_for(&tree, "", LONG).await, Session::open_for(&tree, "", SHORT).await);
    let other = Session::open(&tree, "").await;
    lasting.put_ephemeral("/e/lasting").await.unwrap();
    brief.put_ephemeral("/e/brief").await.unwrap();
    brief.put("/e/persistent", "").await.unwrap();
    drop(lasting);
    drop(brief);
    gone(&other, "/e/brief").await;
    assert_eq!(other.keys("/e").await, ["/e", "/e/lasting", "/e/persistent"]);
}

#[tokio::test]
async fn an_abandoned_session_expires_also_where_no_task_looks() {
    let tree = new_tree();
    let (brief, other) = (Session::open_for(&tree, "", SHORT).await, Session::open(&tree, "").await);
    brief.put_ephemeral("/e").await.unwrap();
    drop(brief);
    // The tasks of a connection end with its context.
    let other = (other.memory, drop(other.context)).0;
    let look = async {
        while other.get(k("/e")).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("gone in time");
}

#[tokio::test]
async fn a_held_session_without_tasks_is_abandoned() {
    let tree = new_tree();
    let (brief, other) = (Session::open_for(&tree, "", SHORT).await, Session::open(&tree, "").await);
    brief.put_ephemeral("/e").await.unwrap();
    let held = (brief.memory, drop(brief.context)).0;
    gone(&other, "/e").await;
    assert_eq!(refused(held.get(k("/e")).await).0, ErrorKind::Closed);
}

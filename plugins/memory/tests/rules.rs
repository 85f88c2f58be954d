//! What may be written and what is read of it (contract 1 to 3).

mod support;

use registry_plugin::{Backend, Check, ErrorKind, Operation, Revision};
use support::*;

#[tokio::test]
async fn a_put_creates_ancestors_at_its_own_revision() {
    let session = Session::open(&new_tree(), "").await;
    let version = session.put("/a/b/c", "x").await.unwrap();
    for key in ["/a", "/a/b"] {
        let above = session.find(key).await.expect(key);
        assert_eq!((above.version, above.created, above.ephemeral), (version, version.into(), None));
        assert!(above.value.is_empty());
    }
}

#[tokio::test]
async fn created_stays_when_value_mode_and_owner_change() {
    let tree = new_tree();
    let (one, two) = (Session::open(&tree, "").await, Session::open(&tree, "").await);
    let created = one.put("/a", "x").await.unwrap();
    assert!(one.put_ephemeral("/a").await.unwrap() > created);
    let first = one.find("/a").await.unwrap();
    assert!(two.put_ephemeral("/a").await.unwrap() > first.version);
    let second = two.find("/a").await.unwrap();
    assert_eq!([first.created, second.created], [created.into(); 2]);
    assert!(first.ephemeral.is_some() && second.ephemeral.is_some() && first.ephemeral != second.ephemeral);
    two.put("/a", "y").await.unwrap();
    assert_eq!(one.find("/a").await.map(|entry| (entry.created, entry.ephemeral)), Some((created.into(), None)));
}

#[tokio::test]
async fn another_life_of_a_key_has_another_created() {
    let session = Session::open(&new_tree(), "").await;
    let first = session.put("/a", "").await.unwrap();
    assert_eq!(session.delete("/a").await.unwrap(), 1);
    assert!(session.put("/a", "").await.unwrap() > first);
    assert!(session.find("/a").await.unwrap().created > first.into());
}

#[tokio::test]
async fn all_puts_of_a_txn_share_one_revision() {
    let session = Session::open(&new_tree(), "").await;
    let committed = session.commit(&[], &[put("/a/b", ""), put("/a", "x"), put("/c", "")]).await.unwrap();
    let version = committed.version(0).unwrap();
    assert_eq!((committed.version(1), committed.version(2)), (Some(version), Some(version)));
    let above = session.find("/a").await.unwrap();
    assert_eq!((above.created, above.version, &above.value[..]), (version.into(), version, &b"x"[..]));
}

#[tokio::test]
async fn every_check_that_fails_is_named_and_nothing_is_written() {
    let session = Session::open(&new_tree(), "").await;
    let version = session.put("/a", "").await.unwrap();
    let checks = [
        Check::Absent(k("/a")),
        Check::Present(k("/a")),
        Check::Present(k("/b")),
        Check::Version(k("/a"), (version.get() + 1).into()),
        Check::Version(k("/a"), version),
        Check::Version(k("/b"), 0.into()),
        Check::Held { entry: k("/a"), token: version.get().into() },
        Check::Present(k("/")),
        Check::Absent(k("/")),
    ];
    let error = session.commit(&checks, &[put("/c", "")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConditionFailed);
    assert_eq!(error.failed_checks(), [0, 2, 3, 5, 6, 7]);
    assert_eq!(session.find("/c").await, None);
}

#[tokio::test]
async fn checks_are_judged_on_the_state_before() {
    let session = Session::open(&new_tree(), "").await;
    session.commit(&[Check::Absent(k("/a/b")), Check::Absent(k("/a"))], &[put("/a/b", "")]).await.unwrap();
    let error = session.commit(&[Check::Absent(k("/a/b"))], &[Operation::Delete(k("/a/b"))]).await.unwrap_err();
    assert_eq!(error.failed_checks(), [0]);
}

#[tokio::test]
async fn a_lock_is_held_while_the_very_entry_lives() {
    let tree = new_tree();
    let (one, two) = (Session::open(&tree, "").await, Session::open(&tree, "").await);
    let version = one.put_ephemeral("/l/x").await.unwrap();
    let token = Revision::from(version).into();
    let held = [Check::Held { entry: k("/l/x"), token }];
    two.commit(&held, &[put("/a", "")]).await.unwrap();
    one.delete("/l/x").await.unwrap();
    assert_eq!(refused(two.commit(&held, &[put("/a", "")]).await).0, ErrorKind::ConditionFailed);
    one.put_ephemeral("/l/x").await.unwrap();
    assert_eq!(refused(two.commit(&held, &[put("/a", "")]).await).0, ErrorKind::ConditionFailed);
}

#[tokio::test]
async fn operations_see_the_former_ones() {
    let session = Session::open(&new_tree(), "").await;
    session.put("/a/b", "").await.unwrap();
    let deletes = [Operation::Delete(k("/a/b")), Operation::Delete(k("/a"))];
    assert_eq!(session.commit(&[], &deletes).await.unwrap().deleted(), 2);
    let refused_parent = session.commit(&[], &[ephemeral("/e"), put("/e/x", "")]).await;
    assert_eq!(refused(refused_parent), (ErrorKind::EphemeralParent, Some("/e/x".to_owned())));
    assert_eq!(session.find("/e").await, None);
}

#[tokio::test]
async fn a_txn_that_is_refused_leaves_everything_as_it_was() {
    let session = Session::open(&new_tree(), "").await;
    session.put("/a/b", "old").await.unwrap();
    session.put("/d/e", "").await.unwrap();
    session.put("/f", "").await.unwrap();
    let before = (session.list("/a").await, session.list("/f").await, session.children("/").await);
    let operations = [put("/a/b", "new"), put("/n/e/w", ""), Operation::Delete(k("/f")), Operation::Delete(k("/d"))];
    assert_eq!(refused(session.commit(&[], &operations).await), (ErrorKind::HasChildren, Some("/d".to_owned())));
    assert_eq!((session.list("/a").await, session.list("/f").await, session.children("/").await), before);
}

#[tokio::test]
async fn an_ephemeral_entry_has_no_children() {
    let session = Session::open(&new_tree(), "").await;
    session.put_ephemeral("/e").await.unwrap();
    assert_eq!(refused(session.put("/e/a/b", "").await), (ErrorKind::EphemeralParent, Some("/e/a/b".to_owned())));
    session.put("/p/c", "").await.unwrap();
    assert_eq!(refused(session.put_ephemeral("/p").await), (ErrorKind::HasChildren, Some("/p".to_owned())));
    assert!(session.find("/p").await.is_some_and(|entry| entry.ephemeral.is_none()));
}

#[tokio::test]
async fn only_a_recursive_delete_takes_children_along() {
    let session = Session::open(&new_tree(), "").await;
    for key in ["/a/b/c", "/a-b", "/ab", "/a0"] {
        session.put(key, "").await.unwrap();
    }
    assert_eq!(refused(session.delete("/a").await), (ErrorKind::HasChildren, Some("/a".to_owned())));
    let recursive = [Operation::DeleteRecursive(k("/a"))];
    assert_eq!(session.commit(&[], &recursive).await.unwrap().deleted(), 3);
    assert_eq!(session.commit(&[], &recursive).await.unwrap().deleted(), 0);
    assert_eq!(session.delete("/a").await.unwrap(), 0);
    assert_eq!(session.children("/").await, ["a-b", "a0", "ab"]);
}

#[tokio::test]
async fn listings_are_sorted_by_the_bytes_of_the_whole_key() {
    let session = Session::open(&new_tree(), "").await;
    for key in ["/r/a/c", "/r/a-b/x", "/r/ä", "/r/a0", "/r-", "/s"] {
        session.put(key, "").await.unwrap();
    }
    assert_eq!(session.keys("/r").await, ["/r", "/r/a", "/r/a-b", "/r/a-b/x", "/r/a/c", "/r/a0", "/r/ä"]);
    assert_eq!(session.children("/r").await, ["a", "a-b", "a0", "ä"]);
    assert_eq!(session.children("/").await, ["r", "r-", "s"]);
    assert_eq!(session.children("/s").await, [""; 0]);
    assert_eq!(refused(session.memory.children(k("/t")).await), (ErrorKind::NotFound, Some("/t".to_owned())));
    assert_eq!(session.keys("/t").await, [""; 0]);
}

#[tokio::test]
async fn namespaces_beside_each_other_do_not_see_each_other() {
    let tree = new_tree();
    let (a, ab, outer) =
        (Session::open(&tree, "a").await, Session::open(&tree, "ab").await, Session::open(&tree, "").await);
    assert_eq!(a.children("/").await, [""; 0]);
    a.put("/x/y", "1").await.unwrap();
    assert_eq!(ab.children("/").await, [""; 0]);
    assert_eq!(ab.find("/x").await, None);
    assert_eq!(a.keys("/x").await, ["/x", "/x/y"]);
    assert_eq!(a.find("/x/y").await.map(|entry| entry.key), Some("/x/y".to_owned()));
    assert_eq!(outer.keys("/a").await, ["/a", "/a/x", "/a/x/y"]);
    let (above, inner) = (outer.put_ephemeral("/ab").await, ab.put("/x", "").await);
    assert!(above.is_ok());
    assert_eq!(refused(inner), (ErrorKind::EphemeralParent, Some("/x".to_owned())));
}

use std::sync::Arc;

use registry_plugin::{Applied, Backend, Check, ErrorKind, Operation, Outcome};

use super::support::*;

#[tokio::test]
async fn missing_ancestors_are_created_in_the_same_txn() {
    let client = connect().await;
    let version = client.write(&[put("/a/b/c", "v")]).await.expect("a put").version(0);
    for ancestor in ["/a", "/a/b"] {
        let entry = client.find(ancestor).await.expect("an ancestor");
        assert_eq!((entry.value.len(), entry.ephemeral, Some(entry.version)), (0, None, version));
    }
    client.write(&[put("/a/b/d", "v"), put("/a/x/y", "v")]).await.expect("puts");
    assert_eq!(client.find("/a/b").await.map(|entry| entry.version), version, "it was there and stays as it is");
}

#[tokio::test]
async fn an_ancestor_that_is_put_too_is_put_once() {
    let client = connect().await;
    client.write(&[put("/a/b", "1"), put("/a", "2")]).await.expect("puts");
    assert_eq!(client.find("/a").await.map(|entry| entry.value), Some("2".into()));
}

#[tokio::test]
async fn an_ephemeral_entry_has_no_children() {
    let client = connect().await;
    client.write(&[ephemeral("/e", "v")]).await.expect("a put");
    let lease = client.find("/e").await.and_then(|entry| entry.ephemeral);
    assert_eq!(lease, client.context.session().current().map(|(id, _)| id));
    for operations in [
        &[put("/e/a", "")][..],
        &[put("/e/a/b", "")],
        &[put("/x/y", ""), put("/e/a", "")],
        &[ephemeral("/f", ""), put("/f/a", "")],
    ] {
        let refused = client.write(operations).await.expect_err("a refusal");
        assert_eq!((refused.kind(), refused.outcome()), (ErrorKind::EphemeralParent, Outcome::NotApplied));
    }
    assert_eq!(client.find("/x").await.or(client.find("/f").await), None, "nothing was written");
    client.write(&[put("/p/a", "")]).await.expect("a put");
    for operations in
        [&[ephemeral("/p", "")][..], &[put("/q/a", ""), ephemeral("/q", "")], &[ephemeral("/p", ""), delete("/p/a")]]
    {
        let refused = client.write(operations).await.expect_err("a refusal");
        assert_eq!((refused.kind(), refused.outcome()), (ErrorKind::HasChildren, Outcome::NotApplied));
    }
}

#[tokio::test]
async fn operations_see_the_former_ones() {
    let client = connect().await;
    client.write(&[put("/p/a", ""), put("/p/b", ""), ephemeral("/e", "")]).await.expect("puts");
    client.write(&[delete("/p/a"), delete("/p/b"), ephemeral("/p", "now")]).await.expect("children first");
    assert!(client.find("/p").await.is_some_and(|entry| entry.is_ephemeral()));
    client.write(&[put("/e", "now"), put("/e/a", "")]).await.expect("persistent first");
    client.write(&[put("/t/a/b", "")]).await.expect("a put");
    let refused = client.write(&[delete("/t"), delete("/t/a"), delete("/t/a/b")]).await.map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::HasChildren), "the parent was first");
    let deleted = client.write(&[delete("/t/a/b"), delete("/t/a"), delete("/t")]).await.expect("the leaf was first");
    assert_eq!(deleted.applied, [Applied::Deleted { count: 1 }; 3]);
}

#[tokio::test]
async fn a_missing_entry_is_deleted_without_an_error() {
    let client = connect().await;
    client.write(&[put("/a/b", "")]).await.expect("a put");
    assert_eq!(client.write(&[delete("/no")]).await.expect("a delete").deleted(), 0);
    assert_eq!(client.write(&[delete("/a")]).await.map_err(|error| error.kind()), Err(ErrorKind::HasChildren));
    assert_eq!(client.write(&[delete("/a/b")]).await.expect("a delete").deleted(), 1);
    assert_eq!(client.write(&[delete("/a")]).await.expect("a delete").deleted(), 1);
}

#[tokio::test]
async fn failed_checks_are_named_and_go_before_the_rules() {
    let client = connect().await;
    let version = client.write(&[put("/a", "")]).await.expect("a put").version(0).expect("a version");
    client.write(&[put("/p/c", "")]).await.expect("a put");
    let lock = client.write(&[ephemeral("/e", "")]).await.expect("a put").version(0).expect("a version").get();
    let (a, e) = (key("/a"), key("/e"));
    let checks = [
        Check::Absent(a),
        Check::Present(a),
        Check::Version(a, version),
        Check::Version(a, (version.get() + 1).into()),
        Check::Version(key("/no"), 0.into()),
        Check::Version(a, u64::MAX.into()),
        Check::Held { entry: e, token: lock.into() },
        Check::Held { entry: e, token: (lock - 1).into() },
        Check::Held { entry: e, token: 0.into() },
        Check::Held { entry: a, token: version.get().into() },
        Check::Held { entry: key("/no"), token: 0.into() },
        Check::Present(key("/no")),
        Check::Absent(key("/no")),
    ];
    let failed = client.txn(&checks, &[delete("/p")]).await.expect_err("a refusal");
    assert_eq!((failed.kind(), failed.outcome()), (ErrorKind::ConditionFailed, Outcome::NotApplied));
    assert_eq!(failed.failed_checks(), [0, 3, 4, 5, 7, 8, 9, 10, 11]);
    let good = [checks[1], checks[2], checks[6], checks[12]];
    assert_eq!(client.txn(&good, &[delete("/p")]).await.map_err(|error| error.kind()), Err(ErrorKind::HasChildren));
    client.txn(&good, &[put("/x/y", "")]).await.expect("a put");
    client.txn(&good, &[]).await.expect("checks alone");
    client.txn(&[], &[]).await.expect("nothing at all");
}

#[tokio::test]
async fn a_put_that_changes_the_mode_keeps_the_creation() {
    let client = connect().await;
    client.write(&[put("/a", "1")]).await.expect("a put");
    let created = client.find("/a").await.map(|entry| entry.created);
    client.write(&[ephemeral("/a", "2")]).await.expect("a put");
    client.write(&[put("/a", "3")]).await.expect("a put");
    let entry = client.find("/a").await.expect("an entry");
    assert_eq!((Some(entry.created), entry.ephemeral), (created, None));
}

#[tokio::test]
async fn a_txn_of_the_largest_size_is_taken() {
    let client = connect().await;
    let above: String = (0..14).map(|n| format!("/{n}")).collect();
    let above = [format!("/a{above}"), format!("/b{above}"), "/c".to_owned(), "/d".to_owned()];
    let puts: Vec<String> = (0..32).map(|n| format!("{}/{n}", above[n % 4])).collect();
    let checked: Vec<String> = (0..32).map(|n| format!("/checked/{n}")).collect();
    let checks: Vec<_> = checked.iter().map(|at| Check::Absent(key(at))).collect();
    let operations: Vec<_> = puts.iter().map(|at| ephemeral(at, "v")).collect();
    let locks: Vec<String> = (0..32).map(|n| format!("/locks/{n}")).collect();
    let queued: Vec<_> = locks.iter().map(|at| ephemeral(at, "")).collect();
    let token = client.write(&queued).await.expect("puts").version(0).expect("a version").get().into();
    let held: Vec<_> = locks.iter().map(|at| Check::Held { entry: key(at), token }).collect();
    // All ancestors are missing, then all there.
    for checks in [&checks, &checks, &held] {
        client.txn(checks, &operations).await.expect("a Txn");
    }
    let deletes: Vec<_> = puts.iter().map(|at| delete(at)).collect();
    assert_eq!(client.txn(&checks, &deletes).await.expect("a Txn").deleted(), 32);
    let chain: Vec<String> = (1..=32).rev().map(|depth| "/x".repeat(depth)).collect();
    client.write(&[put(&chain[0], "")]).await.expect("a put");
    let deletes: Vec<_> = chain.iter().map(|at| delete(at)).collect();
    assert_eq!(client.txn(&checks, &deletes).await.expect("a chain").deleted(), 32);
    let large = "v".repeat(1_000_000);
    client.write(&[put("/large", &large)]).await.expect("the largest value");
    // As heavy as may be, with long keys.
    let deep = format!("/{}{}", "s".repeat(8_100), "/x".repeat(31));
    let heavy = "v".repeat(700_000);
    for _ in 0..2 {
        client.write(&[put(&deep, &heavy)]).await.expect("the heaviest Txn");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_create_the_same_ancestors_all_succeed() {
    let client = Arc::new(connect().await);
    let writers: Vec<_> = (0..32)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move { client.write(&[put(&format!("/a/b/c/{n}"), "")]).await.map(drop) })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic").expect("a put");
    }
    assert_eq!(client.children(key("/a/b/c")).await.expect("names").len(), 32);
    let created = client.find("/a/b").await.expect("an ancestor");
    assert_eq!(created.created, created.version.into(), "it was created once");
}

#[tokio::test]
async fn a_recursive_delete_is_one_txn() {
    let client = connect().await;
    client.write(&[put("/a/b/c", ""), put("/a/d", ""), put("/ab", "")]).await.expect("puts");
    let all = [Operation::DeleteRecursive(key("/a"))];
    let failed = client.txn(&[Check::Absent(key("/ab"))], &all).await.map_err(|error| error.kind());
    assert_eq!(failed, Err(ErrorKind::ConditionFailed));
    assert_eq!(client.txn(&[Check::Present(key("/ab"))], &all).await.expect("a delete").deleted(), 4);
    assert_eq!(client.children(registry_plugin::Key::ROOT).await.expect("names"), ["ab"]);
    assert_eq!(client.write(&all).await.expect("a delete").deleted(), 0);
}

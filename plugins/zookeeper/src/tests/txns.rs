//! What a Txn does and why it is refused, where ZooKeeper has its own ways of telling.

use registry_plugin::{Applied, Backend, Check, ErrorKind, Key, Operation, Outcome, Revision};

use super::support::*;

async fn refused(client: &Client, operations: &[Operation<'_>], kind: ErrorKind) {
    let refused = client.write(operations).await.expect_err("a refusal");
    assert_eq!((refused.kind(), refused.outcome()), (kind, Outcome::NotApplied), "{operations:?}: {refused}");
}

#[tokio::test]
async fn a_txn_gives_one_version_and_one_creation() {
    let client = connect().await;
    client.write(&[put("/there", ""), ephemeral("/e", "")]).await.expect("puts");
    let operations = [put("/a/b/c", "1"), put("/there", "2"), ephemeral("/a/e", "3"), put("/a", "4"), put("/e", "5")];
    let committed = client.write(&operations).await.expect("puts");
    let version = committed.version(0).expect("a version");
    assert_eq!(committed.applied, [Applied::Put { version }; 5]);
    for (at, value, made) in
        [("/a/b/c", "1", true), ("/a/b", "", true), ("/there", "2", false), ("/a/e", "3", true), ("/a", "4", true)]
    {
        let entry = client.find(at).await.expect(at);
        assert_eq!((&entry.value[..], entry.version), (value.as_bytes(), version), "{at}");
        assert_eq!(entry.created == version.into(), made, "{at}");
    }
    assert_eq!(client.find("/a/e").await.and_then(|entry| entry.ephemeral), Some(client.id()));
    assert_eq!(client.find("/e").await.map(|entry| (entry.ephemeral, entry.value)), Some((None, "5".into())));
}

#[tokio::test]
async fn a_put_alone_answers_the_version_however_it_is_done() {
    let client = connect().await;
    for (at, value) in [("/a", "1"), ("/a", "2"), ("/a", "3"), ("/a", "4"), ("/b/c/d", "1"), ("/b/c", "2"), ("/b", "3")]
    {
        for operation in [put(at, value), ephemeral("/e", value), put("/e", value)] {
            let version = client.write(&[operation]).await.expect("a put").version(0);
            let entry = client.find(operation.key().as_str()).await.expect("an entry");
            assert_eq!((Some(entry.version), entry.value), (version, value.to_owned().into()));
        }
    }
}

#[tokio::test]
async fn an_entry_keeps_its_creation_while_mode_and_owner_stay() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    for operation in [put("/p", ""), ephemeral("/e", "")] {
        let created = client.write(&[operation]).await.expect("a put").version(0);
        for _ in 0..4 {
            client.write(&[operation]).await.expect("a put");
        }
        let entry = client.find(operation.key().as_str()).await.expect("an entry");
        assert_eq!(Some(entry.created), created.map(Revision::from));
        assert!(Revision::from(entry.version) > entry.created);
    }
    other.write(&[ephemeral("/e", "taken")]).await.expect("a put");
    assert_eq!(client.find("/e").await.and_then(|entry| entry.ephemeral), Some(other.id()));
    client.write(&[ephemeral("/e", "taken back")]).await.expect("a put");
    assert_eq!(other.find("/e").await.and_then(|entry| entry.ephemeral), Some(client.id()));
}

#[tokio::test]
async fn an_ephemeral_entry_has_no_children() {
    let client = connect().await;
    client.write(&[ephemeral("/e", ""), put("/p/a", "")]).await.expect("puts");
    for operations in [
        &[put("/e/a", "")][..],
        &[ephemeral("/e/a/b", "")],
        &[put("/x/y", ""), put("/e/a", "")],
        &[put("/x/y", ""), put("/e/a/b/c", ""), delete("/p/a")],
        &[ephemeral("/f", ""), put("/f/a", "")],
        &[put("/p/a", ""), ephemeral("/p/b", ""), put("/p/b/c/d", "")],
    ] {
        refused(&client, operations, ErrorKind::EphemeralParent).await;
    }
    for operations in [
        &[ephemeral("/p", "")][..],
        &[put("/q/a", ""), ephemeral("/q", "")],
        &[ephemeral("/p", ""), delete("/p/a")],
        &[delete("/p")],
        &[put("/x/y", ""), delete("/p")],
        &[delete("/p"), delete("/p/a")],
        &[delete("/p/b"), delete("/p")],
    ] {
        refused(&client, operations, ErrorKind::HasChildren).await;
    }
    assert_eq!(client.find("/x").await.or(client.find("/f").await), None, "nothing was written");
    client.write(&[delete("/p/a"), ephemeral("/p", ""), put("/e", ""), put("/e/a", "")]).await.expect("in good order");
    assert!(client.find("/p").await.is_some_and(|entry| entry.is_ephemeral()));
}

#[tokio::test]
async fn deletes_tell_what_went() {
    let client = connect().await;
    client.write(&[put("/a/b/c", ""), put("/a/d", "")]).await.expect("puts");
    let all = [delete("/a/b/x"), delete("/a/b/c"), delete("/a/b"), delete("/a/b/c/d/e"), delete("/no/where")];
    let deleted = client.write(&all).await.expect("deletes");
    assert_eq!(deleted.applied, [0, 1, 1, 0, 0].map(|count| Applied::Deleted { count }));
    assert_eq!(client.children(key("/a")).await.expect("names"), ["d"]);
    assert_eq!(client.children(Key::ROOT).await.expect("names"), ["a"]);
    for (at, count) in [("/no", 0), ("/no/where", 0), ("/a/d", 1), ("/a", 1)] {
        assert_eq!(client.write(&[delete(at)]).await.expect("a delete").deleted(), count, "{at}");
    }
}

#[tokio::test]
async fn failed_checks_are_named_and_go_before_the_rules() {
    let client = connect().await;
    let version = client.write(&[put("/a", "")]).await.expect("a put").version(0).expect("a version");
    client.write(&[put("/p/c", "")]).await.expect("a put");
    let token = client.write(&[ephemeral("/e", "")]).await.expect("a put").version(0).expect("a version").get();
    let (a, e) = (key("/a"), key("/e"));
    let checks = [
        Check::Absent(a),
        Check::Present(a),
        Check::Version(a, version),
        Check::Version(a, (version.get() + 1).into()),
        Check::Version(key("/no"), 0.into()),
        Check::Version(a, u64::MAX.into()),
        Check::Held { entry: e, token: token.into() },
        Check::Held { entry: e, token: (token - 1).into() },
        Check::Held { entry: e, token: 0.into() },
        Check::Held { entry: a, token: version.get().into() },
        Check::Held { entry: key("/no"), token: 0.into() },
        Check::Present(key("/no")),
        Check::Absent(key("/no")),
        Check::Absent(key("/no/where")),
        Check::Absent(key("/e/below")),
        Check::Absent(key("/e/be/low")),
        Check::Absent(Key::ROOT),
        Check::Present(Key::ROOT),
    ];
    let wrong = [0, 3, 4, 5, 7, 8, 9, 10, 11, 17];
    for operation in [delete("/p"), put("/e/a", ""), put("/a", ""), ephemeral("/p", ""), Operation::DeleteRecursive(a)]
    {
        let failed = client.txn(&checks, &[operation]).await.expect_err("a refusal");
        assert_eq!((failed.kind(), failed.outcome()), (ErrorKind::ConditionFailed, Outcome::NotApplied));
        assert_eq!(failed.failed_checks(), wrong);
        for number in wrong {
            let failed = client.txn(&checks[number..=number], &[operation]).await.expect_err("a refusal");
            assert_eq!((failed.kind(), failed.failed_checks()), (ErrorKind::ConditionFailed, &[0][..]), "{number}");
        }
    }
    let good: Vec<_> = (0..checks.len()).filter(|number| !wrong.contains(number)).map(|n| checks[n]).collect();
    for (operation, kind) in [(delete("/p"), ErrorKind::HasChildren), (put("/e/a", ""), ErrorKind::EphemeralParent)] {
        assert_eq!(client.txn(&good, &[operation]).await.map_err(|error| error.kind()), Err(kind));
        for check in &good {
            assert_eq!(client.txn(&[*check], &[operation]).await.map_err(|error| error.kind()), Err(kind));
        }
    }
    for check in &good {
        client.txn(&[*check], &[]).await.expect("a check alone");
    }
    client.txn(&good, &[put("/x/y", "")]).await.expect("a put");
    client.txn(&good, &[]).await.expect("checks alone");
    client.txn(&[], &[]).await.expect("nothing at all");
    assert_eq!(client.find("/a").await.map(|entry| entry.version), Some(version), "nobody wrote it");
}

#[tokio::test]
async fn an_entry_is_written_if_it_is_unchanged() {
    let client = connect().await;
    let absent = [Check::Absent(key("/a/b"))];
    let mut version = client.txn(&absent, &[put("/a/b", "")]).await.expect("a put").version(0).expect("a version");
    let failed = client.txn(&absent, &[put("/a/b", "")]).await.map_err(|error| error.kind());
    assert_eq!(failed, Err(ErrorKind::ConditionFailed));
    for _ in 0..4 {
        let check = [Check::Version(key("/a/b"), version)];
        let next = client.txn(&check, &[put("/a/b", "")]).await.expect("a put").version(0).expect("a version");
        for operation in [put("/a/b", ""), ephemeral("/a/b", ""), delete("/a/b")] {
            let late = client.txn(&check, &[operation]).await.map_err(|error| error.kind());
            assert_eq!(late, Err(ErrorKind::ConditionFailed));
        }
        version = next;
    }
    let checks = [Check::Version(key("/a/b"), version), Check::Present(key("/a/b"))];
    assert_eq!(client.txn(&checks, &[delete("/a/b")]).await.expect("a delete").deleted(), 1);
    assert_eq!(client.txn(&absent, &[delete("/a/b")]).await.expect("a delete").deleted(), 0);
}

#[tokio::test]
async fn an_entry_that_was_written_often_changes_mode_and_owner() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    for _ in 0..12 {
        client.write(&[put("/a", "")]).await.expect("a put");
    }
    for client in [&client, &other, &client] {
        for _ in 0..12 {
            client.write(&[ephemeral("/a", "")]).await.expect("a put");
            assert_eq!(client.find("/a").await.and_then(|entry| entry.ephemeral), Some(client.id()));
        }
    }
    client.write(&[put("/a", "")]).await.expect("a put");
    assert_eq!(client.find("/a").await.and_then(|entry| entry.ephemeral), None);
}

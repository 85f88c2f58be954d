//! What the host's API adds to the contract: Txns that are kept, and values in JSON.

use registry_host::{Error, ErrorKind, Outcome, Registry};
use registry_suite::{SOON, etcd, memory, open, within, zookeeper};
use registry_test_servers::{Etcd, ZooKeeper};
use serde::{Deserialize, Serialize};

/// A registry of each backend.
async fn each() -> Vec<Registry> {
    let (on_etcd, on_zookeeper) =
        (Etcd::shared().expect("an etcd server"), ZooKeeper::shared().expect("a ZooKeeper server"));
    let mut each = Vec::new();
    for settings in [memory(), etcd(on_etcd), zookeeper(on_zookeeper)] {
        each.push(open(settings).await.expect("a registry"));
    }
    each
}

#[tokio::test]
async fn a_txn_is_kept_moved_and_committed_again() {
    for registry in each().await {
        registry.put("/taken", "").await.expect("a put");
        let kept = {
            let (key, value) = (String::from("/a"), vec![b'1']);
            let mut txn = registry.txn();
            let put = txn.check_absent("/taken").put(&key, &value).handle();
            let delete = txn.delete("/gone").handle();
            (txn, put, delete)
        };
        let (txn, put, delete) = kept;
        let refused = txn.commit().await.expect_err("it is taken");
        assert_eq!((refused.kind(), refused.failed_checks()), (ErrorKind::ConditionFailed, &[0][..]));
        registry.delete("/taken").await.expect("a delete");
        // A clone goes its own way, and the handles are good for both.
        let mut longer = txn.clone();
        let more = longer.put("/b", "2").handle();
        let moved = tokio::spawn(async move { txn.commit().await });
        let committed = within("it is applied", SOON, moved).await.expect("no panic").expect("a Txn");
        let version = registry.get("/a").await.expect("an answer").expect("an entry").version;
        assert_eq!((committed.version_of(put), committed.deleted_by(delete)), (version, 0));
        assert_eq!(registry.get("/b").await.expect("an answer"), None);
        let committed = longer.commit().await.expect("a Txn");
        assert!(committed.version_of(put) > version);
        assert_eq!(committed.version_of(more), committed.version_of(put));
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Limits {
    tasks: u32,
}

#[tokio::test]
async fn a_value_is_read_and_written_as_json() {
    for registry in each().await {
        assert_eq!(registry.get_json::<Limits>("/limits").await.expect("an answer"), None);
        registry.put_json("/limits", &Limits { tasks: 7 }).if_absent().await.expect("a put");
        assert_eq!(registry.get("/limits").await.expect("an answer").expect("an entry").value, r#"{"tasks":7}"#);
        let (limits, version) = registry.get_json::<Limits>("/limits").await.expect("an answer").expect("an entry");
        assert_eq!(limits, Limits { tasks: 7 });
        registry.put_json("/limits", &Limits { tasks: 8 }).if_version(version).await.expect("a put");
    }
}

#[tokio::test]
async fn wrong_json_is_refused_by_key_and_hidden() {
    let registry = open(memory()).await.expect("a registry");
    let refused = |error: Error| {
        assert_eq!(
            (error.kind(), error.outcome(), error.key()),
            (ErrorKind::Other, Outcome::NotApplied, Some("/limits"))
        );
        assert!(error.message().starts_with("/limits: the value "), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        error.to_string()
    };
    for (value, says) in [
        ("hunter2", "is not JSON: expected value at line 1 column 1"),
        (r#"{"tasks": 7"#, "is not JSON"),
        (r#"{"tasks": "hunter2"}"#, "is JSON, but not of the type api::Limits: line 1, column"),
    ] {
        registry.put("/limits", value).await.expect("a put");
        let error = refused(registry.get_json::<Limits>("/limits").await.expect_err("it is none"));
        assert!(error.contains(says), "{error}");
    }
    let no_name = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = registry.put_json("/limits", &no_name).await.expect_err("JSON has no such name");
    assert!(refused(error).starts_with("put /limits: the value can't be written as JSON"));
    assert_eq!(registry.get("/limits").await.expect("an answer").expect("an entry").value, r#"{"tasks": "hunter2"}"#);
}

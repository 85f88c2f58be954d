//! The largest Txns that the contract allows: a server that finds a request too large drops the connection.

use registry_plugin::{Check, ErrorKind, Operation, Outcome, limits};
use serde_json::json;

use super::support::*;

/// Whether the connection was never dropped.
async fn unbroken(client: &Client, connections: u64) {
    client.find("/any").await;
    assert_eq!(*client.session.connections().borrow(), connections, "the connection was dropped");
}

#[tokio::test]
async fn a_million_bytes_are_put_in_every_way() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    let connections = *client.session.connections().borrow();
    let value = "v".repeat(limits::VALUE_BYTES);
    let deep = "/s".repeat(31) + "/x";
    for _ in 0..4 {
        for operation in [put(&deep, &value), put("/a", &value), ephemeral("/a", &value)] {
            client.write(&[operation]).await.expect("a put");
            assert_eq!(other.find(operation.key().as_str()).await.map(|entry| entry.value.len()), Some(value.len()));
        }
        other.write(&[ephemeral("/a", &value)]).await.expect("a put");
    }
    client.write(&[put("/b", &value), delete("/a"), put("/c", "")]).await.expect("a Txn");
    unbroken(&client, connections).await;
}

#[tokio::test]
async fn the_heaviest_txns_are_taken() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    let connections = *client.session.connections().borrow();
    // All parts that the contract counts for a Txn, with keys as long as they may be and with short ones.
    for long in [3_000, 1] {
        let segment = "k".repeat(long);
        let above: Vec<String> = (0..2).map(|n| format!("/{n}{segment}") + &format!("/{n}").repeat(14)).collect();
        let puts: Vec<String> = (0..32).map(|n| format!("{}/{n}", above[n % 2])).collect();
        let checked: Vec<String> = (0..32).map(|n| format!("/checked/{n}{segment}")).collect();
        let checks: Vec<_> = checked.iter().map(|at| Check::Absent(key(at))).collect();
        let weighing = |value: &str| {
            let mut operations: Vec<_> = puts.iter().map(|at| ephemeral(at, "")).collect();
            operations[0] = ephemeral(&puts[0], value);
            let txn = registry_plugin::Txn::new(&checks, &operations);
            txn.validate(&namespace).is_ok()
        };
        let (mut fits, mut over) = (0, limits::VALUE_BYTES + 1);
        let most = "v".repeat(over);
        while over - fits > 1 {
            let half = usize::midpoint(fits, over);
            if weighing(&most[..half]) { fits = half } else { over = half }
        }
        let mut operations: Vec<_> = puts.iter().map(|at| ephemeral(at, "")).collect();
        operations[0] = ephemeral(&puts[0], &most[..fits]);
        // All ancestors and entries missing, then taken over, then there.
        for client in [&client, &other, &other] {
            client.txn(&checks, &operations).await.expect("the heaviest Txn");
        }
        let deletes: Vec<_> = puts.iter().map(|at| delete(at)).collect();
        for count in [32, 0] {
            assert_eq!(client.txn(&checks, &deletes).await.expect("deletes").deleted(), count);
        }
    }
    unbroken(&client, connections).await;
    unbroken(&other, connections).await;
}

#[tokio::test]
async fn a_txn_too_large_with_its_chroot_is_refused() {
    let chroot = format!("/{}", "chroot".repeat(10)).repeat(30);
    let section = json!({ "connect-string": server().connect_string() + &chroot });
    let client = connect_with(section, options(&fresh())).await.expect("a connection");
    let connections = *client.session.connections().borrow();
    let keys: Vec<String> = (0..32).map(|n| format!("/{n}")).collect();
    let value = "v".repeat(limits::VALUE_BYTES);
    let mut operations: Vec<Operation<'_>> = keys.iter().map(|at| put(at, "")).collect();
    operations[7] = put(&keys[7], &value);
    let refused = client.write(&operations).await.expect_err("a refusal");
    assert_eq!((refused.kind(), refused.outcome()), (ErrorKind::InvalidTxn, Outcome::NotApplied));
    unbroken(&client, connections).await;
    client.write(&operations[..7]).await.expect("puts");
}

//! Txns while others write the same entries.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use registry_plugin::{Backend, Check, ErrorKind, Operation, Outcome, Result};
use tokio::{task::JoinHandle, time::timeout};

use super::support::*;
use crate::read::number;

/// Writes in the background until it is told to stop.
struct Busy {
    stop: Arc<AtomicBool>,
    task: JoinHandle<u64>,
}

impl Busy {
    fn begin<F: Future<Output = ()> + Send>(client: Client, write: impl Fn(Arc<Client>) -> F + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, client) = (stop.clone(), Arc::new(client));
        let task = tokio::spawn(async move {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                write(client.clone()).await;
                rounds += 1;
            }
            rounds
        });
        Busy { stop, task }
    }

    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("no panic")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_make_the_same_ancestors_all_succeed() {
    let namespace = fresh();
    let clients = [Arc::new(connect_to(&namespace).await), Arc::new(connect_to(&namespace).await)];
    let writers: Vec<_> = (0..64)
        .map(|n| {
            let client = clients[n % 2].clone();
            tokio::spawn(async move { client.write(&[put(&format!("/a/b/c/{n}"), "")]).await.map(drop) })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic").expect("a put");
    }
    assert_eq!(clients[0].children(key("/a/b/c")).await.expect("names").len(), 64);
    let created = clients[0].find("/a/b").await.expect("an ancestor");
    assert_eq!(created.created, created.version.into(), "it was made once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_many_count_up_one_entry() {
    let namespace = fresh();
    let first = connect_to(&namespace).await;
    first.write(&[put("/n", "0")]).await.expect("a put");
    let writers: Vec<_> = [first, connect_to(&namespace).await, connect_to(&namespace).await]
        .into_iter()
        .map(|client| {
            tokio::spawn(async move {
                let mut versions = Vec::new();
                while versions.len() < 40 {
                    let entry = client.find("/n").await.expect("an entry");
                    let next = String::from_utf8_lossy(&entry.value).parse::<u32>().expect("a number") + 1;
                    let check = [Check::Version(key("/n"), entry.version)];
                    match client.txn(&check, &[put("/n", &next.to_string())]).await {
                        Ok(committed) => versions.extend(committed.version(0)),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::ConditionFailed, "{error}"),
                    }
                }
                (client, versions)
            })
        })
        .collect();
    let mut all = HashSet::new();
    let mut last = None;
    for writer in writers {
        let (client, versions) = writer.await.expect("no panic");
        assert!(versions.is_sorted());
        all.extend(versions);
        last = client.find("/n").await;
    }
    let last = last.expect("an entry");
    assert_eq!((all.len(), &last.value[..]), (120, &b"120"[..]));
    assert_eq!(all.into_iter().max(), Some(last.version));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_make_one_entry_one_succeeds() {
    let namespace = fresh();
    let clients = [Arc::new(connect_to(&namespace).await), Arc::new(connect_to(&namespace).await)];
    for deep in ["/one", "/a/b/one"] {
        let writers: Vec<_> = (0..32)
            .map(|n| {
                let client = clients[n % 2].clone();
                tokio::spawn(async move { client.txn(&[Check::Absent(key(deep))], &[ephemeral(deep, "")]).await })
            })
            .collect();
        let mut made = 0;
        for writer in writers {
            match writer.await.expect("no panic") {
                Ok(_) => made += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConditionFailed, "{error}"),
            }
        }
        assert_eq!(made, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_outlasts_others_that_delete_its_ancestors() {
    let namespace = fresh();
    let client = connect_to(&namespace).await;
    let busy = Busy::begin(connect_to(&namespace).await, async |client| {
        client.write(&[Operation::DeleteRecursive(key("/a"))]).await.expect("a delete");
    });
    for number in 0..100 {
        let value = number.to_string();
        for operation in [put("/a/b/c/d", &value), ephemeral("/a/b/e", &value)] {
            client.write(&[operation]).await.expect("a put");
        }
    }
    assert!(busy.end().await > 0);
}

/// Somebody deletes the entry again and again, and makes it again with the same counter.
async fn remaking(namespace: &str, operation: Operation<'static>) -> Busy {
    Busy::begin(connect_to(namespace).await, move |client| async move {
        client.write(&[delete("/a")]).await.expect("a delete");
        client.write(&[operation]).await.expect("a put");
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_put_on_a_recreated_entry_is_told() {
    let namespace = fresh();
    let client = connect_to(&namespace).await;
    let busy = remaking(&namespace, put("/a", "theirs")).await;
    let raced = timeout(LIMIT, async {
        loop {
            let Some(entry) = client.find("/a").await else { continue };
            let check = [Check::Version(key("/a"), entry.version)];
            match client.txn(&check, &[put("/a", "mine")]).await {
                Err(error) if error.kind() == ErrorKind::ConditionFailed => {}
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    });
    let error = raced.await.expect("a race in time");
    assert_eq!((error.kind(), error.outcome(), error.key()), (ErrorKind::VersionRace, Outcome::Applied, Some("/a")));
    busy.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_on_what_became_anothers_ephemeral_is_written_again() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    // Often enough that it is written without a look, and then by the other as often.
    for _ in 0..10 {
        client.write(&[put("/a", "mine")]).await.expect("a put");
    }
    other.write(&[delete("/a")]).await.expect("a delete");
    for _ in 0..10 {
        other.write(&[ephemeral("/a", "theirs")]).await.expect("a put");
    }
    let theirs = other.find("/a").await.expect("an entry");
    let version = client.write(&[put("/a", "mine again")]).await.expect("a put").version(0);
    let entry = client.find("/a").await.expect("an entry");
    assert_eq!((entry.ephemeral, &entry.value[..]), (None, &b"mine again"[..]));
    assert_eq!(Some(entry.version), version);
    assert!(entry.created > theirs.created, "it could only be recreated");
    other.close().await.expect("a close");
    assert_eq!(client.find("/a").await, Some(entry), "it doesn't go with the other's session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_holds_against_constant_recreation() {
    let namespace = fresh();
    let client = connect_to(&namespace).await;
    let busy = remaking(&namespace, ephemeral("/a", "theirs")).await;
    for _ in 0..100 {
        client.write(&[put("/a", "mine")]).await.expect("a put");
        if let Some(entry) = client.find("/a").await {
            assert_eq!(&entry.value[..] == b"mine", entry.ephemeral.is_none(), "{entry:?}");
        }
    }
    assert!(busy.end().await > 0);
}

#[tokio::test]
async fn an_unconditional_put_overwrites_later_writes() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    for _ in 0..10 {
        client.write(&[put("/a", ""), put("/b", "")]).await.expect("puts");
    }
    other.write(&[put("/a", "theirs")]).await.expect("a put");
    other.write(&[delete("/b")]).await.expect("a delete");
    client.write(&[put("/a", "mine"), put("/b", "mine")]).await.expect("puts");
    assert_eq!(other.find("/a").await.map(|entry| entry.value), Some("mine".into()));
    assert_eq!(other.find("/b").await.map(|entry| entry.value), Some("mine".into()));
    let absent = client.txn(&[Check::Present(key("/a"))], &[put("/a", "")]).await.expect("a put");
    other.write(&[delete("/a")]).await.expect("a delete");
    let late = client.txn(&[Check::Present(key("/a"))], &[put("/a", "")]).await.map_err(|error| error.kind());
    assert_eq!(late, Err(ErrorKind::ConditionFailed), "after {absent:?}");
}

#[tokio::test]
async fn the_namespace_is_made_again_after_somebody_has_deleted_it() {
    let (namespace, outside) = (fresh(), connect_to("").await);
    let client = connect_to(&format!("{namespace}/in/side")).await;
    let top = format!("/{namespace}");
    let wipe = [Operation::DeleteRecursive(key(&top))];
    for (checks, operations) in [
        (&[][..], &[put("/a/b", "")][..]),
        (&[], &[ephemeral("/e", "")]),
        (&[Check::Absent(key("/a"))], &[put("/a", "")]),
        (&[Check::Absent(key("/x")), Check::Absent(key("/y/z"))], &[put("/a", ""), delete("/b/c")]),
        (&[Check::Absent(key("/x"))], &[]),
        (&[], &[delete("/b/c")]),
        (&[], &[delete("/b/c"), delete("/d")]),
        (&[Check::Absent(key("/x"))], &[Operation::DeleteRecursive(key("/b/c"))]),
    ] {
        outside.write(&wipe).await.expect("a delete");
        let done = timeout(Duration::from_secs(20), client.txn(checks, operations)).await;
        assert!(matches!(&done, Ok(Ok(_))), "{operations:?}: {done:?}");
    }
    client.write(&[put("/a", "")]).await.expect("a put");
    outside.write(&wipe).await.expect("a delete");
    assert_eq!(outside.write(&wipe).await.expect("a delete").deleted(), 0);
}

/// Plays two Txns against each other often enough that they meet in every way.
async fn duel<T>(what: &str, mut round: impl AsyncFnMut(&Client, &Client) -> (Result<T>, Result<T>)) {
    let namespace = fresh();
    let clients = [connect_to(&namespace).await, connect_to(&namespace).await];
    let (mut first, mut second) = (0, 0);
    for _ in 0..60 {
        clients[0].write(&[put("/p", ""), put("/q", ""), delete("/a"), delete("/b")]).await.expect("a fresh start");
        let (one, other) = round(&clients[0], &clients[1]).await;
        for refused in [one.as_ref().err(), other.as_ref().err()].into_iter().flatten() {
            assert_eq!((refused.kind(), refused.outcome()), (ErrorKind::ConditionFailed, Outcome::NotApplied));
        }
        assert!(one.is_err() || other.is_err(), "both were applied: {what}");
        first += u32::from(one.is_ok());
        second += u32::from(other.is_ok());
    }
    assert!(first + second > 0, "none was ever applied: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_mutually_exclusive_writes_one_is_refused() {
    duel("either if the other's entry is absent", async |one, other| {
        tokio::join!(async { one.txn(&[Check::Absent(key("/b"))], &[put("/a", "")]).await }, async {
            other.txn(&[Check::Absent(key("/a"))], &[put("/b", "")]).await
        },)
    })
    .await;
    duel("either if the other's entry is as it was", async |one, other| {
        let (p, q) = (one.find("/p").await.expect("an entry"), one.find("/q").await.expect("an entry"));
        tokio::join!(async { one.txn(&[Check::Version(key("/q"), q.version)], &[put("/p", "")]).await }, async {
            other.txn(&[Check::Version(key("/p"), p.version)], &[put("/q", "")]).await
        },)
    })
    .await;
    duel("either if the other's entry is there still", async |one, other| {
        tokio::join!(async { one.txn(&[Check::Present(key("/q"))], &[delete("/p")]).await }, async {
            other.txn(&[Check::Present(key("/p"))], &[delete("/q")]).await
        },)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_was_deleted_of_was_missing() {
    let namespace = fresh();
    let (one, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    for _ in 0..60 {
        one.write(&[delete("/a/b"), delete("/b")]).await.expect("a fresh start");
        let (deleted, made) = tokio::join!(async { one.write(&[delete("/a/b"), put("/b", "")]).await }, async {
            other.txn(&[Check::Absent(key("/b"))], &[put("/a/b", "")]).await
        },);
        let deleted = deleted.expect("deletes").deleted();
        // What was made although the put was not there yet, was there to be deleted.
        assert_eq!(deleted == 1, made.is_ok(), "{made:?}");
        assert_eq!(one.find("/a/b").await, None);
    }
}

#[tokio::test]
async fn a_put_refused_by_a_recreated_entry_is_told() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    // What is made together with its ancestors is written once more, and would count differently.
    other.write(&[put("/b", "")]).await.expect("a put");
    for _ in 0..10 {
        client.write(&[ephemeral("/a", "mine")]).await.expect("a put");
    }
    other.write(&[delete("/a")]).await.expect("a delete");
    for _ in 0..10 {
        other.write(&[put("/a", "theirs")]).await.expect("a put");
    }
    other.write(&[put("/a/b", "")]).await.expect("a put");
    let error = client.write(&[ephemeral("/a", "mine again")]).await.expect_err("it has children");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::VersionRace, Outcome::Applied), "{error}");
    let error = client.write(&[ephemeral("/a", "mine again")]).await.expect_err("it has children");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::HasChildren, Outcome::NotApplied), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_txn_allowed_meanwhile_is_applied_whole() {
    let namespace = fresh();
    let (one, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    for _ in 0..60 {
        one.write(&[put("/p/c", ""), delete("/z")]).await.expect("a fresh start");
        let (whole, emptied) = tokio::join!(async { one.write(&[delete("/p"), put("/z", "")]).await }, async {
            other.write(&[delete("/p/c")]).await
        },);
        emptied.expect("a delete");
        match whole {
            Ok(committed) => assert_eq!(committed.deleted(), 1),
            Err(error) => assert_eq!(error.kind(), ErrorKind::HasChildren, "{error}"),
        }
        assert_ne!(one.find("/p").await.is_some(), one.find("/z").await.is_some(), "one goes with the other");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_over_counts_differently_at_once() {
    let namespace = fresh();
    let clients = [connect_to(&namespace).await, connect_to(&namespace).await];
    let raw = clients[0].session.client().expect("it is open");
    for beside in [None, Some(put("/beside", ""))] {
        let mut before = None;
        for round in 0..8 {
            let client = &clients[round % 2];
            let writes: Vec<_> = [ephemeral("/n", "1")].into_iter().chain(beside).collect();
            let committed = client.write(&writes).await.expect("a put");
            let (value, stat) = raw.get_data(&client.paths.path(key("/n"))).await.expect("an entry");
            assert_eq!((&value[..], Some(number(stat.mzxid))), (&b"1"[..], committed.version(0)));
            assert_ne!(before.replace(stat.version), Some(stat.version), "in round {round}");
            // Now and then it is written once more.
            if round % 3 == 2 {
                client.write(&writes).await.expect("a put");
                before = Some(raw.get_data(&client.paths.path(key("/n"))).await.expect("an entry").1.version);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_deletion_spares_the_next_owners_entry() {
    let namespace = fresh();
    let (former, next) = (connect_to(&namespace).await, connect_to(&namespace).await);
    for _ in 0..200 {
        let version = former.write(&[ephemeral("/n", "1")]).await.expect("a put").version(0).expect("a version");
        let check = [Check::Version(key("/n"), version)];
        let (deletion, taking) = ([delete("/n")], [ephemeral("/n", "2")]);
        let (deleted, put) = tokio::join!(former.txn(&check, &deletion), next.write(&taking));
        let put = put.expect("a put").version(0);
        if let Err(error) = deleted {
            assert_eq!(error.kind(), ErrorKind::ConditionFailed, "{error}");
        }
        assert_eq!(next.find("/n").await.map(|entry| entry.version), put, "it is there");
    }
}

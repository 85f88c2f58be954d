//! What watches are told (contract 5).

mod support;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use registry_plugin::{
    Backend, Entry, Event, Operation, Scope,
    watch::{WatchStream, watch_buffer},
};
use support::*;
use tokio::task::JoinHandle;

/// A watch and the task that feeds it.
struct Watch {
    events: WatchStream,
    feeding: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch and takes the events up to `Synced`.
    async fn begin(session: &Arc<Session>, key: &'static str, scope: Scope) -> (Self, Vec<Event>) {
        let (sink, events) = watch_buffer(k(key), scope);
        let session = session.clone();
        let feeding = tokio::spawn(async move { session.memory.watch(k(key), scope, sink).await.expect("watch") });
        let mut watch = Watch { events, feeding };
        let mut begun = Vec::new();
        loop {
            match watch.next().await {
                Event::Synced => return (watch, begun),
                event => begun.push(event),
            }
        }
    }

    async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(Duration::from_secs(20), self.events.next_batch(1));
        next.await.expect("an event in time").expect("more events").expect("no error").remove(0)
    }
}

async fn open(tree: &str, namespace: &str) -> Arc<Session> {
    Arc::new(Session::open(tree, namespace).await)
}

/// An event in short: `+` new, `=` changed, `-` gone.
fn short(event: &Event) -> String {
    match event {
        Event::Put { entry, new } => format!("{}{}", if *new { '+' } else { '=' }, entry.key),
        Event::Delete { last } => format!("-{}", last.key),
        other => format!("{other:?}"),
    }
}

fn shorts(events: &[Event]) -> Vec<String> {
    events.iter().map(short).collect()
}

#[tokio::test]
async fn a_watch_begins_with_what_its_scope_covers() {
    let session = open(&new_tree(), "").await;
    for key in ["/a/b/c", "/a-b", "/ab"] {
        session.put(key, "x").await.unwrap();
    }
    for (key, scope, expected) in [
        ("/a", Scope::Node, &["+/a"][..]),
        ("/a", Scope::Children, &["+/a/b"]),
        ("/a", Scope::Subtree, &["+/a", "+/a/b", "+/a/b/c"]),
        ("/none", Scope::Subtree, &[]),
        ("/", Scope::Node, &[]),
        ("/", Scope::Children, &["+/a", "+/a-b", "+/ab"]),
    ] {
        assert_eq!(shorts(&Watch::begin(&session, key, scope).await.1), expected, "{key} {scope}");
    }
}

#[tokio::test]
async fn each_scope_is_told_of_its_own_changes_only() {
    let session = open(&new_tree(), "").await;
    let (mut node, _) = Watch::begin(&session, "/a", Scope::Node).await;
    let (mut children, _) = Watch::begin(&session, "/a", Scope::Children).await;
    let (mut subtree, _) = Watch::begin(&session, "/a", Scope::Subtree).await;
    let (mut root, _) = Watch::begin(&session, "/", Scope::Subtree).await;
    session.put("/ab", "").await.unwrap();
    session.put("/a/b/c", "x").await.unwrap();
    assert_eq!(short(&node.next().await), "+/a");
    assert_eq!(short(&children.next().await), "+/a/b");
    for expected in ["+/a", "+/a/b", "+/a/b/c"] {
        assert_eq!(short(&subtree.next().await), expected);
    }
    for expected in ["+/ab", "+/a", "+/a/b", "+/a/b/c"] {
        assert_eq!(short(&root.next().await), expected);
    }
    session.commit(&[], &[Operation::DeleteRecursive(k("/a"))]).await.unwrap();
    assert_eq!(short(&node.next().await), "-/a");
    assert_eq!(short(&children.next().await), "-/a/b");
}

#[tokio::test]
async fn a_take_over_is_a_put() {
    let tree = new_tree();
    let (one, two) = (open(&tree, "").await, open(&tree, "").await);
    one.put_ephemeral("/e").await.unwrap();
    let (mut watch, _) = Watch::begin(&one, "/e", Scope::Node).await;
    two.put_ephemeral("/e").await.unwrap();
    let owner = two.context.session().current().map(|(id, _)| id);
    match watch.next().await {
        Event::Put { entry: Entry { ephemeral, .. }, new: false } => assert_eq!(ephemeral, owner),
        other => panic!("a put, not {other:?}"),
    }
}

#[tokio::test]
async fn watches_hear_of_entries_that_go_with_their_session() {
    let tree = new_tree();
    let watching = open(&tree, "").await;
    let brief = Session::open_for(&tree, "", Duration::from_millis(50)).await;
    let closing = Session::open(&tree, "").await;
    brief.put_ephemeral("/e/brief").await.unwrap();
    closing.put_ephemeral("/e/closing").await.unwrap();
    let (mut watch, begun) = Watch::begin(&watching, "/e", Scope::Children).await;
    assert_eq!(shorts(&begun), ["+/e/brief", "+/e/closing"]);
    closing.memory.close().await.unwrap();
    assert_eq!(short(&watch.next().await), "-/e/closing");
    // From here on nobody calls anything.
    drop(brief);
    assert_eq!(short(&watch.next().await), "-/e/brief");
}

#[tokio::test]
async fn keys_are_told_as_the_watching_session_has_them() {
    let tree = new_tree();
    let (inner, outer) = (open(&tree, "n/s").await, open(&tree, "").await);
    let (mut inside, _) = Watch::begin(&inner, "/", Scope::Subtree).await;
    let (mut outside, _) = Watch::begin(&outer, "/", Scope::Subtree).await;
    inner.put("/a", "").await.unwrap();
    outer.put("/n/x", "").await.unwrap();
    outer.put("/n/s/b", "").await.unwrap();
    for expected in ["+/a", "+/b"] {
        assert_eq!(short(&inside.next().await), expected);
    }
    for expected in ["+/n", "+/n/s", "+/n/s/a", "+/n/x", "+/n/s/b"] {
        assert_eq!(short(&outside.next().await), expected);
    }
}

#[tokio::test]
async fn a_refused_txn_tells_nothing() {
    let session = open(&new_tree(), "").await;
    session.put("/a/b", "").await.unwrap();
    let (mut watch, _) = Watch::begin(&session, "/", Scope::Subtree).await;
    session.commit(&[], &[put("/c", ""), Operation::Delete(k("/a"))]).await.unwrap_err();
    session.put("/d", "").await.unwrap();
    assert_eq!(short(&watch.next().await), "+/d");
}

#[tokio::test]
async fn a_watch_that_was_dropped_ends_and_leaves_the_others() {
    let session = open(&new_tree(), "").await;
    let (dropped, _) = Watch::begin(&session, "/a", Scope::Node).await;
    let (mut other, _) = Watch::begin(&session, "/a", Scope::Node).await;
    drop(dropped.events);
    tokio::time::timeout(Duration::from_secs(20), dropped.feeding).await.expect("ended in time").expect("no panic");
    session.put("/a", "").await.unwrap();
    assert_eq!(short(&other.next().await), "+/a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_between_the_first_state_and_the_changes() {
    let session = open(&new_tree(), "").await;
    let (writer, enough) = (session.clone(), Arc::new(AtomicBool::new(false)));
    let stop = enough.clone();
    let writing = tokio::spawn(async move {
        for round in 0.. {
            for number in 0..50 {
                let key = format!("/w/{number}");
                if (round + number) % 3 == 0 {
                    writer.delete(&key).await.unwrap();
                } else {
                    writer.put(&key, &round.to_string()).await.unwrap();
                }
            }
            if stop.load(Ordering::SeqCst) {
                break;
            }
            tokio::task::yield_now().await;
        }
        writer.put("/w/end", "").await.unwrap();
    });
    let mut watching = Vec::new();
    for _ in 0..30 {
        watching.push(Watch::begin(&session, "/w", Scope::Children).await);
    }
    enough.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    let expected: BTreeMap<String, Entry> =
        session.list("/w").await.into_iter().skip(1).map(|entry| (entry.key.clone(), entry)).collect();
    for (mut watch, begun) in watching {
        let mut seen: BTreeMap<String, Entry> = BTreeMap::new();
        let mut take = |event| match event {
            Event::Put { entry, new } => {
                let before = seen.insert(entry.key.clone(), entry.clone());
                assert_eq!(before.is_none(), new);
                assert!(before.is_none_or(|before| before.version < entry.version));
            }
            Event::Delete { last } => assert_eq!(seen.remove(&last.key), Some(last)),
            other => panic!("no {other:?} twice"),
        };
        let mut ended = begun.iter().any(|event| event.key() == Some("/w/end"));
        begun.into_iter().for_each(&mut take);
        while !ended {
            let event = watch.next().await;
            ended = event.key() == Some("/w/end");
            take(event);
        }
        assert_eq!(seen, expected);
    }
}

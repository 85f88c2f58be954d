//! Ephemeral entries are recreated when their session was lost, and only then (contract 4.4).

use std::{future::IntoFuture as _, time::Duration};

use registry_host::{Entry, EphemeralEvent, Ephemerals, Registry, SettingsBuilder};
use registry_suite::{Ending, SOON, eventually, memory, open, within};

/// A registry with these settings, and another one that sees the same entries.
async fn two(registry: SettingsBuilder, other: SettingsBuilder) -> (Registry, Registry) {
    (open(registry).await.expect("a registry"), open(other).await.expect("another"))
}

/// On every server: a registry whose session can be ended, and another one that sees the same entries.
async fn each() -> Vec<(Registry, Registry, Ending)> {
    let mut each = Vec::new();
    for (settings, ending) in Ending::each() {
        let (registry, other) = two(ending.awaits(settings.clone()), settings).await;
        each.push((registry, other, ending));
    }
    each
}

/// On every backend: two that see the same entries.
async fn every() -> Vec<(Registry, Registry)> {
    let mut every = Vec::new();
    for settings in [memory()].into_iter().chain(Ending::each().map(|(settings, _)| settings)) {
        // What is missing has been deleted for certain only once its session is known to live.
        let settings = settings.set("registry.session-timeout=4s");
        every.push(two(settings.clone(), settings).await);
    }
    every
}

async fn next(events: &mut Ephemerals) -> EphemeralEvent {
    within("an event is told", SOON, events.next()).await.expect("the registry is there")
}

async fn get(registry: &Registry, key: &str) -> Option<Entry> {
    registry.get(key).await.expect("an answer")
}

/// Once this is told, all that came before it was seen to.
async fn settle(registry: &Registry, events: &mut Ephemerals, ending: &Ending) {
    registry.put("/settled", "").ephemeral().await.expect("a put");
    ending.of(registry).await;
    loop {
        if let EphemeralEvent::Renewed { key, .. } = next(events).await
            && key == "/settled"
        {
            return;
        }
    }
}

#[tokio::test]
async fn a_lost_sessions_entries_are_recreated_in_the_next() {
    for (registry, other, ending) in each().await {
        let mut events = registry.ephemerals();
        registry.put("/a/e", "value").ephemeral().await.expect("a put");
        registry.txn().put("/a/f", "one").ephemeral().put("/a/p", "").commit().await.expect("a Txn");
        registry.put("/a/f", "two").ephemeral().await.expect("a put");
        for _ in 0..2 {
            ending.of(&registry).await;
            let mut told = Vec::new();
            for _ in 0..2 {
                let event = next(&mut events).await;
                let EphemeralEvent::Renewed { key, version } = event else { panic!("not recreated: {event:?}") };
                assert_eq!(get(&other, &key).await.map(|entry| entry.version), Some(version));
                told.push(key);
            }
            told.sort();
            assert_eq!(told, ["/a/e", "/a/f"]);
            for (key, value) in [("/a/e", "value"), ("/a/f", "two")] {
                let entry = get(&other, key).await.expect(key);
                assert_eq!((&entry.value[..], entry.ephemeral), (value.as_bytes(), Some(registry.session().id())));
            }
        }
    }
}

#[tokio::test]
async fn entries_deleted_or_made_persistent_are_not_recreated() {
    for (registry, other, ending) in each().await {
        let mut events = registry.ephemerals();
        for key in ["/deleted", "/tree/below", "/persistent", "/expected"] {
            registry.put(key, "value").ephemeral().await.expect("a put");
        }
        registry.delete("/deleted").await.expect("a delete");
        registry.delete_recursive("/tree").await.expect("a delete");
        registry.put("/persistent", "value").await.expect("a put");
        // What certainly did not happen changes nothing.
        registry.delete("/expected").if_version(1.into()).await.expect_err("another version");
        settle(&registry, &mut events, &ending).await;
        assert_eq!(get(&other, "/deleted").await, None);
        assert_eq!(get(&other, "/tree/below").await, None);
        assert!(get(&other, "/persistent").await.is_some_and(|entry| !entry.is_ephemeral()));
        eventually("what was not deleted is there", SOON, async || get(&other, "/expected").await).await;
    }
}

#[tokio::test]
async fn a_put_that_was_given_up_is_not_recreated() {
    for (registry, other, ending) in each().await {
        let mut events = registry.ephemerals();
        let mut tries = 0;
        // Now and then an answer comes in no time; what was answered is not given up.
        let late = eventually("a put is late", SOON, async || {
            tries += 1;
            let key = format!("/late/{tries}");
            let put = registry.put(&key, "value").ephemeral().timeout(Duration::ZERO).await;
            put.is_err().then_some(key)
        });
        let late = late.await;
        drop(polled_once(registry.put("/dropped", "value").ephemeral().into_future()));
        settle(&registry, &mut events, &ending).await;
        // Whether they were written at all is not known; they go with their session.
        for key in [&late, "/dropped"] {
            eventually("it is gone", SOON, async || get(&other, key).await.is_none().then_some(())).await;
        }
    }
}

/// Polls a future once, and drops it.
fn polled_once<F: Future>(future: F) -> Option<F::Output> {
    futures_util::FutureExt::now_or_never(future)
}

#[tokio::test]
async fn an_entry_taken_over_is_told_at_once() {
    for (registry, other) in every().await {
        let mut events = registry.ephemerals();
        registry.put("/a/e", "mine").ephemeral().await.expect("a put");
        registry.put("/a/p", "mine").ephemeral().await.expect("a put");
        let version = other.put("/a/e", "theirs").ephemeral().await.expect("a take-over");
        let EphemeralEvent::TakenOver { by } = next(&mut events).await else { panic!("not told") };
        assert_eq!((&*by.key, by.version, by.ephemeral), ("/a/e", version, Some(other.session().id())));
        other.put("/a/p", "theirs").await.expect("a take-over");
        let EphemeralEvent::TakenOver { by } = next(&mut events).await else { panic!("not told") };
        assert_eq!((&*by.key, by.ephemeral), ("/a/p", None));
        // It may be taken back, and is looked after again.
        registry.put("/a/e", "mine").ephemeral().await.expect("a put");
        other.put("/a/e", "theirs").await.expect("a take-over");
        assert!(matches!(next(&mut events).await, EphemeralEvent::TakenOver { .. }));
    }
}

#[tokio::test]
async fn what_was_lost_and_is_anothers_by_then_stays_theirs() {
    for (registry, other, ending) in each().await {
        let mut events = registry.ephemerals();
        registry.put("/e", "mine").ephemeral().await.expect("a put");
        other.put("/e", "theirs").ephemeral().await.expect("a take-over");
        assert!(matches!(next(&mut events).await, EphemeralEvent::TakenOver { .. }));
        settle(&registry, &mut events, &ending).await;
        assert_eq!(get(&registry, "/e").await.expect("it is there").value, "theirs");
    }
}

#[tokio::test]
async fn a_deleted_entry_is_recreated_only_if_asked_for() {
    for (registry, other) in every().await {
        let mut events = registry.ephemerals();
        registry.put("/kept", "value").ephemeral().recreate_if_deleted().await.expect("a put");
        other.delete("/kept").await.expect("a delete");
        assert!(matches!(next(&mut events).await, EphemeralEvent::Deleted { key } if key == "/kept"));
        assert!(matches!(next(&mut events).await, EphemeralEvent::Renewed { key, .. } if key == "/kept"));
        assert_eq!(get(&other, "/kept").await.expect("it is back").value, "value");
        registry.put("/given", "value").ephemeral().await.expect("a put");
        other.delete("/given").await.expect("a delete");
        assert!(matches!(next(&mut events).await, EphemeralEvent::Deleted { key } if key == "/given"));
        assert_eq!(get(&other, "/given").await, None);
    }
}

#[tokio::test]
async fn each_put_of_a_txn_is_recreated_by_its_mode() {
    for (registry, other) in every().await {
        let mut events = registry.ephemerals();
        let mut txn = registry.txn();
        txn.put("/kept", "value").ephemeral().recreate_if_deleted().put("/given", "value").ephemeral();
        txn.commit().await.expect("a Txn");
        other.delete("/kept").await.expect("a delete");
        assert!(matches!(next(&mut events).await, EphemeralEvent::Deleted { key } if key == "/kept"));
        assert!(matches!(next(&mut events).await, EphemeralEvent::Renewed { key, .. } if key == "/kept"));
        assert_eq!(get(&other, "/kept").await.expect("it is back").value, "value");
        other.delete("/given").await.expect("a delete");
        assert!(matches!(next(&mut events).await, EphemeralEvent::Deleted { key } if key == "/given"));
        assert_eq!(get(&other, "/given").await, None);
        // The next put of a key decides again.
        registry.txn().put("/kept", "value").ephemeral().commit().await.expect("a Txn");
        other.delete("/kept").await.expect("a delete");
        assert!(matches!(next(&mut events).await, EphemeralEvent::Deleted { key } if key == "/kept"));
        assert_eq!(get(&other, "/kept").await, None);
    }
}

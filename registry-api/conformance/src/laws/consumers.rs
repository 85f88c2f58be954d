//! Watches: slow consumers, and many of them (contract 5.5 and 5.6).

use registry_host::{Event, Registry, Scope, Version, Watch};

use super::steps::{numbered, polled, put_all};
use crate::{
    case::Case,
    follower::Follower,
    law::chapter,
    verdict::{SOON, Verdict, holds, same, there, within},
};

chapter! {
    "5.5" =>
        a_slow_consumer_has_one_pending_event_per_key,
        a_slow_consumer_slows_nobody_else,
        what_came_and_went_unread_is_not_told;
    "5.6" =>
        every_watch_on_a_key_sees_everything,
        dropping_a_watch_ends_that_one_only,
        closing_a_registry_ends_its_own_watches_only,
        a_watch_goes_on_after_its_next_was_dropped;
}

/// Writes ten thousand times to twenty keys, and gives what they are in the end.
async fn write_ten_thousand(registry: &Registry, above: &str) -> Verdict<Vec<registry_host::Entry>> {
    let keys = numbered(above, 20);
    for number in 0..500 {
        let value = number.to_string();
        let mut txn = registry.txn();
        for key in &keys {
            txn.put(key, &value);
        }
        txn.commit().await?;
    }
    Ok(registry.list(above).await?)
}

async fn a_slow_consumer_has_one_pending_event_per_key(case: &Case) -> Verdict {
    let (registry, writer) = (case.client().await?, case.client().await?);
    let mut slow = Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    let mut quick = Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    let last = write_ten_thousand(&writer, case.root()).await?;
    quick.until_same("the quick one is told all", &last).await?;
    let before = slow.events;
    slow.until_same("the slow one is told the end", &last).await?;
    // What was still on its way to this one may come as more than one event.
    let events = slow.events - before;
    holds(
        format!("the slow one is told of {} keys in few events, not in {events}", last.len()),
        events < 10 * last.len(),
    )
}

async fn a_slow_consumer_slows_nobody_else(case: &Case) -> Verdict {
    let (registry, writer) = (case.client().await?, case.client().await?);
    let mut slow = Vec::new();
    for _ in 0..5 {
        slow.push(Follower::unread(&registry, case.root(), Scope::Subtree).await?);
    }
    let mut quick = Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    let key = &case.key("key");
    for number in 0..300 {
        let value = number.to_string();
        let version = writer.put(key, &value).await?;
        quick.until("each write is told", |state| state.get(key).is_some_and(|entry| entry.version >= version)).await?;
        same("calls go on", there("it", registry.get(key).await?)?.version, version)?;
    }
    let listed = registry.list(case.root()).await?;
    for watch in &mut slow {
        watch.until_same("the slow ones are told the end", &listed).await?;
    }
    Ok(())
}

async fn what_came_and_went_unread_is_not_told(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let above = case.key("a");
    registry.put(&above, "").await?;
    let mut slow = Follower::synced(&registry, &above, Scope::Subtree).await?;
    let mut quick = Follower::synced(&registry, &above, Scope::Subtree).await?;
    let many = numbered(&above, 640);
    for round in 0..3 {
        put_all(&registry, &many, "", round % 2 == 0).await?;
        for chunk in many.chunks(32) {
            let mut txn = registry.txn();
            chunk.iter().for_each(|key| _ = txn.delete(key));
            txn.commit().await?;
        }
    }
    registry.put(&above, "end").await?;
    let listed = registry.list(&above).await?;
    quick.until_same("the quick one is told all", &listed).await?;
    let before = slow.events;
    slow.until_same("the slow one is told the end", &listed).await?;
    let events = slow.events - before;
    holds(format!("few of 3840 events are told, not {events}"), events < 2_000)
}

async fn every_watch_on_a_key_sees_everything(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    let key = &case.key("key");
    let mut watches = Vec::new();
    for number in 0..60 {
        let scope = [Scope::Node, Scope::Subtree, Scope::Children][number % 3];
        let at = if scope == Scope::Children { case.root() } else { key };
        watches.push(Follower::synced(&clients[number % 2], at, scope).await?);
    }
    for number in 0..5 {
        let value = number.to_string();
        clients[number % 2].put(key, &value).await?;
        for watch in &mut watches {
            same("the value told", &watch.put(key).await?.0.value[..], value.as_bytes())?;
        }
    }
    clients[0].delete(key).await?;
    for watch in &mut watches {
        watch.delete(key).await?;
    }
    Ok(())
}

async fn dropping_a_watch_ends_that_one_only(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let mut watches = Vec::new();
    for _ in 0..10 {
        watches.push(Follower::synced(&registry, key, Scope::Node).await?);
    }
    while let Some(dropped) = watches.pop() {
        drop(dropped);
        let value = watches.len().to_string();
        registry.put(key, &value).await?;
        for watch in &mut watches {
            same("the value told", &watch.put(key).await?.0.value[..], value.as_bytes())?;
        }
        if watches.len() == 5 {
            watches.push(Follower::synced(&registry, key, Scope::Node).await?);
            watches.rotate_right(3);
            watches.truncate(4);
        }
    }
    let mut another = Follower::synced(&registry, key, Scope::Node).await?;
    registry.put(key, "another").await?;
    same("the value told", another.put(key).await?.0.value, "another")
}

async fn closing_a_registry_ends_its_own_watches_only(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("key");
    let mut ends = Follower::synced(&other, key, Scope::Node).await?;
    let mut stays = Follower::synced(&registry, key, Scope::Node).await?;
    other.close().await?;
    within("the end of its watch", SOON, async { while ends.next().await.is_ok() {} }).await?;
    registry.put(key, "value").await?;
    same("the value told", stays.put(key).await?.0.value, "value")
}

async fn a_watch_goes_on_after_its_next_was_dropped(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let mut watch: Watch = registry.watch(key, Scope::Node).await?;
    same("first", there("an event", watch.next().await)??, Event::Synced)?;
    let mut told = Version::new(0);
    for number in 0..50 {
        let version = registry.put(key, number.to_string()).await?;
        while told < version {
            // Dropped after a poll or two, again and again: no event is lost with it.
            match polled(1 + number % 2, watch.next()).await {
                None => tokio::task::yield_now().await,
                Some(event) => match there("an event", event)?? {
                    Event::Put { entry, .. } => told = entry.version,
                    event => return same("an event", event, Event::Synced),
                },
            }
        }
        same("the version told", told, version)?;
    }
    Ok(())
}

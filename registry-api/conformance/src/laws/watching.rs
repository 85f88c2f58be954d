//! Watches: the first state and what follows it (contract 5.1).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use registry_host::{Event, Scope};

use super::steps::{beside, numbered, put_all};
use crate::{
    case::Case,
    follower::Follower,
    law::chapter,
    verdict::{SOON, Verdict, eventually, holds, same},
};

chapter! {
    "5.1" =>
        a_watch_begins_with_the_present_state,
        a_watch_covers_its_scope,
        a_watch_begins_with_synced_where_nothing_is,
        a_watch_of_the_root_covers_everything,
        a_watch_begins_with_what_its_client_wrote,
        a_watch_misses_nothing_between_its_state_and_its_changes,
        a_watch_of_thousands_tells_them_all;
}

async fn a_watch_begins_with_the_present_state(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    registry.put(&case.key("a/b"), "value").await?;
    registry.put(&case.key("a/e"), "mine").ephemeral().await?;
    other.put(&case.key("a/f"), "theirs").ephemeral().await?;
    for client in [&registry, &other] {
        case.catch_up(client).await?;
    }
    let listed = registry.list(case.root()).await?;
    for client in [&registry, &other] {
        let mut watch = Follower::unread(client, case.root(), Scope::Subtree).await?;
        watch.until_synced().await?;
        same("what is told before Synced", watch.state.values().cloned().collect::<Vec<_>>(), listed.clone())?;
        same("how many events tell it", watch.events, listed.len() + 1)?;
    }
    Ok(())
}

async fn a_watch_covers_its_scope(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (node, child, grandchild) = (&case.key("a"), &case.key("a/b"), &case.key("a/b/c"));
    for scope in [Scope::Node, Scope::Children, Scope::Subtree] {
        let covered: Vec<&String> = match scope {
            Scope::Node => vec![node],
            Scope::Children => vec![child],
            Scope::Subtree => vec![node, child, grandchild],
        };
        let mut empty = Follower::synced(&registry, node, scope).await?;
        same("what is told of nothing", empty.state.len(), 0)?;
        registry.put(grandchild, "").await?;
        empty.until("what is created is told", |state| state.keys().eq(covered.iter().copied())).await?;
        let mut full = Follower::synced(&registry, node, scope).await?;
        same("what is told first", full.state.keys().collect::<Vec<_>>(), covered.clone())?;
        for key in [grandchild, child, node] {
            registry.put(key, "changed").await?;
        }
        full.until("every change is told", |state| state.values().all(|entry| entry.value == "changed")).await?;
        registry.delete_recursive(case.root()).await?;
        full.until("every deletion is told", |state| state.is_empty()).await?;
        empty.until("every deletion is told", |state| state.is_empty()).await?;
    }
    Ok(())
}

async fn a_watch_begins_with_synced_where_nothing_is(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (key, beside) = (&case.key("a/b"), &case.key("a/bb"));
    registry.put(beside, "").await?;
    for scope in [Scope::Node, Scope::Children, Scope::Subtree] {
        let mut watch = Follower::unread(&registry, key, scope).await?;
        same("the first event", watch.next().await?, Event::Synced)?;
    }
    let mut watch = Follower::synced(&registry, key, Scope::Node).await?;
    for _ in 0..3 {
        registry.put(key, "").await?;
        same("new", watch.put(key).await?.1, true)?;
        registry.delete(key).await?;
        watch.delete(key).await?;
    }
    Ok(())
}

async fn a_watch_of_the_root_covers_everything(case: &Case) -> Verdict {
    let registry = case.client_below("inner").await?;
    registry.put("/a/b", "").await?;
    let mut all = Follower::synced(&registry, "/", Scope::Subtree).await?;
    same("what all begins with", all.state.keys().map(String::as_str).collect::<Vec<_>>(), ["/a", "/a/b"])?;
    let mut top = Follower::synced(&registry, "/", Scope::Children).await?;
    same("what the top begins with", top.state.keys().map(String::as_str).collect::<Vec<_>>(), ["/a"])?;
    registry.put("/c/d", "").await?;
    all.until("all of it is told", |state| state.keys().eq(["/a", "/a/b", "/c", "/c/d"])).await?;
    top.until("the top of it is told", |state| state.keys().eq(["/a", "/c"])).await
}

async fn a_watch_begins_with_what_its_client_wrote(case: &Case) -> Verdict {
    let registry = case.client().await?;
    for number in 0..40 {
        let key = &case.key(&format!("{}", number % 3));
        let version = registry.put(key, "").await?;
        let watch = Follower::synced(&registry, case.root(), Scope::Children).await?;
        same("the version", watch.state.get(key).map(|entry| entry.version), Some(version))?;
        registry.delete(key).await?;
        let watch = Follower::synced(&registry, case.root(), Scope::Children).await?;
        same("what is gone", watch.state.get(key), None)?;
    }
    Ok(())
}

async fn a_watch_misses_nothing_between_its_state_and_its_changes(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let (over, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writers = Vec::new();
    for number in 0..4_u32 {
        let client = if number % 2 == 0 { registry.clone() } else { other.clone() };
        let (above, over, written) = (case.key(&format!("{number}")), over.clone(), written.clone());
        writers.push(beside(async move {
            let mut count = 0_u64;
            // Most keys are written once: a watch that misses that never learns of it.
            while !over.load(Ordering::SeqCst) {
                let once = format!("{above}/once/{count:06}");
                client.put(&once, "").await?;
                let again = format!("{above}/again/{}", count % 5);
                match count % 4 {
                    0 => drop(client.delete(&again).await?),
                    1 => drop(client.put(&again, count.to_string()).ephemeral().await?),
                    _ => drop(client.put(&again, count.to_string()).await?),
                }
                if count.is_multiple_of(7) {
                    client.delete(&once).await?;
                }
                count += 1;
                written.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        }));
    }
    let mut watches = Vec::new();
    for number in 0..20 {
        let client = if number % 2 == 0 { &other } else { &registry };
        let mut watch = Follower::unread(client, case.root(), Scope::Subtree).await?;
        if number % 3 == 0 {
            watch.until_synced().await?;
        }
        watches.push(watch);
        // Some writing goes on before the next is opened.
        let enough = written.load(Ordering::SeqCst) + 10;
        eventually("the writers go on", SOON, async || Ok(written.load(Ordering::SeqCst) >= enough)).await?;
    }
    over.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.done().await?;
    }
    let listed = registry.list(case.root()).await?;
    for watch in &mut watches {
        watch.until_same("the watch tells what is listed", &listed).await?;
    }
    Ok(())
}

async fn a_watch_of_thousands_tells_them_all(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let above = case.key("many");
    registry.put(&above, "").await?;
    put_all(&registry, &numbered(&above, 3_000), "value", false).await?;
    let mut watch = Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    holds("all of it is told", watch.state.values().eq(&registry.list(case.root()).await?))?;
    registry.delete_recursive(&above).await?;
    watch.until("all of it is told to be gone", |state| state.len() == 1).await
}

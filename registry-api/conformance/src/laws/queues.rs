//! Locks: what lies in the registry (contract 6.7).

use registry_host::{ErrorKind, Scope};

use super::{locks::queue, steps::keys};
use crate::{
    case::Case,
    follower::Follower,
    law::chapter,
    verdict::{SOON, Verdict, holds, refused, same, there},
};

chapter! {
    "6.7" =>
        the_key_of_a_lock_stays_as_a_persistent_entry,
        the_key_of_a_lock_keeps_its_value,
        queue_entries_are_ordinary_ephemerals,
        a_key_with_other_descendants_is_no_lock,
        an_ephemeral_entry_is_no_lock;
}

async fn the_key_of_a_lock_stays_as_a_persistent_entry(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("a/lock");
    let guard = registry.lock(key).await?;
    case.catch_up(&other).await?;
    for above in [key, &case.key("a")] {
        let entry = there(above, other.get(above).await?)?;
        same("its owner", entry.ephemeral, None)?;
        same("its value", entry.value.len(), 0)?;
    }
    guard.release().await?;
    registry.close().await?;
    case.catch_up(&other).await?;
    same("what stays", keys(&other.list(key).await?), [key])?;
    same("what goes", other.delete(key).await?, 1)
}

async fn the_key_of_a_lock_keeps_its_value(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("lock");
    registry.put(key, "value").await?;
    let before = registry.get(key).await?;
    registry.lock(key).await?.release().await?;
    registry.campaign(key, "me").await?.release().await?;
    same("the entry", registry.get(key).await?, before)?;
    let guard = registry.lock(key).await?;
    registry.put(key, "another").await?;
    registry.txn().check_held(&guard).commit().await?;
    guard.release().await?;
    Ok(())
}

async fn queue_entries_are_ordinary_ephemerals(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let mut watch = Follower::synced(&other, key, Scope::Children).await?;
    let guard = registry.campaign(key, "the holder").await?;
    case.catch_up(&other).await?;
    let name = there("its name", guard.entry().strip_prefix(&format!("{key}/")))?;
    same("the children", other.children(key).await?, [name])?;
    let entry = there("its entry", other.get(guard.entry()).await?)?;
    same("the entry listed", other.list(key).await?.last(), Some(&entry))?;
    same("its owner", entry.ephemeral, Some(registry.session().id()))?;
    same("its value", &entry.value, "the holder")?;
    watch.until("it is told", |state| state.get(guard.entry()) == Some(&entry)).await?;
    let waiting = queue(&other, key, 2).await?;
    watch.until("the next is told", |state| state.len() == 2).await?;
    let owners: Vec<_> = other.list(key).await?.iter().filter_map(|entry| entry.ephemeral).collect();
    holds("it has the other's session", owners.contains(&other.session().id()))?;
    guard.release().await?;
    waiting.done().await?.release().await?;
    watch.until("they are told to be gone", |state| state.is_empty()).await
}

async fn a_key_with_other_descendants_is_no_lock(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let refusal = ErrorKind::HasChildren;
    let own = registry.session().id().to_string();
    // Of the last, the name is one that a queue entry could have, and the mode is not.
    for (number, below) in ["worker", "deep/er", "ephemeral", &format!("{own}-0")].into_iter().enumerate() {
        let key = &case.key(&format!("{number}"));
        let below = &format!("{key}/{below}");
        match number {
            2 => registry.put(below, "").ephemeral().await?,
            _ => registry.put(below, "").await?,
        };
        let what = format!("with {below}");
        refused(&what, registry.lock(key).await, refusal)?;
        refused(&what, registry.lock(key).within(SOON).await, refusal)?;
        refused(&what, registry.try_lock(key).await, refusal)?;
        refused(&what, registry.campaign(key, "").await, refusal)?;
        registry.delete_recursive(key).await?;
        registry.lock(key).await?.release().await?;
    }
    // A lock below is a descendant that is not a queue entry.
    let (above, nested) = (&case.key("above"), &case.key("above/nested"));
    let guard = registry.lock(nested).await?;
    refused("with a lock below", registry.lock(above).await, refusal)?;
    guard.release().await?;
    refused("with a lock's key below", registry.lock(above).await, refusal)?;
    Ok(())
}

async fn an_ephemeral_entry_is_no_lock(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("e");
    other.put(key, "").ephemeral().await?;
    refused("lock", registry.lock(key).await, ErrorKind::EphemeralParent)?;
    refused("try_lock", registry.try_lock(key).await, ErrorKind::EphemeralParent)?;
    refused("a lock below", registry.lock(&case.key("e/below")).await, ErrorKind::EphemeralParent)?;
    same("all there is", registry.children(case.root()).await?, ["e"])
}

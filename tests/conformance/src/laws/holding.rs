//! Locks: loss, the held check, release, and what lies in the registry (contract 6.4 to 6.7).

use std::time::Duration;

use registry_host::{ErrorKind, Scope};

use super::{locks::queue, steps::keys};
use crate::{
    case::Case,
    follower::Follower,
    law::chapter,
    verdict::{SOON, Verdict, eventually, holds, refused, same, there, within},
};

chapter! {
    "6.4" =>
        a_lock_is_lost_when_its_entry_is_deleted,
        a_lock_is_lost_when_its_entry_is_taken_over,
        a_lock_is_lost_when_its_key_goes,
        a_lock_is_lost_when_its_registry_closes,
        a_held_lock_is_not_lost,
        a_waiter_whose_entry_is_deleted_is_told;
    "6.5" =>
        a_write_by_the_holder_is_applied,
        a_write_by_a_former_holder_is_refused,
        a_write_by_a_holder_that_was_pushed_out_is_refused,
        a_held_check_needs_entry_and_token,
        anyone_may_check_that_a_lock_is_held,
        a_queue_entry_made_anew_is_not_the_one_held;
    "6.6" =>
        release_waits_until_it_is_done,
        a_dropped_guard_releases_in_the_background,
        a_lost_lock_may_be_released;
    "6.7" =>
        the_key_of_a_lock_is_a_persistent_entry_that_stays,
        the_key_of_a_lock_keeps_its_value,
        queue_entries_are_ordinary_ephemerals,
        a_key_with_other_descendants_is_no_lock,
        an_ephemeral_entry_is_no_lock;
}

async fn a_lock_is_lost_when_its_entry_is_deleted(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    let waiting = queue(&other, key, 2).await?;
    let lost = guard.lost();
    same("the delete", other.delete(guard.entry()).await?, 1)?;
    let error = within("the loss", SOON, lost).await?;
    same("why", error.kind(), ErrorKind::LockLost)?;
    same("the error's key", error.key(), Some(key.as_str()))?;
    holds("it is known to be lost", guard.is_lost())?;
    same("why, asked again", within("the loss", SOON, guard.lost()).await?.kind(), ErrorKind::LockLost)?;
    waiting.done().await?.release().await?;
    Ok(())
}

async fn a_lock_is_lost_when_its_entry_is_taken_over(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    other.put(guard.entry(), "").ephemeral().await?;
    same("why", within("the loss", SOON, guard.lost()).await?.kind(), ErrorKind::LockLost)?;
    holds("it is known to be lost", guard.is_lost())
}

async fn a_lock_is_lost_when_its_key_goes(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    same("how many go", other.delete_recursive(key).await?, 2)?;
    same("why", within("the loss", SOON, guard.lost()).await?.kind(), ErrorKind::LockLost)?;
    other.try_lock(key).await?.release().await?;
    Ok(())
}

async fn a_lock_is_lost_when_its_registry_closes(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    let lost = guard.lost();
    registry.close().await?;
    within("the loss", SOON, lost).await?;
    holds("it is known to be lost", guard.is_lost())?;
    other.try_lock(key).await?.release().await?;
    Ok(())
}

async fn a_held_lock_is_not_lost(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    // Others come and go beside it.
    for _ in 0..5 {
        refused("try_lock", other.try_lock(key).await, ErrorKind::NotAcquired)?;
        drop(queue(&other, key, 2).await?);
        eventually("it leaves", SOON, async || Ok(registry.children(key).await?.len() == 1)).await?;
    }
    let lost = tokio::time::timeout(Duration::from_millis(300), guard.lost()).await;
    holds(format!("it is not lost: {lost:?}"), lost.is_err() && !guard.is_lost())?;
    registry.txn().check_held(&guard).commit().await?;
    guard.release().await?;
    Ok(())
}

async fn a_waiter_whose_entry_is_deleted_is_told(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = case.key("lock");
    let guard = registry.lock(&key).await?;
    let (client, lock) = (other.clone(), key.clone());
    let waiting = super::steps::beside(async move { Verdict::Ok(client.lock(&lock).await) });
    eventually("it queues", SOON, async || Ok(registry.children(&key).await?.len() == 2)).await?;
    for entry in registry.list(&key).await? {
        if entry.is_ephemeral() && entry.key != guard.entry() {
            same("the delete", registry.delete(&entry.key).await?, 1)?;
        }
    }
    // At the latest when it would be its turn.
    guard.release().await?;
    let told = waiting.done().await?;
    same("what it is told", told.err().map(|error| error.kind()), Some(ErrorKind::LockLost))?;
    registry.try_lock(&key).await?.release().await?;
    Ok(())
}

async fn a_write_by_the_holder_is_applied(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("task");
    let guard = registry.lock(&case.key("lock")).await?;
    registry.txn().check_held(&guard).put(key, "taken").commit().await?;
    registry.txn().check_held(&guard).check_present(key).delete(key).put_ephemeral(&case.key("e"), "").commit().await?;
    registry.txn().check_held(&guard).commit().await?;
    same("what was deleted", registry.get(key).await?, None)?;
    guard.release().await?;
    Ok(())
}

async fn a_write_by_a_former_holder_is_refused(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let (lock, key) = (&case.key("lock"), &case.key("task"));
    let former = registry.lock(lock).await?;
    let held = former.held().clone();
    former.release().await?;
    let write =
        || registry.txn().check_present(case.root()).check_held_entry(&held.entry, held.token).put(key, "").commit();
    let error = refused("while nobody holds it", write().await, ErrorKind::ConditionFailed)?;
    same("what failed", error.failed_checks(), [1])?;
    let next = other.lock(lock).await?;
    refused("while another holds it", write().await, ErrorKind::ConditionFailed)?;
    let again = queue(&registry, lock, 2).await?;
    refused("while it waits again", write().await, ErrorKind::ConditionFailed)?;
    next.release().await?;
    let again = again.done().await?;
    refused("while it holds it again", write().await, ErrorKind::ConditionFailed)?;
    again.release().await?;
    same("what was written", registry.get(key).await?, None)
}

async fn a_write_by_a_holder_that_was_pushed_out_is_refused(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let (lock, key) = (&case.key("lock"), &case.key("task"));
    let guard = registry.lock(lock).await?;
    other.delete(guard.entry()).await?;
    // Refused by the backend, whether the loss is known here or not.
    let write = registry.txn().check_held(&guard).put(key, "").commit().await;
    refused("a write", write, ErrorKind::ConditionFailed)?;
    let closing = case.client().await?;
    let guard = closing.lock(lock).await?;
    let held = guard.held().clone();
    closing.close().await?;
    let write = registry.txn().check_held_entry(&held.entry, held.token).put(key, "").commit().await;
    refused("a write once the holder's session is over", write, ErrorKind::ConditionFailed)?;
    same("what was written", registry.get(key).await?, None)
}

async fn a_held_check_needs_entry_and_token(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (guard, another) = (registry.lock(&case.key("lock")).await?, registry.lock(&case.key("another")).await?);
    let failed = ErrorKind::ConditionFailed;
    for (entry, token) in [
        (guard.entry(), guard.token() + 1),
        (guard.entry(), guard.token() - 1),
        (guard.entry(), 0),
        (guard.entry(), another.token()),
        (another.entry(), guard.token()),
        (guard.key(), guard.token()),
        (&case.key("missing"), guard.token()),
        (&case.key("missing"), 0),
    ] {
        let checked = registry.txn().check_held_entry(entry, token).commit().await;
        refused(format!("{entry} with {token}"), checked, failed)?;
    }
    registry.txn().check_held(&guard).check_held(&another).commit().await?;
    // A persistent entry is no lock that is held, whatever its number.
    let key = &case.key("key");
    registry.put(key, "").await?;
    let created = there("the entry", registry.get(key).await?)?.created;
    let checked = registry.txn().check_held_entry(key, created).commit().await;
    refused("a persistent entry", checked, failed)?;
    guard.release().await?;
    another.release().await?;
    Ok(())
}

async fn anyone_may_check_that_a_lock_is_held(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let guard = registry.lock(&case.key("lock")).await?;
    let key = &case.key("task");
    other.txn().check_held(&guard).put(key, "by order").commit().await?;
    same("the value", there("it", registry.get(key).await?)?.value, "by order")?;
    let held = guard.held().clone();
    guard.release().await?;
    let late = other.txn().check_held_entry(&held.entry, held.token).put(key, "late").commit().await;
    refused("afterwards", late, ErrorKind::ConditionFailed)?;
    Ok(())
}

async fn a_queue_entry_made_anew_is_not_the_one_held(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let guard = registry.lock(&case.key("lock")).await?;
    other.delete(guard.entry()).await?;
    for client in [&other, &registry] {
        client.put(guard.entry(), "").ephemeral().await?;
        let late = registry.txn().check_held(&guard).put(&case.key("task"), "").commit().await;
        refused("a write", late, ErrorKind::ConditionFailed)?;
    }
    within("the loss", SOON, guard.lost()).await?;
    registry.delete(guard.entry()).await?;
    Ok(())
}

async fn release_waits_until_it_is_done(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    for number in 0..15 {
        let (holder, next) = if number % 2 == 0 { (&registry, &other) } else { (&other, &registry) };
        let guard = holder.lock(key).await?;
        let entry = guard.entry().to_owned();
        guard.release().await?;
        same("its entry", next.get(&entry).await?, None)?;
        next.try_lock(key).await?.release().await?;
    }
    Ok(())
}

async fn a_dropped_guard_releases_in_the_background(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    for client in [&registry, &other] {
        let guard = client.lock(key).await?;
        let waiting = queue(&registry, key, 2).await?;
        drop(guard);
        waiting.done().await?.release().await?;
        drop(client.lock(key).await?);
        eventually("its entry goes", SOON, async || Ok(other.children(key).await?.is_empty())).await?;
    }
    Ok(())
}

async fn a_lost_lock_may_be_released(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    other.delete(guard.entry()).await?;
    guard.release().await?;
    let guard = registry.lock(key).await?;
    other.delete_recursive(key).await?;
    within("the loss", SOON, guard.lost()).await?;
    guard.release().await?;
    let guard = registry.lock(key).await?;
    other.delete(guard.entry()).await?;
    drop(guard);
    within("the next", SOON, other.lock(key).into_future()).await??.release().await?;
    Ok(())
}

async fn the_key_of_a_lock_is_a_persistent_entry_that_stays(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("a/lock");
    let guard = registry.lock(key).await?;
    for above in [key, &case.key("a")] {
        let entry = there(above, other.get(above).await?)?;
        same("its owner", entry.ephemeral, None)?;
        same("its value", entry.value.len(), 0)?;
    }
    guard.release().await?;
    registry.close().await?;
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
    // A lock below is a descendant that is no queue entry.
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

//! Locks: loss and release (contract 6.4 and 6.6).

use std::time::Duration;

use registry_host::ErrorKind;

use super::locks::queue;
use crate::{
    case::Case,
    law::chapter,
    verdict::{SOON, Verdict, eventually, holds, refused, same, within},
};

chapter! {
    "6.4" =>
        a_lock_is_lost_when_its_entry_is_deleted,
        a_lock_is_lost_when_its_entry_is_taken_over,
        a_lock_is_lost_when_its_key_goes,
        a_lock_is_lost_when_its_registry_closes,
        a_held_lock_is_not_lost,
        a_waiter_whose_entry_is_deleted_is_told;
    "6.6" =>
        release_waits_until_it_is_done,
        a_dropped_guard_releases_in_the_background,
        a_lost_lock_may_be_released;
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

async fn release_waits_until_it_is_done(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    for number in 0..15 {
        let (holder, next) = if number % 2 == 0 { (&registry, &other) } else { (&other, &registry) };
        let guard = holder.lock(key).await?;
        let entry = guard.entry().to_owned();
        guard.release().await?;
        case.catch_up(next).await?;
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

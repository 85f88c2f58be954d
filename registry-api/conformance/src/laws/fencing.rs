//! Locks: the held check (contract 6.5).

use registry_host::ErrorKind;

use super::locks::queue;
use crate::{
    case::Case,
    law::chapter,
    verdict::{SOON, Verdict, refused, same, there, within},
};

chapter! {
    "6.5" =>
        a_write_by_the_holder_is_applied,
        a_write_by_a_former_holder_is_refused,
        a_write_by_a_displaced_holder_is_refused,
        a_held_check_needs_entry_and_token,
        anyone_may_check_that_a_lock_is_held,
        a_queue_entry_recreated_is_not_the_one_held;
}

async fn a_write_by_the_holder_is_applied(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("task");
    let guard = registry.lock(&case.key("lock")).await?;
    registry.txn().check_held(&guard).put(key, "taken").commit().await?;
    registry
        .txn()
        .check_held(&guard)
        .check_present(key)
        .delete(key)
        .put(&case.key("e"), "")
        .ephemeral()
        .commit()
        .await?;
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

async fn a_write_by_a_displaced_holder_is_refused(case: &Case) -> Verdict {
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
    refused("a write once the holder's session has ended", write, ErrorKind::ConditionFailed)?;
    same("what was written", registry.get(key).await?, None)
}

async fn a_held_check_needs_entry_and_token(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (guard, another) = (registry.lock(&case.key("lock")).await?, registry.lock(&case.key("another")).await?);
    let failed = ErrorKind::ConditionFailed;
    for (entry, token) in [
        (guard.entry(), (guard.token().get() + 1).into()),
        (guard.entry(), (guard.token().get() - 1).into()),
        (guard.entry(), 0.into()),
        (guard.entry(), another.token()),
        (another.entry(), guard.token()),
        (guard.key(), guard.token()),
        (&case.key("missing"), guard.token()),
        (&case.key("missing"), 0.into()),
    ] {
        let checked = registry.txn().check_held_entry(entry, token).commit().await;
        refused(format!("{entry} with {token}"), checked, failed)?;
    }
    registry.txn().check_held(&guard).check_held(&another).commit().await?;
    // A persistent entry is not a lock that is held, whatever its number.
    let key = &case.key("key");
    registry.put(key, "").await?;
    let created = there("the entry", registry.get(key).await?)?.created;
    let checked = registry.txn().check_held_entry(key, created.into()).commit().await;
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
    case.catch_up(&registry).await?;
    same("the value", there("it", registry.get(key).await?)?.value, "by order")?;
    let held = guard.held().clone();
    guard.release().await?;
    let late = other.txn().check_held_entry(&held.entry, held.token).put(key, "late").commit().await;
    refused("afterwards", late, ErrorKind::ConditionFailed)?;
    Ok(())
}

async fn a_queue_entry_recreated_is_not_the_one_held(case: &Case) -> Verdict {
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

//! Deadlines and cancellation (contract 4.5).

use std::time::{Duration, Instant};

use registry_host::{ErrorKind, Outcome, Registry, Result, Scope};

use super::steps::{beside, polled};
use crate::{
    case::Case,
    court::Terms,
    follower::Follower,
    law::chapter,
    pace,
    verdict::{Failure, SOON, Verdict, eventually, holds, same, there, within},
};

chapter! {
    "4.5" =>
        a_call_ends_by_its_deadline,
        a_read_ends_by_the_deadline_of_its_registry,
        a_lock_without_a_limit_outwaits_every_deadline,
        every_future_may_be_dropped_at_each_await,
        a_dropped_lock_leaves_the_queue,
        a_dropped_lock_is_not_had_later,
        a_thousand_dropped_futures_leave_nothing,
        a_dropped_close_goes_on;
}

/// An answer that is good, or says that the time was up.
fn answered<T>(what: &str, result: Result<T>) -> Verdict {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::Timeout => Ok(()),
        Err(error) => {
            Err(Failure::new(format!("{what}: expected an answer or Timeout, came {}: {error}", error.kind())))
        }
    }
}

async fn a_call_ends_by_its_deadline(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    for limit in [Duration::ZERO, Duration::from_micros(50), Duration::from_millis(1), Duration::from_millis(20)] {
        let begun = Instant::now();
        answered("put", registry.put(key, "").timeout(limit).await)?;
        answered("an ephemeral put", registry.put(key, "").ephemeral().timeout(limit).await)?;
        answered("txn", registry.txn().put(key, "").check_absent(&case.key("x")).timeout(limit).commit().await)?;
        answered("delete", registry.delete(key).timeout(limit).await)?;
        answered("delete_recursive", registry.delete_recursive(key).timeout(limit).await)?;
        holds(format!("all end soon after {limit:?}"), pace::is_within(SOON, begun).await)?;
    }
    // It works as before.
    let version = registry.put(key, "after").await?;
    same("the version", there("it", registry.get(key).await?)?.version, version)
}

/// A client whose calls have about so long: a deadline that is too short for opening is doubled until it is not.
async fn hasty(case: &Case, shortest: Duration) -> Verdict<(Registry, Duration)> {
    let mut limit = shortest;
    loop {
        match case.client_alone(Terms { operation_timeout: Some(limit), ..Terms::default() }).await {
            Ok(registry) => return Ok((registry, limit)),
            Err(failure) if limit > SOON => return Err(failure),
            Err(_) => limit *= 2,
        }
    }
}

async fn a_read_ends_by_the_deadline_of_its_registry(case: &Case) -> Verdict {
    let (registry, limit) = hasty(case, Duration::from_millis(2)).await?;
    let key = &case.key("key");
    let begun = Instant::now();
    for _ in 0..10 {
        answered("get", registry.get(key).await)?;
        answered("list", registry.list(key).await)?;
        answered("watch", registry.watch(key, Scope::Subtree).await)?;
        answered("leader", registry.leader(key).await)?;
        match registry.children(key).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => answered("children", result)?,
        }
        match registry.get(key).await {
            Err(error) => same("the outcome of a read", error.outcome(), Outcome::NotApplied)?,
            Ok(found) => same("what is read", found, None)?,
        }
    }
    holds("all end soon", pace::is_within(SOON + limit * 60, begun).await)?;
    answered("close", registry.close().await)
}

async fn a_lock_without_a_limit_outwaits_every_deadline(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (waiter, patient) = hasty(case, Duration::from_millis(400)).await?;
    let key = case.key("lock");
    let guard = registry.lock(&key).await?;
    let mut waiting = std::pin::pin!(async { waiter.lock(&key).await });
    let waited = tokio::time::timeout(patient * 4, &mut waiting).await;
    holds(format!("it waits on: {waited:?}"), waited.is_err())?;
    guard.release().await?;
    within("the lock", SOON, waiting).await??.release().await?;
    waiter.close().await?;
    Ok(())
}

async fn every_future_may_be_dropped_at_each_await(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (key, lock) = (&case.key("a/key"), &case.key("lock"));
    for polls in 0..10 {
        registry.put(key, "").await?;
        polled(polls, registry.get(key)).await;
        polled(polls, registry.children(key)).await;
        polled(polls, registry.list(key)).await;
        polled(polls, registry.server()).await;
        polled(polls, registry.watch(key, Scope::Subtree)).await;
        polled(polls, registry.leader(lock)).await;
        polled(polls, registry.observe(lock)).await;
        polled(polls, registry.put(key, "dropped").into_future()).await;
        polled(polls, registry.put(key, "dropped").ephemeral().into_future()).await;
        polled(polls, registry.txn().put(key, "").check_present(key).commit()).await;
        polled(polls, registry.delete(key).into_future()).await;
        polled(polls, registry.delete_recursive(key).into_future()).await;
        polled(polls, registry.try_lock(lock).into_future()).await;
        polled(polls, registry.lock(lock).into_future()).await;
        polled(polls, registry.lock(lock).within(SOON).into_future()).await;
        polled(polls, registry.campaign(lock, "").into_future()).await;
        let guard = within("the lock afterwards", SOON, registry.lock(lock).into_future()).await??;
        polled(polls, guard.lost()).await;
        polled(polls, guard.release()).await;
    }
    free(&registry, lock).await?;
    // What was dropped may still be written, until something later has been.
    eventually("what is put stays", SOON, async || {
        let version = registry.put(key, "").await?;
        Ok(registry.get(key).await?.is_some_and(|entry| entry.version == version))
    })
    .await?;
    Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    Ok(())
}

/// Nobody holds the lock or waits for it, sooner or later.
async fn free(registry: &Registry, lock: &str) -> Verdict {
    eventually("the queue is left", SOON, async || match registry.children(lock).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        queue => Ok(queue?.is_empty()),
    })
    .await
}

async fn a_dropped_lock_leaves_the_queue(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    for polls in 1..12 {
        for client in [&registry, &other] {
            polled(polls, client.lock(key).into_future()).await;
            polled(polls, client.campaign(key, "me").into_future()).await;
        }
    }
    // Also once it is known to stand in the queue.
    for client in [&registry, &other] {
        let (waiter, lock) = (client.clone(), key.clone());
        let waiting = beside(async move { Ok(waiter.lock(&lock).await?) });
        eventually("it queues", SOON, async || Ok(registry.children(key).await?.len() > 1)).await?;
        drop(waiting);
        eventually("it leaves", SOON, async || Ok(registry.children(key).await?.len() == 1)).await?;
    }
    same(
        "who is left",
        registry.list(key).await?.last().map(|entry| entry.key.clone()),
        Some(guard.entry().to_owned()),
    )?;
    guard.release().await?;
    free(&registry, key).await
}

async fn a_dropped_lock_is_not_had_later(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    for polls in 1..8 {
        let guard = registry.lock(key).await?;
        polled(polls, other.lock(key).into_future()).await;
        polled(polls, registry.lock(key).into_future()).await;
        guard.release().await?;
        // Nobody is in front for long.
        within("the next", SOON, other.lock(key).into_future()).await??.release().await?;
    }
    free(&registry, key).await
}

async fn a_thousand_dropped_futures_leave_nothing(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("lock");
    for number in 0..250 {
        let polls = number % 5;
        polled(polls, registry.lock(key).into_future()).await;
        polled(polls, registry.try_lock(key).into_future()).await;
        polled(polls, registry.watch(key, Scope::Subtree)).await;
        polled(polls, registry.list(case.root())).await;
    }
    free(&registry, key).await?;
    within("a lock", SOON, registry.lock(key).into_future()).await??.release().await?;
    same("all there is", registry.list(key).await?.len(), 1)
}

async fn a_dropped_close_goes_on(case: &Case) -> Verdict {
    let other = case.client().await?;
    for polls in 1..4 {
        let long = Terms { session_timeout: Some(SOON * 4), ..Terms::default() };
        let registry = case.client_on(long).await?;
        let key = &case.key("e");
        registry.put(key, "").ephemeral().await?;
        polled(polls, registry.close()).await;
        eventually("what it owned is gone", SOON, async || Ok(other.get(key).await?.is_none())).await?;
    }
    Ok(())
}

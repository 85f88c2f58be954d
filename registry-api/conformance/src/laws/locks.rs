//! Locks: the queue (contract 6.1).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use registry_host::{ErrorKind, Guard, Registry};

use super::steps::{Beside, beside};
use crate::{
    case::Case,
    law::chapter,
    verdict::{SOON, Verdict, eventually, holds, refused, same, there},
};

chapter! {
    "6.1" =>
        a_lock_is_had_in_the_order_of_asking,
        a_free_lock_is_had_at_once,
        try_lock_fails_if_anyone_holds,
        try_lock_fails_if_anyone_waits,
        of_many_that_try_a_free_lock_one_wins,
        a_limit_leaves_the_queue,
        a_waiter_that_leaves_lets_the_next_pass,
        locks_of_different_keys_are_apart;
}

/// How many stand in the queue as the client sees it, which may not have heard of the lock at all.
pub(super) async fn length(client: &Registry, key: &str) -> Verdict<usize> {
    match client.children(key).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        names => Ok(names?.len()),
    }
}

/// Asks for a lock beside the law, and waits until the request stands in the queue as its `place`th.
pub(super) async fn queue(client: &Registry, key: &str, place: usize) -> Verdict<Beside<Guard>> {
    let (asking, lock) = (client.clone(), key.to_owned());
    let asked = beside(async move { Ok(asking.lock(&lock).await?) });
    eventually(format!("request {place} stands in the queue"), SOON, async || Ok(length(client, key).await? == place))
        .await?;
    Ok(asked)
}

async fn a_lock_is_had_in_the_order_of_asking(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    let key = &case.key("lock");
    let guard = clients[0].lock(key).await?;
    let had = Arc::new(AtomicUsize::new(0));
    let mut waiting = Vec::new();
    for number in 0..8 {
        let (client, lock, had) = (clients[(number / 2) % 2].clone(), key.clone(), had.clone());
        waiting.push(beside(async move {
            let guard = client.lock(&lock).await?;
            same("who had it before", had.fetch_add(1, Ordering::SeqCst), number)?;
            guard.release().await?;
            Ok(())
        }));
        eventually("the request stands in the queue", SOON, async || Ok(length(&clients[0], key).await? == number + 2))
            .await?;
    }
    same("who had it while it was held", had.load(Ordering::SeqCst), 0)?;
    guard.release().await?;
    for waiting in waiting {
        waiting.done().await?;
    }
    Ok(())
}

async fn a_free_lock_is_had_at_once(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("a/b/lock");
    for _ in 0..5 {
        for client in [&registry, &other] {
            client.lock(key).await?.release().await?;
            client.lock(key).within(SOON).await?.release().await?;
            client.try_lock(key).await?.release().await?;
            client.campaign(key, "me").await?.release().await?;
        }
    }
    case.catch_up(&registry).await?;
    same("the queue", registry.children(key).await?.len(), 0)
}

async fn try_lock_fails_if_anyone_holds(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    for client in [&registry, &other] {
        let error = refused("try_lock", client.try_lock(key).await, ErrorKind::NotAcquired)?;
        holds("trying again can help", error.is_retryable())?;
        refused("try_lock with a limit", client.try_lock(key).within(SOON).await, ErrorKind::NotAcquired)?;
    }
    eventually("they are out of the queue", SOON, async || Ok(length(&registry, key).await? == 1)).await?;
    guard.release().await?;
    other.try_lock(key).await?.release().await?;
    Ok(())
}

async fn try_lock_fails_if_anyone_waits(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    let waiting = queue(&other, key, 2).await?;
    refused("while one holds and one waits", registry.try_lock(key).await, ErrorKind::NotAcquired)?;
    // A waiter goes first when the holder leaves.
    let (released, tried) = tokio::join!(guard.release(), async { registry.try_lock(key).await });
    released?;
    refused("while it passes on", tried, ErrorKind::NotAcquired)?;
    let next = waiting.done().await?;
    refused("while the next holds", registry.try_lock(key).await, ErrorKind::NotAcquired)?;
    next.release().await?;
    Ok(())
}

async fn of_many_that_try_a_free_lock_one_wins(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    for round in 0..15 {
        // Every other round the lock's key is new.
        let key = &case.key(&format!("lock/{}", round / 2));
        let tries = (0..10_usize).map(|number| clients[number % 2].try_lock(key).into_future());
        let mut winner = None;
        for tried in join_all(tries).await {
            match tried {
                Ok(guard) => holds("there is one winner", winner.replace(guard).is_none())?,
                error => drop(refused("try_lock", error, ErrorKind::NotAcquired)?),
            }
        }
        there("a winner", winner)?.release().await?;
    }
    Ok(())
}

async fn a_limit_leaves_the_queue(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    for limit in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(50), Duration::from_millis(300)] {
        for client in [&registry, &other] {
            refused("a lock within a limit", client.lock(key).within(limit).await, ErrorKind::NotAcquired)?;
            refused("a campaign", client.campaign(key, "").within(limit).await, ErrorKind::NotAcquired)?;
        }
    }
    eventually("they are out of the queue", SOON, async || Ok(length(&registry, key).await? == 1)).await?;
    // The limit is one of waiting, not of holding.
    guard.release().await?;
    let mut limit = Duration::from_millis(300);
    let guard = loop {
        match registry.lock(key).within(limit).await {
            Ok(guard) => break guard,
            // A slow machine takes longer than that to ask for a lock which is free.
            Err(error) if error.kind() == ErrorKind::NotAcquired && limit < SOON => limit *= 2,
            Err(error) => return Err(error.into()),
        }
    };
    let lost = tokio::time::timeout(limit * 2, guard.lost()).await;
    holds(format!("it is held on: {lost:?}"), lost.is_err() && !guard.is_lost())?;
    registry.txn().check_held(&guard).commit().await?;
    guard.release().await?;
    Ok(())
}

async fn a_waiter_that_leaves_lets_the_next_pass(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    let leaves = queue(&other, key, 2).await?;
    let next = queue(&registry, key, 3).await?;
    let last = queue(&other, key, 4).await?;
    drop(leaves);
    eventually("it leaves", SOON, async || Ok(registry.children(key).await?.len() == 3)).await?;
    guard.release().await?;
    let guard = next.done().await?;
    guard.release().await?;
    last.done().await?.release().await?;
    Ok(())
}

async fn locks_of_different_keys_are_apart(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let mut guards = Vec::new();
    for name in ["a", "ab", "a-", "a!", "b", "c/a"] {
        let key = case.key(name);
        guards.push(registry.try_lock(&key).await?);
        refused("the same", other.try_lock(&key).await, ErrorKind::NotAcquired)?;
    }
    for guard in guards {
        guard.release().await?;
    }
    Ok(())
}

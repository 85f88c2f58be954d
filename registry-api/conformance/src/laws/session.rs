//! The session: one for all, its end, its states (contract 4.1 to 4.3).

use std::time::Duration;

use futures_util::future::try_join_all;
use registry_host::{ErrorKind, Registry, Scope, SessionState};

use super::{
    locks::length,
    steps::{beside, insist, numbered, put_all},
};
use crate::{
    case::Case,
    court::Terms,
    follower::Follower,
    law::chapter,
    verdict::{SOON, Verdict, eventually, holds, refused, same, there, within},
};

chapter! {
    "4.1" =>
        a_thousand_ephemerals_and_locks_are_one_session,
        clones_share_their_session;
    "4.2" =>
        ephemerals_are_gone_before_close_returns,
        locks_are_gone_before_close_returns,
        a_waiting_lock_ends_with_its_registry,
        a_closed_registry_refuses_every_call,
        dropping_the_last_registry_closes_it,
        dropping_the_last_registry_frees_what_it_locked,
        dropping_a_clone_closes_nothing,
        an_abandoned_session_keeps_what_it_owns,
        an_abandoned_session_is_gone_after_its_timeout,
        what_an_abandoned_session_does_not_own_stays,
        a_lock_passes_on_when_its_holder_dies;
    "4.3" =>
        a_session_is_connected_and_then_closed;
}

/// As short as any backend has it.
const SHORT: Duration = Duration::from_secs(3);

/// As long as any backend has it, so that nothing goes by a timeout while the law runs.
const LONG: Duration = Duration::from_secs(40);

/// How long after the timeout what a session owned may stay, and the time that a busy machine takes.
const AFTER: Duration = Duration::from_secs(2 + 2);

fn lasting(session_timeout: Duration) -> Terms {
    Terms { session_timeout: Some(session_timeout), ..Terms::default() }
}

async fn a_thousand_ephemerals_and_locks_are_one_session(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let session = registry.session().id();
    put_all(&registry, &numbered(&case.key("e"), 1_000), "", true).await?;
    let locks = numbered(&case.key("lock"), 100);
    let guards = try_join_all(locks.iter().map(|key| async { registry.lock(key).await })).await?;
    same("the session afterwards", registry.session().id(), session)?;
    case.catch_up(&other).await?;
    let listed = other.list(case.root()).await?;
    let owned = listed.iter().filter(|entry| entry.is_ephemeral());
    same("how many it owns", owned.clone().filter(|entry| entry.ephemeral == Some(session)).count(), 1_100)?;
    same("how many others own", owned.count(), 1_100)?;
    registry.close().await?;
    case.catch_up(&other).await?;
    let listed = other.list(case.root()).await?;
    same("how many are left", listed.iter().filter(|entry| entry.is_ephemeral()).count(), 0)?;
    for guard in &guards {
        within("the loss of each lock", SOON, guard.lost()).await?;
    }
    other.try_lock(&locks[50]).await?.release().await?;
    Ok(())
}

async fn clones_share_their_session(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let clone = registry.clone();
    same("the session", clone.session().id(), registry.session().id())?;
    clone.put(&case.key("e"), "").ephemeral().await?;
    let owner = there("it", registry.get(&case.key("e")).await?)?.ephemeral;
    same("the owner", owner, Some(registry.session().id()))
}

async fn ephemerals_are_gone_before_close_returns(case: &Case) -> Verdict {
    let other = case.client().await?;
    for round in 0..10 {
        let registry = case.client_on(lasting(LONG)).await?;
        let (ephemeral, persistent) = (&case.key("a/e"), &case.key(&format!("p/{round}")));
        registry.put(ephemeral, "").ephemeral().await?;
        registry.put(persistent, "").await?;
        registry.close().await?;
        case.catch_up(&other).await?;
        same("the ephemeral", other.get(ephemeral).await?, None)?;
        same("the persistent", other.get(persistent).await?.is_some(), true)?;
    }
    same("the children", other.children(&case.key("a")).await?.len(), 0)
}

async fn locks_are_gone_before_close_returns(case: &Case) -> Verdict {
    let other = case.client().await?;
    let key = &case.key("lock");
    for _ in 0..5 {
        let registry = case.client_on(lasting(LONG)).await?;
        let guard = registry.lock(key).await?;
        refused("while it is held", other.try_lock(key).await, ErrorKind::NotAcquired)?;
        registry.close().await?;
        case.catch_up(&other).await?;
        same("the queue", other.children(key).await?.len(), 0)?;
        other.try_lock(key).await?.release().await?;
        drop(guard);
    }
    Ok(())
}

async fn a_waiting_lock_ends_with_its_registry(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client_on(lasting(LONG)).await?);
    let key = case.key("lock");
    let guard = registry.lock(&key).await?;
    let waiting = {
        let (other, key) = (other.clone(), key.clone());
        beside(async move { Verdict::Ok(other.lock(&key).await.map(drop)) })
    };
    eventually("it queues", SOON, async || Ok(length(&registry, &key).await? == 2)).await?;
    other.close().await?;
    let ended = waiting.done().await?;
    let kind = ended.as_ref().err().map(|error| error.kind());
    holds(
        format!("it ends with Closed, SessionLost or LockLost: {ended:?}"),
        matches!(kind, Some(ErrorKind::Closed | ErrorKind::SessionLost | ErrorKind::LockLost)),
    )?;
    case.catch_up(&registry).await?;
    same("the queue", registry.children(&key).await?.len(), 1)?;
    guard.release().await?;
    Ok(())
}

async fn a_closed_registry_refuses_every_call(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    registry.put(key, "").await?;
    let mut watch = Follower::unread(&registry, key, Scope::Node).await?;
    let guard = registry.lock(&case.key("lock")).await?;
    registry.close().await?;
    let closed = ErrorKind::Closed;
    refused("get", registry.get(key).await, closed)?;
    refused("children", registry.children(key).await, closed)?;
    refused("list", registry.list(key).await, closed)?;
    refused("put", registry.put(key, "").await, closed)?;
    refused("delete", registry.delete(key).await, closed)?;
    refused("delete_recursive", registry.delete_recursive(key).await, closed)?;
    refused("commit", registry.txn().check_absent(key).commit().await, closed)?;
    refused("watch", registry.watch(key, Scope::Node).await, closed)?;
    refused("lock", registry.lock(&case.key("lock")).await, closed)?;
    refused("try_lock", registry.try_lock(&case.key("lock")).await, closed)?;
    refused("campaign", registry.campaign(&case.key("lock"), "").await, closed)?;
    refused("leader", registry.leader(&case.key("lock")).await, closed)?;
    refused("server", registry.server().await, closed)?;
    refused("close", registry.close().await, closed)?;
    within("the loss of its lock", SOON, guard.lost()).await?;
    refused("release", guard.release().await, closed)?;
    // What was told before may still be read, then the watch ends.
    within("the end of its watch", SOON, async { while watch.next().await.is_ok() {} }).await
}

async fn dropping_the_last_registry_closes_it(case: &Case) -> Verdict {
    let other = case.client().await?;
    let registry = case.client_alone(lasting(LONG)).await?;
    let key = &case.key("a/e");
    registry.put(key, "").ephemeral().await?;
    drop(registry);
    eventually("what it owned is gone long before its timeout", SOON, async || Ok(other.get(key).await?.is_none()))
        .await
}

async fn dropping_the_last_registry_frees_what_it_locked(case: &Case) -> Verdict {
    let other = case.client().await?;
    let registry = case.client_alone(lasting(LONG)).await?;
    let key = &case.key("lock");
    let guard = registry.lock(key).await?;
    let mut watch = Follower::synced(&registry, key, Scope::Node).await?;
    // A guard and a watch that are kept keep nothing alive.
    drop(registry);
    within("the loss", SOON, guard.lost()).await?;
    within("the end of the watch", SOON, async { while watch.next().await.is_ok() {} }).await?;
    within("the lock", SOON, other.lock(key).into_future()).await??.release().await?;
    drop(guard);
    Ok(())
}

async fn dropping_a_clone_closes_nothing(case: &Case) -> Verdict {
    let other = case.client().await?;
    let registry = case.client_alone(Terms::default()).await?;
    let key = &case.key("e");
    registry.clone().put(key, "").ephemeral().await?;
    drop(registry.clone());
    let session = registry.session();
    registry.put(&case.key("f"), "").ephemeral().await?;
    same("the state", session.state(), SessionState::Connected)?;
    case.catch_up(&other).await?;
    same("the entry", other.get(key).await?.is_some(), true)?;
    registry.close().await?;
    Ok(())
}

async fn an_abandoned_session_keeps_what_it_owns(case: &Case) -> Verdict {
    let (registry, other) = (case.client_on(lasting(LONG)).await?, case.client().await?);
    let (key, lock) = (&case.key("e"), &case.key("lock"));
    registry.put(key, "").ephemeral().await?;
    let guard = registry.lock(lock).await?;
    registry.abandon();
    refused("a call afterwards", registry.get(key).await, ErrorKind::Closed)?;
    drop((guard, registry));
    case.catch_up(&other).await?;
    same("the entry", other.get(key).await?.is_some(), true)?;
    refused("the lock", other.try_lock(lock).await, ErrorKind::NotAcquired)?;
    Ok(())
}

/// A client with a short session, and how long what it owns may stay.
async fn mortal(case: &Case) -> Verdict<(Registry, Duration)> {
    let registry = case.client_on(lasting(SHORT)).await?;
    let timeout = registry.session().timeout();
    holds(format!("a short timeout is granted: {timeout:?}"), timeout >= SHORT && timeout <= SHORT * 5)?;
    Ok((registry, timeout + AFTER))
}

async fn an_abandoned_session_is_gone_after_its_timeout(case: &Case) -> Verdict {
    let ((registry, limit), other) = (mortal(case).await?, case.client().await?);
    let many = numbered(&case.key("e"), 50);
    insist(|| put_all(&registry, &many, "", true)).await?;
    case.catch_up(&other).await?;
    let mut watch = Follower::synced(&other, &case.key("e"), Scope::Children).await?;
    same("what is watched", watch.state.len(), many.len())?;
    // Its handle is kept: what is abandoned is as good as dead all the same.
    registry.abandon();
    eventually("what it owned is gone", limit, async || Ok(other.children(&case.key("e")).await?.is_empty())).await?;
    watch.until("a watch is told", |state| state.is_empty()).await
}

async fn what_an_abandoned_session_does_not_own_stays(case: &Case) -> Verdict {
    let ((registry, limit), other) = (mortal(case).await?, case.client().await?);
    let (mine, taken, kept) = (&case.key("mine"), &case.key("taken"), &case.key("kept"));
    for key in [mine, taken, kept] {
        insist(|| registry.put(key, Vec::new()).ephemeral()).await?;
    }
    other.put(taken, "").ephemeral().await?;
    insist(|| registry.put(kept, Vec::new())).await?;
    registry.abandon();
    case.catch_up(&other).await?;
    eventually("what it owned is gone", limit, async || Ok(other.get(mine).await?.is_none())).await?;
    same("what is left", other.children(case.root()).await?, ["kept", "taken"])
}

async fn a_lock_passes_on_when_its_holder_dies(case: &Case) -> Verdict {
    let ((registry, limit), other) = (mortal(case).await?, case.client().await?);
    let key = &case.key("lock");
    let former = registry.lock(key).await?;
    registry.abandon();
    let guard = other.lock(key).within(limit).await?;
    holds("the token has grown", guard.token() > former.token())?;
    guard.release().await?;
    Ok(())
}

async fn a_session_is_connected_and_then_closed(case: &Case) -> Verdict {
    let registry = case.client_alone(Terms::default()).await?;
    let session = registry.session();
    let mut states = session.states();
    same("the state", session.state(), SessionState::Connected)?;
    same("the state told first", within("a state", SOON, states.next()).await?, Some(SessionState::Connected))?;
    holds("it has a timeout", session.timeout() > Duration::ZERO)?;
    registry.close().await?;
    same("the state told next", within("a state", SOON, states.next()).await?, Some(SessionState::Closed))?;
    same("the state", session.state(), SessionState::Closed)?;
    same("what a late reader is told", session.states().next().await, Some(SessionState::Closed))?;
    drop((registry, session));
    same("the end", within("the end", SOON, states.next()).await?, None)
}

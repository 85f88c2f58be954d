//! Leadership: a lock with a value that observers read and watch (contract 6.8).

use registry_host::{ErrorKind, Leader, Observer, Registry};

use super::{
    locks::{length, queue},
    steps::beside,
};
use crate::{
    case::Case,
    law::chapter,
    verdict::{SOON, Verdict, eventually, holds, refused, same, there, within},
};

chapter! {
    "6.8" =>
        a_leader_is_read_with_its_value,
        an_observer_is_told_of_every_change_of_leader,
        leaders_follow_in_the_order_of_campaigning,
        a_leader_that_closes_is_one_no_more,
        a_campaign_and_a_lock_exclude_each_other;
}

fn value(leader: Option<Leader>) -> Option<String> {
    leader.map(|leader| String::from_utf8_lossy(leader.value()).into_owned())
}

/// What the observer is told next.
async fn told(observer: &mut Observer) -> Verdict<Option<String>> {
    Ok(value(there("a leader", within("the next leader", SOON, observer.next()).await?)??))
}

/// What the observer is told by and by, for leaders may be passed over.
async fn told_in_the_end(observer: &mut Observer, expected: Option<&str>) -> Verdict {
    within(format!("the leader {expected:?}"), SOON, async {
        while told(observer).await?.as_deref() != expected {}
        Ok(())
    })
    .await?
}

async fn campaign(
    registry: &Registry,
    key: &str,
    name: &'static str,
    place: usize,
) -> Verdict<super::steps::Beside<registry_host::Guard>> {
    let (client, lock) = (registry.clone(), key.to_owned());
    let campaigning = beside(async move { Ok(client.campaign(&lock, name).await?) });
    eventually("it queues", SOON, async || Ok(length(registry, key).await? == place)).await?;
    Ok(campaigning)
}

async fn a_leader_is_read_with_its_value(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("leader");
    same("the leader of nothing", registry.leader(key).await?, None)?;
    let guard = registry.campaign(key, "10.0.0.7:1234").await?;
    case.catch_up(&other).await?;
    for reader in [&registry, &other] {
        let leader = there("a leader", reader.leader(key).await?)?;
        same("its value", leader.value(), b"10.0.0.7:1234")?;
        same("its token", leader.token(), guard.token())?;
        same("its entry", &leader.entry.key[..], guard.entry())?;
        same("its session", leader.entry.ephemeral, Some(registry.session().id()))?;
    }
    let leader = there("a leader", other.leader(key).await?)?;
    other.txn().check_held_entry(&leader.entry.key, leader.token()).put(&case.key("task"), "").commit().await?;
    // A leader may change its value.
    registry.put(guard.entry(), "another").ephemeral().await?;
    case.catch_up(&other).await?;
    same("its value", value(other.leader(key).await?).as_deref(), Some("another"))?;
    guard.release().await?;
    case.catch_up(&other).await?;
    same("the leader afterwards", other.leader(key).await?, None)
}

async fn an_observer_is_told_of_every_change_of_leader(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("leader");
    let mut observer = other.observe(key).await?;
    same("before there is one", told(&mut observer).await?, None)?;
    for name in ["first", "second"] {
        let guard = registry.campaign(key, name).await?;
        same("who leads", told(&mut observer).await?.as_deref(), Some(name))?;
        let mut late = other.observe(key).await?;
        same("who a late observer is told leads", told(&mut late).await?.as_deref(), Some(name))?;
        guard.release().await?;
        same("who leads then", told(&mut observer).await?, None)?;
    }
    Ok(())
}

async fn leaders_follow_in_the_order_of_campaigning(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("leader");
    let first = registry.campaign(key, "first").await?;
    let second = campaign(&other, key, "second", 2).await?;
    let third = campaign(&registry, key, "third", 3).await?;
    let mut observer = other.observe(key).await?;
    same("who leads", told(&mut observer).await?.as_deref(), Some("first"))?;
    first.release().await?;
    let second = second.done().await?;
    told_in_the_end(&mut observer, Some("second")).await?;
    case.catch_up(&registry).await?;
    same("who is read", value(registry.leader(key).await?).as_deref(), Some("second"))?;
    second.release().await?;
    let third = third.done().await?;
    told_in_the_end(&mut observer, Some("third")).await?;
    third.release().await?;
    told_in_the_end(&mut observer, None).await
}

async fn a_leader_that_closes_is_one_no_more(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("leader");
    let guard = registry.campaign(key, "first").await?;
    let next = campaign(&other, key, "next", 2).await?;
    let mut observer = other.observe(key).await?;
    told_in_the_end(&mut observer, Some("first")).await?;
    registry.close().await?;
    case.catch_up(&other).await?;
    same("who is read", value(other.leader(key).await?).as_deref(), Some("next"))?;
    told_in_the_end(&mut observer, Some("next")).await?;
    drop(guard);
    next.done().await?.release().await?;
    Ok(())
}

async fn a_campaign_and_a_lock_exclude_each_other(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("leader");
    let guard = registry.campaign(key, "").await?;
    refused("try_lock", other.try_lock(key).await, ErrorKind::NotAcquired)?;
    let waiting = queue(&other, key, 2).await?;
    guard.release().await?;
    let guard = waiting.done().await?;
    case.catch_up(&registry).await?;
    holds("a lock's holder leads with an empty value", value(registry.leader(key).await?).as_deref() == Some(""))?;
    guard.release().await?;
    Ok(())
}

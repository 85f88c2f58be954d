//! Ancestors, take-over, and ephemeral entries without children (contract 3.2 to 3.4).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use registry_host::{ErrorKind, Scope, Version};

use super::steps::beside;
use crate::{
    case::Case,
    follower::Follower,
    law::chapter,
    verdict::{SOON, Verdict, eventually, holds, refused, same, there},
};

chapter! {
    "3.2" =>
        a_put_creates_missing_ancestors,
        a_put_leaves_ancestors_that_exist,
        a_failed_put_creates_no_ancestors,
        ancestors_of_an_ephemeral_are_persistent,
        puts_at_once_share_their_missing_ancestors;
    "3.3" =>
        the_last_put_decides_value_mode_and_owner,
        a_taken_over_entry_outlives_its_former_owner,
        an_entry_put_as_persistent_outlives_its_former_owner,
        an_entry_put_as_ephemeral_goes_with_its_owner,
        no_reader_misses_an_entry_that_is_taken_over;
    "3.4" =>
        a_put_below_an_ephemeral_is_refused,
        an_ephemeral_put_over_an_entry_with_children_is_refused,
        an_ephemeral_put_over_a_leaf_is_not,
        the_entries_of_others_are_ephemeral_too;
}

async fn a_put_creates_missing_ancestors(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let version = registry.put(&case.key("a/b/c"), "value").await?;
    let listed = registry.list(case.root()).await?;
    same("how many there are", listed.len(), 4)?;
    for entry in &listed {
        let value = if entry.key.ends_with("/c") { "value" } else { "" };
        same(format!("the value of {}", entry.key), &entry.value[..], value.as_bytes())?;
        same(format!("the owner of {}", entry.key), entry.ephemeral, None)?;
        same(format!("the version of {}", entry.key), entry.version, version)?;
        same(format!("created of {}", entry.key), entry.created, listed[0].created)?;
    }
    Ok(())
}

async fn a_put_leaves_ancestors_that_exist(case: &Case) -> Verdict {
    let registry = case.client().await?;
    registry.put(&case.key("a"), "value").await?;
    let there = registry.list(case.root()).await?;
    registry.put(&case.key("a/b/c"), "").await?;
    let created = registry.list(case.root()).await?;
    same("those that were there", &created[..2], &there[..])?;
    registry.put(&case.key("a/b/d"), "").ephemeral().await?;
    registry.put(&case.key("a/b/e/f"), "").await?;
    registry.txn().delete(&case.key("a/b/d")).put(&case.key("a/b/c"), "again").commit().await?;
    let after = registry.list(case.root()).await?;
    same("those that were created on the way", &after[..3], &created[..3])
}

async fn a_failed_put_creates_no_ancestors(case: &Case) -> Verdict {
    let registry = case.client().await?;
    registry.put(&case.key("e"), "").ephemeral().await?;
    let (failed, missing) = (ErrorKind::ConditionFailed, case.key("missing"));
    refused("a put", registry.put(&case.key("a/b"), "").if_version(7.into()).await, failed)?;
    let txn = registry.txn().put(&case.key("a/b/c"), "").check_present(&missing).commit().await;
    refused("a Txn", txn, failed)?;
    let txn = registry.txn().put(&case.key("a/b/c"), "").put(&case.key("e/f/g"), "").commit().await;
    refused("a Txn", txn, ErrorKind::EphemeralParent)?;
    same("all there is", registry.children(case.root()).await?, ["e"])
}

async fn ancestors_of_an_ephemeral_are_persistent(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    registry.put(&case.key("a/b/e"), "").ephemeral().await?;
    for key in [case.key("a"), case.key("a/b")] {
        same(&key, there("the ancestor", registry.get(&key).await?)?.ephemeral, None)?;
    }
    registry.close().await?;
    case.catch_up(&other).await?;
    same("what stays", other.list(&case.key("a")).await?.len(), 2)
}

async fn puts_at_once_share_their_missing_ancestors(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    for round in 0..10 {
        let keys: Vec<_> = (0..12).map(|number| case.key(&format!("{round}/a/b/{number}"))).collect();
        let puts = keys.iter().enumerate().map(|(number, key)| {
            let put = clients[number % 2].put(key, "");
            let put = if number % 3 == 0 { put.ephemeral() } else { put };
            async move { put.await }
        });
        futures_util::future::try_join_all(puts).await?;
        case.catch_up(&clients[0]).await?;
        let ancestor = case.key(&format!("{round}/a/b"));
        same("all children", clients[0].children(&ancestor).await?.len(), keys.len())?;
    }
    Ok(())
}

async fn the_last_put_decides_value_mode_and_owner(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("key");
    let (me, them) = (Some(registry.session().id()), Some(other.session().id()));
    let mut number = 0_u32;
    // Each way from a mode and owner to another, and to itself.
    for from in [None, me, them] {
        for to in [None, me, them] {
            for owner in [from, to] {
                number += 1;
                let client = if owner == them { &other } else { &registry };
                let put = client.put(key, number.to_string());
                match owner {
                    None => put.await?,
                    Some(_) => put.ephemeral().await?,
                };
            }
            for reader in [&registry, &other] {
                case.catch_up(reader).await?;
                let entry = there("the entry", reader.get(key).await?)?;
                same(format!("the owner, from {from:?} to {to:?}"), entry.ephemeral, to)?;
                same("the value", entry.value, number.to_string())?;
            }
        }
    }
    Ok(())
}

async fn a_taken_over_entry_outlives_its_former_owner(case: &Case) -> Verdict {
    let (former, owner, reader) = (case.client().await?, case.client().await?, case.client().await?);
    let key = &case.key("key");
    former.put(key, "former").ephemeral().await?;
    owner.put(key, "owner").ephemeral().await?;
    former.close().await?;
    case.catch_up(&reader).await?;
    same("the value", there("the entry", reader.get(key).await?)?.value, "owner")?;
    owner.close().await?;
    case.catch_up(&reader).await?;
    same("once its owner has closed", reader.get(key).await?, None)
}

async fn an_entry_put_as_persistent_outlives_its_former_owner(case: &Case) -> Verdict {
    let (former, reader) = (case.client().await?, case.client().await?);
    let (mine, others) = (&case.key("mine"), &case.key("others"));
    former.put(mine, "").ephemeral().await?;
    former.put(mine, "").await?;
    former.put(others, "").ephemeral().await?;
    reader.put(others, "").await?;
    former.close().await?;
    case.catch_up(&reader).await?;
    same("one's own", there("the entry", reader.get(mine).await?)?.ephemeral, None)?;
    same("another's", there("the entry", reader.get(others).await?)?.ephemeral, None)
}

async fn an_entry_put_as_ephemeral_goes_with_its_owner(case: &Case) -> Verdict {
    let (owner, reader) = (case.client().await?, case.client().await?);
    let (mine, others) = (&case.key("mine"), &case.key("others"));
    owner.put(mine, "").await?;
    reader.put(others, "").await?;
    owner.put(mine, "").ephemeral().await?;
    owner.put(others, "").ephemeral().await?;
    owner.close().await?;
    case.catch_up(&reader).await?;
    same("all there is", reader.children(case.root()).await?.len(), 0)
}

async fn no_reader_misses_an_entry_that_is_taken_over(case: &Case) -> Verdict {
    let (one, two, reader) = (case.client().await?, case.client().await?, case.client().await?);
    let key = case.key("key");
    one.put(&key, "").ephemeral().await?;
    case.catch_up(&reader).await?;
    let mut watch = Follower::synced(&reader, &key, Scope::Node).await?;
    let (over, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let reading = {
        let (key, over, reads) = (key.clone(), over.clone(), reads.clone());
        beside(async move {
            while !over.load(Ordering::SeqCst) {
                holds("the entry is read", reader.get(&key).await?.is_some())?;
                holds("the entry is listed", reader.list(&key).await?.len() == 1)?;
                reads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    };
    let mut number = 0;
    let mut last = Version::new(0);
    while number < 60 || (reads.load(Ordering::SeqCst) < 60 && reading.goes_on()) {
        number += 1;
        tokio::task::yield_now().await;
        last = match number % 6 {
            0 => one.put(&key, "persistent").await?,
            1 | 4 => two.put(&key, "two").ephemeral().await?,
            2 | 5 => one.put(&key, "one").ephemeral().await?,
            _ => {
                let mut txn = two.txn();
                let put = txn.put(&key, "txn").handle();
                txn.commit().await?.version_of(put)
            }
        };
    }
    over.store(true, Ordering::SeqCst);
    reading.done().await?;
    // A watch is told of Puts alone.
    loop {
        let (entry, new) = watch.put(&key).await?;
        same("new", new, false)?;
        if entry.version == last {
            return Ok(());
        }
    }
}

async fn a_put_below_an_ephemeral_is_refused(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let parent = &case.key("a/e");
    registry.put(parent, "").ephemeral().await?;
    let refusal = ErrorKind::EphemeralParent;
    for below in ["x", "x/y/z"] {
        let below = &format!("{parent}/{below}");
        refused("a put", registry.put(below, "").await, refusal)?;
        refused("an ephemeral put", registry.put(below, "").ephemeral().await, refusal)?;
        refused("a conditional put", registry.put(below, "").if_absent().await, refusal)?;
        refused("a Txn", registry.txn().put(&case.key("b"), "").put(below, "").commit().await, refusal)?;
    }
    same("all there is", registry.list(case.root()).await?.len(), 3)?;
    // It may have children once it is persistent.
    registry.put(parent, "").await?;
    registry.put(&format!("{parent}/x"), "").await?;
    Ok(())
}

async fn an_ephemeral_put_over_an_entry_with_children_is_refused(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let parent = &case.key("p");
    registry.put(&case.key("p/a/b"), "").await?;
    let before = registry.list(case.root()).await?;
    let refusal = ErrorKind::HasChildren;
    refused("a put", registry.put(parent, "").ephemeral().await, refusal)?;
    refused("a put over what is above", registry.put(case.root(), "").ephemeral().await, refusal)?;
    let version = there("the parent", registry.get(parent).await?)?.version;
    refused("a conditional put", registry.put(parent, "").ephemeral().if_version(version).await, refusal)?;
    refused("a Txn", registry.txn().put(parent, "").ephemeral().commit().await, refusal)?;
    same("all there is", registry.list(case.root()).await?, before)?;
    // A persistent put is not refused.
    registry.put(parent, "value").await?;
    Ok(())
}

async fn an_ephemeral_put_over_a_leaf_is_not(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (parent, child) = (&case.key("p"), &case.key("p/c"));
    registry.put(child, "").await?;
    registry.put(child, "").ephemeral().await?;
    registry.delete(child).await?;
    registry.put(parent, "").ephemeral().await?;
    same("its mode", there("the entry", registry.get(parent).await?)?.is_ephemeral(), true)
}

async fn the_entries_of_others_are_ephemeral_too(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let (theirs, below) = (&case.key("theirs"), &case.key("theirs/x"));
    other.put(theirs, "").ephemeral().await?;
    refused("a put below", registry.put(below, "").await, ErrorKind::EphemeralParent)?;
    other.close().await?;
    eventually("a put below what is gone is no longer refused", SOON, async || {
        Ok(registry.put(below, "").await.is_ok())
    })
    .await
}

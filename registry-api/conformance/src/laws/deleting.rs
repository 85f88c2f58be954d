//! Deleting (contract 3.5).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use registry_host::{Capability, ErrorKind, Registry, Scope};

use super::steps::{beside, keys, numbered, put_all};
use crate::{
    case::Case,
    follower::Follower,
    law::chapter,
    verdict::{Verdict, holds, refused, same},
};

chapter! {
    "3.5" =>
        a_delete_removes_one_entry,
        a_delete_of_an_entry_with_children_is_refused,
        a_delete_of_nothing_removes_none,
        anyone_may_delete_an_ephemeral,
        a_recursive_delete_counts_what_goes,
        a_recursive_delete_leaves_nothing_of_thousands,
        a_recursive_delete_is_atomic needs AtomicRecursiveDelete SnapshotLists,
        a_recursive_delete_goes_on_beside_writers,
        a_key_may_be_put_again_after_it_is_deleted;
}

async fn a_delete_removes_one_entry(case: &Case) -> Verdict {
    let registry = case.client().await?;
    registry.put(&case.key("a/b/c"), "").await?;
    registry.put(&case.key("a/b/e"), "").ephemeral().await?;
    same("a leaf", registry.delete(&case.key("a/b/c")).await?, 1)?;
    same("an ephemeral", registry.delete(&case.key("a/b/e")).await?, 1)?;
    same("what is left", keys(&registry.list(case.root()).await?), [case.root(), &case.key("a"), &case.key("a/b")])?;
    same("an ancestor", registry.delete(&case.key("a/b")).await?, 1)?;
    same("its ancestor", registry.delete(&case.key("a")).await?, 1)?;
    same("what is left", keys(&registry.list(case.root()).await?), [case.root()])
}

async fn a_delete_of_an_entry_with_children_is_refused(case: &Case) -> Verdict {
    let registry = case.client().await?;
    registry.put(&case.key("a/b"), "").await?;
    registry.put(&case.key("e/f"), "").ephemeral().await?;
    let before = registry.list(case.root()).await?;
    for key in [case.key("a"), case.key("e"), case.root().to_owned()] {
        refused("a delete", registry.delete(&key).await, ErrorKind::HasChildren)?;
        refused("a delete in a Txn", registry.txn().delete(&key).commit().await, ErrorKind::HasChildren)?;
    }
    same("all there is", registry.list(case.root()).await?, before)
}

async fn a_delete_of_nothing_removes_none(case: &Case) -> Verdict {
    let registry = case.client().await?;
    for key in ["a", "a/b/c"].map(|key| case.key(key)) {
        same("a delete", registry.delete(&key).await?, 0)?;
        same("a recursive delete", registry.delete_recursive(&key).await?, 0)?;
        same("a delete in a Txn", registry.txn().delete(&key).commit().await?.deleted(), 0)?;
    }
    same("all there is", registry.list(case.root()).await?, [])
}

async fn anyone_may_delete_an_ephemeral(case: &Case) -> Verdict {
    let (owner, other) = (case.client().await?, case.client().await?);
    owner.put(&case.key("a/e"), "").ephemeral().await?;
    owner.put(&case.key("a/f"), "").ephemeral().await?;
    same("a delete", other.delete(&case.key("a/e")).await?, 1)?;
    same("a recursive delete", other.delete_recursive(&case.key("a")).await?, 2)?;
    case.catch_up(&owner).await?;
    same("what its owner reads", owner.list(case.root()).await?.len(), 1)?;
    // What is recreated is another's.
    other.put(&case.key("e"), "").ephemeral().await?;
    owner.close().await?;
    case.catch_up(&other).await?;
    same("what is left", other.children(case.root()).await?, ["e"])
}

async fn a_recursive_delete_counts_what_goes(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let above = &case.key("a");
    for key in ["a/b/c/d", "a/b/e", "a/f", "ab/c", "a-"] {
        registry.put(&case.key(key), "").await?;
    }
    registry.put(&case.key("a/g"), "").ephemeral().await?;
    same("a branch", registry.delete_recursive(&case.key("a/b")).await?, 4)?;
    same("a leaf", registry.delete_recursive(&case.key("a/f")).await?, 1)?;
    same("the rest", registry.delete_recursive(above).await?, 2)?;
    same("nothing", registry.delete_recursive(above).await?, 0)?;
    same("what is left", registry.children(case.root()).await?, ["a-", "ab"])
}

async fn a_recursive_delete_leaves_nothing_of_thousands(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let mut many = numbered(&case.key("a"), 1_500);
    many.extend(numbered(&case.key("a/000007"), 1_500));
    registry.put(&many[0], "").await?;
    put_all(&registry, &many, "", false).await?;
    same("how many go", registry.delete_recursive(&case.key("a")).await?, many.len() as u64 + 1)?;
    same("what is left", registry.list(case.root()).await?.len(), 1)
}

async fn a_recursive_delete_is_atomic(case: &Case) -> Verdict {
    let (registry, reader) = (case.client().await?, case.client().await?);
    let above = case.key("a");
    let many = numbered(&above, 31);
    let (over, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let reading = {
        let (above, over, reads) = (above.clone(), over.clone(), reads.clone());
        beside(async move {
            while !over.load(Ordering::SeqCst) {
                let listed = reader.list(&above).await?.len();
                holds(format!("all of 32 or none are listed: {listed}"), [0, 32].contains(&listed))?;
                reads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    };
    let mut rounds = 0;
    while rounds < 20 || (reads.load(Ordering::SeqCst) < 20 && reading.goes_on()) {
        rounds += 1;
        put_all(&registry, &many, "", false).await?;
        tokio::task::yield_now().await;
        same("how many go", registry.delete_recursive(&above).await?, 32)?;
    }
    over.store(true, Ordering::SeqCst);
    reading.done().await
}

async fn a_recursive_delete_goes_on_beside_writers(case: &Case) -> Verdict {
    /// The writer comes to an end: where deleting is not atomic, one that never pauses can keep it from ending.
    const PUTS: u64 = 60;
    let (registry, writer) = (case.client().await?, case.client().await?);
    let above = case.key("a");
    let mut watch = Follower::synced(&registry, &above, Scope::Subtree).await?;
    let writing = {
        let above = above.clone();
        beside(async move {
            for number in 0..PUTS {
                writer.put(&format!("{above}/{number}/x"), "").await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    };
    let (mut gone, mut uncounted) = (0, false);
    while writing.goes_on() {
        tokio::task::yield_now().await;
        match registry.delete_recursive(&above).await {
            Ok(count) => gone += count,
            Err(error) if !atomic(&registry) && error.kind() == ErrorKind::Timeout => uncounted = true,
            Err(error) => return Err(error.into()),
        }
    }
    writing.done().await?;
    gone += registry.delete_recursive(&above).await?;
    // Each has a parent of its own.
    holds(format!("what was put is gone, {} entries and those above: {gone}", 2 * PUTS), uncounted || gone > 2 * PUTS)?;
    same("what is left", registry.list(&above).await?, [])?;
    watch.until("nothing is left in a watch", |state| state.is_empty()).await
}

fn atomic(registry: &Registry) -> bool {
    registry.capabilities().has(Capability::AtomicRecursiveDelete)
}

async fn a_key_may_be_put_again_after_it_is_deleted(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("a/b");
    for round in 0..10 {
        match round % 2 {
            0 => registry.put(key, "").if_absent().await?,
            _ => registry.put(key, "").ephemeral().if_absent().await?,
        };
        match round % 3 {
            0 => same("a delete", registry.delete(key).await?, 1)?,
            1 => same("a recursive delete", registry.delete_recursive(&case.key("a")).await?, 2)?,
            _ => same("a Txn", registry.txn().delete(key).delete(&case.key("a")).commit().await?.deleted(), 2)?,
        }
    }
    Ok(())
}

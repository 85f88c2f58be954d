//! Reading: get, children, list (contract 2).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use registry_host::{ErrorKind, Scope, Version};

use super::steps::{Beside, beside, keys, numbered, put_all};
use crate::{
    case::Case,
    follower::Follower,
    law::chapter,
    verdict::{Verdict, holds, refused, same, there},
};

chapter! {
    "2.1" =>
        get_gives_the_entry_or_nothing,
        a_client_sees_its_own_writes,
        a_completed_write_is_seen_by_everyone needs LinearizableReads,
        reads_never_go_back needs LinearizableReads;
    "2.2" =>
        children_are_the_direct_ones_sorted_by_bytes,
        children_of_nothing_are_not_found,
        a_leaf_has_no_children,
        children_of_a_thousand_deep_branches_are_each_named_once;
    "2.3" =>
        a_list_is_the_entry_and_all_below_in_order,
        a_list_of_nothing_is_empty,
        a_list_pages_internally,
        a_list_is_of_one_revision needs SnapshotLists,
        a_list_misses_nothing_that_was_there_throughout;
}

async fn get_gives_the_entry_or_nothing(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("a/b");
    same("before", registry.get(key).await?, None)?;
    let version = registry.put(key, "value").await?;
    let entry = there("the entry", registry.get(key).await?)?;
    same("its key", &entry.key, key)?;
    same("its value", &entry.value[..], b"value")?;
    same("its version", entry.version, version)?;
    same("its mode", entry.is_ephemeral(), false)?;
    same("below it", registry.get(&case.key("a/b/c")).await?, None)?;
    registry.delete(key).await?;
    same("afterwards", registry.get(key).await?, None)
}

async fn a_client_sees_its_own_writes(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    for number in 0..50_u32 {
        let value = number.to_string();
        let version = registry.put(key, &value).await?;
        same("the entry read", there("it", registry.get(key).await?)?.version, version)?;
        same("the entry listed", registry.list(key).await?[0].version, version)?;
        let watch = Follower::synced(&registry, key, Scope::Node).await?;
        same("the entry watched", watch.state.get(key).map(|entry| entry.version), Some(version))?;
        let below = &format!("{key}/{number}");
        registry.put(below, "").ephemeral().await?;
        same("its children", registry.children(key).await?, [number.to_string()])?;
        registry.delete(below).await?;
        same("its children then", registry.children(key).await?.len(), 0)?;
    }
    Ok(())
}

async fn a_completed_write_is_seen_by_everyone(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("key");
    for _ in 0..50 {
        let version = registry.put(key, "").await?;
        same("what the other reads", there("it", other.get(key).await?)?.version, version)?;
        let version = other.put(key, "").await?;
        same("what the one reads", there("it", registry.get(key).await?)?.version, version)?;
        other.delete(key).await?;
        same("what is left", registry.get(key).await?, None)?;
    }
    Ok(())
}

async fn reads_never_go_back(case: &Case) -> Verdict {
    let (writer, readers) = (case.client().await?, [case.client().await?, case.client().await?]);
    let key = case.key("key");
    writer.put(&key, "").await?;
    let (seen, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let over = Arc::new(AtomicBool::new(false));
    let mut reading = Vec::new();
    for reader in readers {
        let (key, seen, reads, over) = (key.clone(), seen.clone(), reads.clone(), over.clone());
        reading.push(beside(async move {
            while !over.load(Ordering::SeqCst) {
                // Whatever anyone has seen by now must be seen from now on.
                let before = Version::new(seen.load(Ordering::SeqCst));
                let now = there("the entry", reader.get(&key).await?)?.version;
                holds(format!("version {now} is read after {before}"), now >= before)?;
                seen.fetch_max(now.get(), Ordering::SeqCst);
                reads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            Ok(())
        }));
    }
    let mut writes = 0;
    while writes < 100 || (reads.load(Ordering::SeqCst) < 100 && reading.iter().all(Beside::goes_on)) {
        writes += 1;
        let version = writer.put(&key, "").await?;
        seen.fetch_max(version.get(), Ordering::SeqCst);
        // On a backend that is always ready, too, it is the others' turn.
        tokio::task::yield_now().await;
    }
    over.store(true, Ordering::SeqCst);
    for reader in reading {
        reader.done().await?;
    }
    Ok(())
}

async fn children_are_the_direct_ones_sorted_by_bytes(case: &Case) -> Verdict {
    let registry = case.client().await?;
    // Sorted by whole keys, `a-` and `a!` would come between `a` and what lies below it.
    let names = ["Z", "a", "a!", "a-", "a.b", "a0", "aa", "b", "~", "ä", "中"];
    for name in names.iter().rev() {
        registry.put(&case.key(&format!("{name}/x/{name}")), "").await?;
    }
    registry.put(&case.key("e"), "").ephemeral().await?;
    let mut expected: Vec<_> = names.iter().copied().chain(["e"]).collect();
    expected.sort_unstable();
    same("the children", registry.children(case.root()).await?, expected)?;
    same("the grandchildren", registry.children(&case.key("a")).await?, ["x"])?;
    same("those below", registry.children(&case.key("a/x")).await?, ["a"])
}

async fn children_of_nothing_are_not_found(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let not_found = ErrorKind::NotFound;
    refused("children", registry.children(case.root()).await, not_found)?;
    registry.put(&case.key("ab/c"), "").await?;
    refused("children beside an entry", registry.children(&case.key("a")).await, not_found)?;
    refused("children below an entry", registry.children(&case.key("ab/c/d")).await, not_found)?;
    registry.delete_recursive(&case.key("ab")).await?;
    refused("children of what was deleted", registry.children(&case.key("ab")).await, not_found)?;
    Ok(())
}

async fn a_leaf_has_no_children(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (persistent, ephemeral) = (&case.key("p"), &case.key("e"));
    registry.put(persistent, "").await?;
    registry.put(ephemeral, "").ephemeral().await?;
    same("of a persistent entry", registry.children(persistent).await?.len(), 0)?;
    same("of an ephemeral entry", registry.children(ephemeral).await?.len(), 0)?;
    registry.put(&case.key("p/c"), "").await?;
    registry.delete(&case.key("p/c")).await?;
    same("once they are deleted", registry.children(persistent).await?.len(), 0)
}

async fn children_of_a_thousand_deep_branches_are_each_named_once(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let branches = numbered(case.root(), 1_100);
    let leaves: Vec<_> = branches.iter().flat_map(|above| [format!("{above}/a"), format!("{above}/b")]).collect();
    put_all(&registry, &branches, "", false).await?;
    put_all(&registry, &leaves, "", false).await?;
    let names: Vec<_> = branches.iter().map(|key| &key[case.root().len() + 1..]).collect();
    same("the children", registry.children(case.root()).await?, names)
}

async fn a_list_is_the_entry_and_all_below_in_order(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let below = ["a", "a/b", "a/b/c", "a-", "a!/x", "a0", "b", "Z/z", "ä/1", "e"];
    let mut expected = vec![case.root().to_owned()];
    for name in below.iter().rev() {
        let key = case.key(name);
        match *name {
            "e" => registry.put(&key, name).ephemeral().await?,
            _ => registry.put(&key, name).await?,
        };
        expected.push(key);
    }
    expected.extend([case.key("a!"), case.key("Z"), case.key("ä")]);
    expected.sort_unstable();
    let listed = registry.list(case.root()).await?;
    same("the keys", keys(&listed), expected)?;
    for entry in listed {
        same("an entry listed", registry.get(&entry.key).await?, Some(entry))?;
    }
    let branch = [case.key("a"), case.key("a/b"), case.key("a/b/c")];
    same("a listing of a branch", keys(&registry.list(&case.key("a")).await?), branch)?;
    same(
        "a listing of a branch of it",
        keys(&registry.list(&case.key("a/b")).await?),
        [case.key("a/b"), case.key("a/b/c")],
    )?;
    same("a listing of a leaf", keys(&registry.list(&case.key("e")).await?), [case.key("e")])
}

async fn a_list_of_nothing_is_empty(case: &Case) -> Verdict {
    let registry = case.client().await?;
    same("of a key that never was", registry.list(&case.key("a/b")).await?, [])?;
    registry.put(&case.key("a/b"), "").await?;
    registry.delete_recursive(&case.key("a")).await?;
    same("of a key that is gone", registry.list(&case.key("a")).await?, [])
}

async fn a_list_pages_internally(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let above = &case.key("many");
    registry.put(above, "").await?;
    let many = numbered(above, 5_000);
    put_all(&registry, &many, "value", false).await?;
    let listed = registry.list(above).await?;
    same("how many", listed.len(), many.len() + 1)?;
    same("the first", &listed[0].key, above)?;
    holds("all are there in order", listed[1..].iter().map(|entry| &entry.key).eq(&many))?;
    holds("all values are there", listed[1..].iter().all(|entry| entry.value == "value"))?;
    same("how many children", registry.children(above).await?.len(), many.len())?;
    same("how many go", registry.delete_recursive(above).await?, many.len() as u64 + 1)
}

async fn a_list_is_of_one_revision(case: &Case) -> Verdict {
    let (registry, writer) = (case.client().await?, case.client().await?);
    let above = case.key("many");
    registry.put(&above, "").await?;
    put_all(&registry, &numbered(&above, 2_500), "", false).await?;
    let (first, last) = (format!("{above}/!first"), format!("{above}/~last"));
    let (over, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writing = {
        let (first, last, over, written) = (first.clone(), last.clone(), over.clone(), written.clone());
        writer.txn().put(&first, "0").put(&last, "0").commit().await?;
        beside(async move {
            while !over.load(Ordering::SeqCst) {
                let value = written.fetch_add(1, Ordering::SeqCst).to_string();
                writer.txn().put(&first, &value).put(&last, &value).commit().await?;
                tokio::task::yield_now().await;
            }
            Verdict::Ok(())
        })
    };
    let mut lists = 0;
    while lists < 15 || (written.load(Ordering::SeqCst) < 15 && writing.goes_on()) {
        lists += 1;
        tokio::task::yield_now().await;
        let listed = registry.list(&above).await?;
        same("how many", listed.len(), 2_503)?;
        same("the keys at both ends", [&listed[1].key, &listed[2_502].key], [&first, &last])?;
        same("the value at both ends", &listed[1].value, &listed[2_502].value)?;
        same("the version at both ends", listed[1].version, listed[2_502].version)?;
    }
    over.store(true, Ordering::SeqCst);
    writing.done().await
}

async fn a_list_misses_nothing_that_was_there_throughout(case: &Case) -> Verdict {
    let (registry, writer) = (case.client().await?, case.client().await?);
    let above = case.key("many");
    registry.put(&above, "").await?;
    let stays = numbered(&above, 2_200);
    put_all(&registry, &stays, "", false).await?;
    let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writing = {
        let (above, over, rounds) = (above.clone(), over.clone(), rounds.clone());
        beside(async move {
            while !over.load(Ordering::SeqCst) {
                let comes: Vec<_> = (0..8).map(|number| format!("{above}/{:06}-comes", number * 300)).collect();
                put_all(&writer, &comes, "", rounds.fetch_add(1, Ordering::SeqCst) % 2 == 0).await?;
                for key in &comes {
                    writer.delete(key).await?;
                    tokio::task::yield_now().await;
                }
            }
            Verdict::Ok(())
        })
    };
    let mut lists = 0;
    while lists < 10 || (rounds.load(Ordering::SeqCst) < 3 && writing.goes_on()) {
        lists += 1;
        tokio::task::yield_now().await;
        let listed = registry.list(&above).await?;
        let listed: Vec<_> = listed.iter().map(|entry| &entry.key).filter(|key| !key.ends_with("-comes")).collect();
        same("how many stay", listed.len(), stays.len() + 1)?;
        holds("all of them are there in order", listed[1..].iter().copied().eq(&stays))?;
    }
    over.store(true, Ordering::SeqCst);
    writing.done().await
}

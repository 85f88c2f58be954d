//! Watches: the events and their order (contract 5.2 and 5.3).

use registry_host::{Event, Scope};

use super::steps::{beside, keys, numbered, put_all};
use crate::{
    case::Case,
    court::Terms,
    follower::Follower,
    law::chapter,
    verdict::{SOON, Verdict, holds, same, there},
};

chapter! {
    "5.2" =>
        a_put_carries_the_whole_entry,
        a_first_put_of_a_key_is_new,
        a_delete_carries_the_last_entry_told,
        what_was_recreated_unseen_is_no_new_key,
        the_end_of_a_session_is_told_as_deletes,
        a_recursive_delete_is_told_key_by_key;
    "5.3" =>
        versions_of_a_key_grow_and_the_last_arrives,
        a_take_over_is_told_as_a_put,
        created_ancestors_are_told_as_puts,
        nothing_is_told_of_what_was_not_applied;
}

async fn a_put_carries_the_whole_entry(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let mut watch = Follower::synced(&registry, key, Scope::Node).await?;
    for (value, ephemeral) in [("", false), ("value", false), ("\0\u{ff}", true), ("value", true)] {
        match ephemeral {
            true => registry.put(key, value).ephemeral().await?,
            false => registry.put(key, value).await?,
        };
        let (entry, _) = watch.put(key).await?;
        same("the entry told", Some(entry), registry.get(key).await?)?;
    }
    Ok(())
}

async fn a_first_put_of_a_key_is_new(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (old, key) = (&case.key("old"), &case.key("key"));
    registry.put(old, "").await?;
    let mut watch = Follower::unread(&registry, case.root(), Scope::Children).await?;
    same("new, before Synced", watch.put(old).await?.1, true)?;
    same("then", watch.next().await?, Event::Synced)?;
    registry.put(old, "").await?;
    same("new, of a change", watch.put(old).await?.1, false)?;
    registry.put(key, "").await?;
    same("new, of what is created", watch.put(key).await?.1, true)?;
    registry.put(key, "").ephemeral().await?;
    same("new, of a change", watch.put(key).await?.1, false)?;
    registry.delete(key).await?;
    watch.delete(key).await?;
    registry.put(key, "").await?;
    same("new, of what is created again", watch.put(key).await?.1, true)
}

async fn a_delete_carries_the_last_entry_told(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let mut watch = Follower::synced(&registry, key, Scope::Node).await?;
    registry.put(key, "first").await?;
    let (told, _) = watch.put(key).await?;
    registry.delete(key).await?;
    same("the last entry", watch.delete(key).await?, told)?;
    registry.put(key, "second").ephemeral().await?;
    let (told, _) = watch.put(key).await?;
    registry.delete_recursive(key).await?;
    same("the last entry", watch.delete(key).await?, told)?;
    // Written and deleted unread: it is the one that was told, not the one that was deleted.
    registry.put(key, "third").await?;
    let (third, _) = watch.put(key).await?;
    registry.put(key, "fourth").await?;
    registry.delete(key).await?;
    match watch.next().await? {
        Event::Delete { last } => same("the last entry", last, third),
        Event::Put { entry, .. } => same("the last entry", watch.delete(key).await?, entry),
        event => same("an event", event, Event::Synced),
    }
}

async fn what_was_recreated_unseen_is_no_new_key(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (key, fence) = (&case.key("key"), &case.key("fence"));
    for number in 0..30 {
        let mut watch = Follower::unread(&registry, case.root(), Scope::Children).await?;
        registry.put(key, "before").await?;
        watch.until("it is told", |state| state.contains_key(key)).await?;
        registry.delete(key).await?;
        let version = registry.put(key, "anew").await?;
        registry.put(fence, number.to_string()).await?;
        // The follower holds `new` and `last` against what was told, whether the deletion was seen or not.
        watch
            .until("the new life is told", |state| {
                state.get(key).is_some_and(|entry| entry.version == version)
                    && state.get(fence).is_some_and(|entry| entry.value == number.to_string())
            })
            .await?;
    }
    Ok(())
}

async fn the_end_of_a_session_is_told_as_deletes(case: &Case) -> Verdict {
    let (registry, owner) = (case.client().await?, case.client().await?);
    let above = &case.key("e");
    let owned = numbered(above, 20);
    put_all(&owner, &owned, "value", true).await?;
    registry.put(&case.key("e/stays"), "").await?;
    let mut watch = Follower::synced(&registry, above, Scope::Children).await?;
    let id = owner.session().id();
    owner.close().await?;
    for _ in &owned {
        match watch.next().await? {
            Event::Delete { last } => same("the owner", last.ephemeral, Some(id))?,
            event => same("an event", event, Event::Synced)?,
        }
    }
    same("what is left", watch.state.keys().collect::<Vec<_>>(), [&case.key("e/stays")])
}

async fn a_recursive_delete_is_told_key_by_key(case: &Case) -> Verdict {
    let registry = case.client().await?;
    registry.put(&case.key("a/b/c"), "").await?;
    registry.put(&case.key("a/d"), "").await?;
    registry.put(&case.key("ab"), "").await?;
    let mut watch = Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    same("how many go", registry.delete_recursive(&case.key("a")).await?, 4)?;
    for _ in 0..4 {
        let event = watch.next().await?;
        holds(format!("a deletion is told: {event:?}"), matches!(event, Event::Delete { .. }))?;
    }
    same("what is left", watch.state.values().cloned().collect::<Vec<_>>(), registry.list(case.root()).await?)
}

async fn versions_of_a_key_grow_and_the_last_arrives(case: &Case) -> Verdict {
    // Six write the same key at once, and it is not asked here how long one has to wait.
    let patient = || Terms { operation_timeout: Some(SOON), ..Terms::default() };
    let clients = [case.client_on(patient()).await?, case.client_on(patient()).await?];
    let key = case.key("key");
    let mut watches = Vec::new();
    for number in 0..4 {
        let (at, scope) = if number % 2 == 0 { (key.as_str(), Scope::Node) } else { (case.root(), Scope::Subtree) };
        watches.push(Follower::synced(&clients[number / 2], at, scope).await?);
    }
    let writing = (0..6_usize).map(|number| {
        let (client, key) = (clients[number % 2].clone(), key.clone());
        beside(async move {
            for count in 0..50 {
                match (number + count) % 9 {
                    0 => drop(client.delete(&key).await?),
                    1 => drop(client.put(&key, "").ephemeral().await?),
                    _ => drop(client.put(&key, "").await?),
                }
            }
            Ok(())
        })
    });
    for writing in writing.collect::<Vec<_>>() {
        writing.done().await?;
    }
    clients[0].put(&key, "last").await?;
    case.catch_up(&clients[1]).await?;
    let last = there("the entry", clients[1].get(&key).await?)?;
    for watch in &mut watches {
        watch.until("the last state arrives", |state| state.get(&key) == Some(&last)).await?;
    }
    Ok(())
}

async fn a_take_over_is_told_as_a_put(case: &Case) -> Verdict {
    let (one, two, reader) = (case.client().await?, case.client().await?, case.client().await?);
    let key = &case.key("key");
    one.put(key, "").ephemeral().await?;
    case.catch_up(&reader).await?;
    let mut watch = Follower::synced(&reader, case.root(), Scope::Subtree).await?;
    for number in 0..20 {
        let (client, value) = (if number % 2 == 0 { &two } else { &one }, number.to_string());
        client.put(key, &value).ephemeral().await?;
        let (entry, new) = watch.put(key).await?;
        same("the value", &entry.value[..], value.as_bytes())?;
        same("the owner", entry.ephemeral, Some(client.session().id()))?;
        same("new", new, false)?;
        if number % 5 == 0 {
            client.put(key, "persistent").await?;
            same("the owner", watch.put(key).await?.0.ephemeral, None)?;
        }
    }
    // Its former owner's end tells nothing.
    two.close().await?;
    one.put(key, "after").await?;
    same("the next event", watch.put(key).await?.0.value, "after")
}

async fn created_ancestors_are_told_as_puts(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let mut subtree = Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    let mut children = Follower::synced(&registry, case.root(), Scope::Children).await?;
    let mut node = Follower::synced(&registry, &case.key("a"), Scope::Node).await?;
    registry.put(&case.key("a/b/c"), "").ephemeral().await?;
    let listed = registry.list(case.root()).await?;
    subtree.until_same("all of them are told", &listed).await?;
    same("the child", children.put(&case.key("a")).await?.1, true)?;
    same("the node", node.put(&case.key("a")).await?.0, listed[1].clone())?;
    // They are told once: what is put below them later does not change them.
    registry.put(&case.key("a/b/d"), "").await?;
    subtree.put(&case.key("a/b/d")).await?;
    same("the keys", subtree.state.len(), keys(&listed).len() + 1)
}

async fn nothing_is_told_of_what_was_not_applied(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (key, missing) = (&case.key("key"), &case.key("missing"));
    registry.put(key, "").await?;
    let mut watch = Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    for _ in 0..5 {
        let failed = registry.txn().put(&case.key("a/b"), "").delete(key).check_present(missing).commit().await;
        holds("the Txn fails", failed.is_err())?;
        registry.delete(missing).await?;
        registry.txn().check_present(key).commit().await?;
    }
    registry.put(key, "after").await?;
    same("the next event", watch.put(key).await?.0.value, "after")
}

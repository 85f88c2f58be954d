//! Versions, creation and owners (contract 1.3).

use registry_host::{ErrorKind, Registry, Revision, Version};

use crate::{
    case::Case,
    law::chapter,
    verdict::{Verdict, holds, refused, same, there},
};

chapter! {
    "1.3" =>
        a_version_grows_with_every_write_of_its_key,
        a_version_stays_when_other_keys_are_written,
        a_version_stays_when_a_write_fails,
        created_is_fixed_for_the_life_of_an_entry,
        created_stays_when_a_put_changes_mode_or_owner needs StableCreated,
        created_differs_between_two_lives_of_a_key,
        created_orders_entries_across_the_registry,
        entries_of_one_txn_share_both_numbers,
        an_ephemeral_entry_names_its_owner;
}

async fn version(registry: &Registry, key: &str) -> Verdict<Version> {
    Ok(there(key, registry.get(key).await?)?.version)
}

async fn in_a_txn(registry: &Registry, key: &str) -> Verdict<Version> {
    let mut txn = registry.txn();
    let put = txn.put(key, "a").handle();
    Ok(txn.commit().await?.version_of(put))
}

async fn created(registry: &Registry, key: &str) -> Verdict<Revision> {
    Ok(there(key, registry.get(key).await?)?.created)
}

async fn a_version_grows_with_every_write_of_its_key(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("key");
    let mut last = Version::new(0);
    for round in 0..3 {
        let mut told = vec![
            registry.put(key, "a").await?,
            registry.put(key, "a").await?,
            in_a_txn(&registry, key).await?,
            registry.put(key, "a").ephemeral().await?,
            other.put(key, "a").ephemeral().await?,
            other.put(key, "a").await?,
        ];
        case.catch_up(&registry).await?;
        told.push(registry.put(key, "").if_version(version(&registry, key).await?).await?);
        for told in told {
            holds(format!("version {told} is above {last} in round {round}"), told > last)?;
            last = told;
        }
        same("the version read", version(&registry, key).await?, last)?;
        case.catch_up(&other).await?;
        same("the version the other reads", version(&other, key).await?, last)?;
        same("the delete", other.delete(key).await?, 1)?;
    }
    Ok(())
}

async fn a_version_stays_when_other_keys_are_written(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let told = registry.put(key, "").await?;
    let before = registry.get(key).await?;
    registry.put(case.root(), "above").await?;
    registry.put(&case.key("key/below"), "below").await?;
    registry.put(&case.key("key/below/more"), "below").await?;
    registry.put(&case.key("key-beside"), "beside").await?;
    registry.put(&case.key("key/ephemeral"), "").ephemeral().await?;
    registry.delete_recursive(&case.key("key/below")).await?;
    registry.delete(&case.key("key/ephemeral")).await?;
    same("the version", version(&registry, key).await?, told)?;
    same("the entry", registry.get(key).await?, before)
}

async fn a_version_stays_when_a_write_fails(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    registry.put(key, "").await?;
    registry.put(&case.key("key/below"), "").await?;
    let before = registry.list(case.root()).await?;
    let (failed, has_children) = (ErrorKind::ConditionFailed, ErrorKind::HasChildren);
    refused("a put if absent", registry.put(key, "x").if_absent().await, failed)?;
    refused("a put if at another version", registry.put(key, "x").if_version(1.into()).await, failed)?;
    refused("a delete", registry.delete(key).await, has_children)?;
    refused("an ephemeral put", registry.put(key, "x").ephemeral().await, has_children)?;
    let late = registry.txn().put(key, "x").check_present(&case.key("missing")).commit().await;
    refused("a Txn", late, failed)?;
    same("all there is", registry.list(case.root()).await?, before)
}

async fn created_is_fixed_for_the_life_of_an_entry(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    for (name, ephemeral) in [("persistent", false), ("ephemeral", true)] {
        let key = &case.key(name);
        let put = |value: &'static str| match ephemeral {
            true => registry.put(key, value).ephemeral(),
            false => registry.put(key, value),
        };
        put("1").await?;
        let first = created(&registry, key).await?;
        for value in ["2", "2", ""] {
            put(value).await?;
            same("created", created(&registry, key).await?, first)?;
            case.catch_up(&other).await?;
            same("created as the other reads it", created(&other, key).await?, first)?;
        }
    }
    // An ancestor that was created on the way keeps it when it is written.
    registry.put(&case.key("above/below"), "").await?;
    let first = created(&registry, &case.key("above")).await?;
    registry.put(&case.key("above"), "value").await?;
    same("created of an ancestor", created(&registry, &case.key("above")).await?, first)
}

async fn created_stays_when_a_put_changes_mode_or_owner(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("key");
    registry.put(key, "").await?;
    let first = created(&registry, key).await?;
    registry.put(key, "").ephemeral().await?;
    same("created of what became ephemeral", created(&registry, key).await?, first)?;
    other.put(key, "").ephemeral().await?;
    same("created of what was taken over", created(&registry, key).await?, first)?;
    registry.put(key, "").await?;
    same("created of what became persistent", created(&registry, key).await?, first)
}

async fn created_differs_between_two_lives_of_a_key(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let mut last = Revision::new(0);
    for round in 0..4 {
        match round % 2 {
            0 => registry.put(key, "same").await?,
            _ => registry.put(key, "same").ephemeral().await?,
        };
        let now = created(&registry, key).await?;
        holds(format!("created {now} of life {round} is above {last}"), now > last)?;
        last = now;
        match round {
            0 | 1 => registry.delete(key).await?,
            _ => registry.delete_recursive(key).await?,
        };
    }
    Ok(())
}

async fn created_orders_entries_across_the_registry(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let mut created = Vec::new();
    for number in (0..20).rev() {
        let key = case.key(&format!("{}/{number}", if number % 3 == 0 { "here" } else { "there/deep" }));
        let client = if number % 2 == 0 { &registry } else { &other };
        match number % 4 {
            0 => client.put(&key, "").ephemeral().await?,
            _ => client.put(&key, "").await?,
        };
        created.push(key);
    }
    // Not by when they were written last, nor by their keys.
    case.catch_up(&registry).await?;
    for key in created.iter().filter(|key| !key.ends_with('0')) {
        let owner = there("the entry", registry.get(key).await?)?.ephemeral;
        match owner {
            Some(owner) if owner == registry.session().id() => registry.put(key, "again").ephemeral().await?,
            Some(_) => other.put(key, "again").ephemeral().await?,
            None => other.put(key, "again").await?,
        };
    }
    case.catch_up(&other).await?;
    let mut listed = other.list(case.root()).await?;
    listed.sort_by_key(|entry| entry.created);
    let order: Vec<_> = listed.iter().map(|entry| &entry.key).filter(|key| created.contains(key)).collect();
    same("the order of creation", order, created.iter().collect::<Vec<_>>())
}

async fn entries_of_one_txn_share_both_numbers(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (old, a, b) = (&case.key("old"), &case.key("x/y/a"), &case.key("b"));
    registry.put(old, "").await?;
    let first = there("the old entry", registry.get(old).await?)?;
    let mut txn = registry.txn();
    let puts = [txn.put(a, "").handle(), txn.put(old, "").handle(), txn.put(b, "").ephemeral().handle()];
    let done = txn.commit().await?;
    let told = done.version_of(puts[0]);
    for put in puts {
        same("the version told", done.version_of(put), told)?;
    }
    for entry in registry.list(case.root()).await?.iter().filter(|entry| entry.key != case.root()) {
        same(format!("the version of {}", entry.key), entry.version, told)?;
        if entry.key == *old {
            same("created of the older entry", entry.created, first.created)?;
            holds("it is older than what the Txn created", entry.created < created(&registry, a).await?)?;
        } else {
            same(format!("created of {}", entry.key), entry.created, created(&registry, a).await?)?;
        }
    }
    Ok(())
}

async fn an_ephemeral_entry_names_its_owner(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let (mine, theirs, nobodys) = (&case.key("mine"), &case.key("theirs"), &case.key("nobodys"));
    registry.put(mine, "").ephemeral().await?;
    other.put(theirs, "").ephemeral().await?;
    registry.put(nobodys, "").await?;
    let (me, them) = (registry.session().id(), other.session().id());
    holds("two clients have two sessions", me != them)?;
    for reader in [&registry, &other] {
        case.catch_up(reader).await?;
        for (key, owner) in [(mine, Some(me)), (theirs, Some(them)), (nobodys, None)] {
            let entry = there(key, reader.get(key).await?)?;
            same(format!("the owner of {key}"), entry.ephemeral, owner)?;
            same(format!("the owner of {key} as listed"), reader.list(key).await?[0].ephemeral, owner)?;
        }
    }
    Ok(())
}

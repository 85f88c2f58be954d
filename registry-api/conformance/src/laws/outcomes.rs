//! Outcomes of writes, and checks that are exact (contract 3.6 and 3.7).

use std::time::Duration;

use registry_host::{ErrorKind, Outcome};

use super::steps::{beside, polled};
use crate::{
    case::Case,
    law::chapter,
    verdict::{Failure, SOON, Verdict, holds, refused, same, there, within},
};

chapter! {
    "3.6" =>
        a_timed_out_write_says_what_became_of_it,
        a_dropped_write_is_applied_whole_or_not,
        a_refused_write_is_certainly_not_applied;
    "3.7" =>
        a_version_of_a_former_life_is_refused needs ExactVersions,
        of_many_that_write_at_one_version_one_succeeds,
        of_many_that_create_a_key_one_succeeds,
        of_many_that_delete_a_key_one_removes_it;
}

async fn a_timed_out_write_says_what_became_of_it(case: &Case) -> Verdict {
    let (registry, reader) = (case.client().await?, case.client().await?);
    for number in 0..60_u64 {
        let key = &case.key(&format!("{number}"));
        let limit = Duration::from_micros(number * number * 2);
        match registry.put(key, "").timeout(limit).await {
            Ok(version) => {
                case.catch_up(&reader).await?;
                same("the version", reader.get(key).await?.map(|entry| entry.version), Some(version))?;
            }
            Err(error) if error.kind() != ErrorKind::Timeout => return Err(error.into()),
            Err(error) if error.outcome() == Outcome::NotApplied => {
                // It is not applied later either.
                registry.put(&case.key("fence"), "").await?;
                case.catch_up(&reader).await?;
                same("what was certainly not written", reader.get(key).await?, None)?;
            }
            Err(error) => same("its outcome", error.outcome(), Outcome::Unknown)?,
        }
    }
    Ok(())
}

async fn a_dropped_write_is_applied_whole_or_not(case: &Case) -> Verdict {
    let (registry, reader) = (case.client().await?, case.client().await?);
    for number in 0..40 {
        let (a, b) = (&case.key(&format!("a/{number}")), &case.key(&format!("b/{number}")));
        let dropped = polled(number % 8, registry.txn().put(a, "").put(b, "").ephemeral().commit()).await;
        let both = || async { Verdict::Ok(reader.txn().check_present(a).check_present(b).commit().await.is_ok()) };
        match dropped {
            Some(committed) => {
                committed?;
                holds("what was committed is there", both().await?)?;
            }
            // It may still be applied, but never in part.
            None => match (reader.txn().check_absent(a).check_absent(b).commit().await, both().await?) {
                (Ok(_), _) | (_, true) => {}
                (Err(error), false) => return Err(Failure::new(format!("it is there in part: {error}"))),
            },
        }
    }
    Ok(())
}

async fn a_refused_write_is_certainly_not_applied(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (key, ephemeral) = (&case.key("key/child"), &case.key("ephemeral"));
    let version = registry.put(key, "").await?;
    registry.put(ephemeral, "").ephemeral().await?;
    let before = registry.list(case.root()).await?;
    for _ in 0..10 {
        // Each says that nothing was applied, which `refused` asks for.
        refused("a put", registry.put(key, "x").if_absent().await, ErrorKind::ConditionFailed)?;
        refused(
            "a put",
            registry.put(key, "x").if_version((version.get() + 1).into()).await,
            ErrorKind::ConditionFailed,
        )?;
        refused("a put", registry.put(&format!("{ephemeral}/x"), "").await, ErrorKind::EphemeralParent)?;
        refused("a put", registry.put(&case.key("key"), "").ephemeral().await, ErrorKind::HasChildren)?;
        refused("a delete", registry.delete(&case.key("key")).await, ErrorKind::HasChildren)?;
    }
    same("all there is", registry.list(case.root()).await?, before)
}

async fn a_version_of_a_former_life_is_refused(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let key = &case.key("key");
    for round in 0..5 {
        registry.put(key, "").await?;
        let former = registry.put(key, "").await?;
        other.delete(key).await?;
        // Written as often as in its life before.
        other.put(key, "other").await?;
        let now = other.put(key, "other").await?;
        let failed = ErrorKind::ConditionFailed;
        refused("a put", registry.put(key, "").if_version(former).await, failed)?;
        refused("a delete", registry.delete(key).if_version(former).await, failed)?;
        refused("a check", registry.txn().check_version(key, former).commit().await, failed)?;
        same("the version", there("it", registry.get(key).await?)?.version, now)?;
        same(format!("its value in round {round}"), there("it", registry.get(key).await?)?.value, "other")?;
    }
    Ok(())
}

async fn of_many_that_write_at_one_version_one_succeeds(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    let key = case.key("counter");
    clients[0].put(&key, "0").await?;
    case.catch_up(&clients[1]).await?;
    let counting = (0..6).map(|number| {
        let (client, key) = (clients[number % 2].clone(), key.clone());
        beside(async move {
            let mut counted = 0;
            while counted < 25 {
                let entry = there("the counter", client.get(&key).await?)?;
                let count: u32 = String::from_utf8_lossy(&entry.value).parse().map_err(Failure::new)?;
                // Others write between the reading and the writing.
                tokio::task::yield_now().await;
                match client.put(&key, (count + 1).to_string()).if_version(entry.version).await {
                    Ok(_) => counted += 1,
                    error => drop(refused("a put", error, ErrorKind::ConditionFailed)?),
                }
            }
            Ok(())
        })
    });
    for counting in counting.collect::<Vec<_>>() {
        counting.done().await?;
    }
    case.catch_up(&clients[0]).await?;
    same("the counter", there("it", clients[0].get(&key).await?)?.value, "150")
}

async fn of_many_that_create_a_key_one_succeeds(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    for round in 0..20 {
        let key = case.key(&format!("{round}/key"));
        let puts = (0..8_usize).map(|number| {
            let put = clients[number % 2].put(&key, number.to_string()).if_absent();
            let put = if number % 3 == 0 { put.ephemeral() } else { put };
            async move { put.await }
        });
        let mut winner = None;
        for (number, put) in futures_util::future::join_all(puts).await.into_iter().enumerate() {
            match put {
                Ok(version) => same("who came before", winner.replace((number, version)), None)?,
                error => drop(refused("a put", error, ErrorKind::ConditionFailed)?),
            }
        }
        case.catch_up(&clients[0]).await?;
        let entry = there("the entry", clients[0].get(&key).await?)?;
        let (number, version) = there("a winner", winner)?;
        same("the value", entry.value, number.to_string())?;
        same("the version", entry.version, version)?;
    }
    Ok(())
}

async fn of_many_that_delete_a_key_one_removes_it(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    for _ in 0..20 {
        let key = &case.key("key");
        clients[0].put(key, "").await?;
        let deletes = (0..8).map(|number| {
            let client = &clients[number % 2];
            if number < 4 { client.delete(key).into_future() } else { client.delete_recursive(key).into_future() }
        });
        let deletes = futures_util::future::try_join_all(deletes.collect::<Vec<_>>());
        let deleted = within("deletes", SOON, deletes).await??;
        same("how many removed it", deleted.iter().sum::<u64>(), 1)?;
    }
    Ok(())
}

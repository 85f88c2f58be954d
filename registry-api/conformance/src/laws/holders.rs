//! Locks: the holder and its token (contract 6.2 and 6.3).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use registry_host::{ErrorKind, FencingToken};

use super::{locks::queue, steps::beside};
use crate::{
    case::Case,
    law::chapter,
    verdict::{Failure, SOON, Verdict, holds, refused, same, there, within},
};

chapter! {
    "6.2" =>
        two_requests_of_one_client_exclude_each_other,
        of_many_tasks_one_holds_at_a_time,
        a_guard_moves_between_threads,
        a_guard_may_be_dropped_where_no_runtime_is,
        a_guard_outlives_the_task_that_took_it;
    "6.3" =>
        a_token_grows_from_holder_to_holder,
        a_token_is_the_creation_of_its_queue_entry;
}

async fn two_requests_of_one_client_exclude_each_other(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("lock");
    let first = registry.lock(key).await?;
    refused("a second", registry.try_lock(key).await, ErrorKind::NotAcquired)?;
    refused("a clone's", registry.clone().try_lock(key).await, ErrorKind::NotAcquired)?;
    let second = queue(&registry, key, 2).await?;
    let entry = first.entry().to_owned();
    first.release().await?;
    let second = second.done().await?;
    holds("each request has an entry of its own", second.entry() != entry)?;
    second.release().await?;
    Ok(())
}

async fn of_many_tasks_one_holds_at_a_time(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    let (lock, counter) = (case.key("lock"), case.key("counter"));
    clients[0].put(&counter, "0").await?;
    let holders = Arc::new(AtomicUsize::new(0));
    let tasks = (0..20_usize).map(|number| {
        let (client, lock, counter) = (clients[number % 2].clone(), lock.clone(), counter.clone());
        let holders = holders.clone();
        beside(async move {
            for _ in 0..3 {
                let guard = client.lock(&lock).await?;
                same("how many hold it beside", holders.fetch_add(1, Ordering::SeqCst), 0)?;
                // Read and written in two steps: two holders at once would lose a count.
                let entry = there("the counter", client.get(&counter).await?)?;
                let count: u32 = String::from_utf8_lossy(&entry.value).parse().map_err(Failure::new)?;
                tokio::task::yield_now().await;
                let value = (count + 1).to_string();
                client.txn().check_held(&guard).put(&counter, &value).commit().await?;
                holders.fetch_sub(1, Ordering::SeqCst);
                match number % 3 {
                    0 => drop(guard),
                    _ => guard.release().await?,
                }
            }
            Ok(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.done().await?;
    }
    case.catch_up(&clients[0]).await?;
    same("the counter", there("it", clients[0].get(&counter).await?)?.value, "60")
}

async fn a_guard_moves_between_threads(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("lock");
    for _ in 0..5 {
        let guard = registry.lock(key).await?;
        let entry = guard.entry().to_owned();
        let guard = elsewhere(move || {
            assert!(!guard.is_lost(), "it is held on another thread");
            guard
        })
        .await?;
        registry.txn().check_held(&guard).commit().await?;
        same("its entry", guard.entry(), entry)?;
        let releasing = beside(async move { Ok(guard.release().await?) });
        releasing.done().await?;
    }
    registry.try_lock(key).await?.release().await?;
    Ok(())
}

async fn a_guard_may_be_dropped_where_no_runtime_is(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("lock");
    for _ in 0..5 {
        let guard = registry.lock(key).await?;
        elsewhere(move || drop(guard)).await?;
        within("the lock afterwards", SOON, registry.lock(key).into_future()).await??.release().await?;
    }
    let guard = registry.lock(key).await?;
    let lost = guard.lost();
    elsewhere(move || drop(lost)).await?;
    guard.release().await?;
    Ok(())
}

/// Runs something on a plain thread.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Verdict<T> {
    let (done, outcome) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || drop(done.send(work())));
    let outcome = within("what runs on a plain thread", SOON, outcome).await?;
    let joined = thread.join();
    holds(format!("the thread ends well: {joined:?}"), joined.is_ok())?;
    outcome.map_err(Failure::new)
}

async fn a_guard_outlives_the_task_that_took_it(case: &Case) -> Verdict {
    let (registry, other) = (case.client().await?, case.client().await?);
    let (client, key) = (registry.clone(), case.key("lock"));
    let lock = key.clone();
    let guard = beside(async move { Ok(client.lock(&lock).await?) }).done().await?;
    refused("the lock", other.try_lock(&key).await, ErrorKind::NotAcquired)?;
    registry.txn().check_held(&guard).commit().await?;
    drop(guard);
    within("the lock afterwards", SOON, other.lock(&key).into_future()).await??.release().await?;
    Ok(())
}

async fn a_token_grows_from_holder_to_holder(case: &Case) -> Verdict {
    let clients = [case.client().await?, case.client().await?];
    let key = &case.key("lock");
    let mut last = FencingToken::new(0);
    for number in 0..15 {
        let client = &clients[number % 2];
        let guard = match number % 3 {
            0 => client.lock(key).await?,
            1 => client.try_lock(key).await?,
            _ => client.campaign(key, "me").await?,
        };
        holds(format!("token {} is above {last}", guard.token()), guard.token() > last)?;
        last = guard.token();
        guard.release().await?;
        if number % 5 == 0 {
            // Also when the lock's key is recreated.
            client.delete_recursive(key).await?;
        }
    }
    // It is the order of the queue, too.
    let first = clients[0].lock(key).await?;
    let second = queue(&clients[1], key, 2).await?;
    let third = queue(&clients[0], key, 3).await?;
    let mut tokens = vec![first.token()];
    first.release().await?;
    for waiting in [second, third] {
        let guard = waiting.done().await?;
        tokens.push(guard.token());
        guard.release().await?;
    }
    holds(format!("tokens grow: {tokens:?}"), tokens.is_sorted_by(|a, b| a < b))
}

async fn a_token_is_the_creation_of_its_queue_entry(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let guard = registry.lock(&case.key("lock")).await?;
    let entry = there("its entry", registry.get(guard.entry()).await?)?;
    same("the token", guard.token(), entry.created.into())?;
    same("the lock as data", (&guard.held().entry[..], guard.held().token), (guard.entry(), guard.token()))?;
    guard.release().await?;
    Ok(())
}

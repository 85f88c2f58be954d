//! What time brings: tasks that have waited too long, records that are old, workers that have to be told again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use registry_cluster::{Server, Slot};
use registry_host::Result;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Shared;
use super::workers::is_there;
use crate::protocol::messages::StopRequest;
use crate::record::{State, WorkerRef, now};
use crate::store::Stored;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(250);

/// How long a worker that has tasks may be out of sight before it is asked whether it has ended.
const OUT_OF_SIGHT: Duration = Duration::from_secs(5);

/// How often a worker is told again that a task is to be cancelled.
const STOP_EVERY: Duration = Duration::from_secs(2);

/// What has ended longer ago is no news: such as when alerts are configured for the first time.
const NEWS: Duration = Duration::from_secs(3_600);

/// How much is done at once.
const AT_ONCE: usize = 64;

/// What is to be done about a task.
enum Due {
    Expire(Arc<Stored>),
    Remove(Arc<Stored>),
    Stop(Arc<Stored>),
    Alert(Arc<Stored>),
}

/// Looks after the tasks until the master ends.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut clock = interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopped: HashMap<String, Instant> = HashMap::new();
    let mut unseen: HashMap<WorkerRef, Instant> = HashMap::new();
    loop {
        clock.tick().await;
        let Some(slot) = shared.slot() else { continue };
        stopped.retain(|_, at| at.elapsed() < STOP_EVERY);
        let mut work = JoinSet::new();
        for due in due(&shared, slot, &stopped) {
            if let Due::Stop(stored) = &due {
                stopped.insert(stored.record.id.as_str().to_owned(), Instant::now());
            }
            let shared = Arc::clone(&shared);
            work.spawn(async move { settle(&shared, due).await });
        }
        while work.join_next().await.is_some() {}
        if let Err(error) = orphans(&shared, slot, &mut unseen).await {
            tracing::debug!(%error, "it is not known yet which workers have ended");
        }
    }
}

fn due(shared: &Shared, slot: Slot, stopped: &HashMap<String, Instant>) -> Vec<Due> {
    let seen = shared.board.seen();
    let mut due = Vec::new();
    for (id, task) in seen.tasks().filter(|(_, task)| slot.covers(task.record().id.number())) {
        if due.len() == AT_ONCE {
            break;
        }
        let record = task.record();
        let waited = record.spec.queue_timeout.map(Duration::from_millis);
        if record.state.is_queued() && waited.is_some_and(|limit| task.age() >= limit) {
            due.push(Due::Expire(Arc::clone(&task.stored)));
        } else if record.state.has_ended() && task.age() >= shared.settings.task.retention {
            due.push(Due::Remove(Arc::clone(&task.stored)));
        } else if record.state.is_underway() && record.cancel.is_some() && !stopped.contains_key(id) {
            due.push(Due::Stop(Arc::clone(&task.stored)));
        } else if shared.alerts.are_wanted() && task.age() < NEWS && record.alerted().is_ok() {
            due.push(Due::Alert(Arc::clone(&task.stored)));
        }
    }
    due
}

async fn settle(shared: &Shared, due: Due) {
    let (id, settled) = match due {
        Due::Expire(stored) => {
            let Ok(expired) = stored.record.expired(now()) else { return };
            (stored.record.id.clone(), shared.store.replace(expired, stored.version).await.map(drop))
        }
        Due::Remove(stored) => {
            (stored.record.id.clone(), shared.store.remove(&stored.record.id, stored.version).await.map(drop))
        }
        Due::Alert(stored) => {
            let Ok(alerted) = stored.record.alerted() else { return };
            let written = shared.store.replace(alerted, stored.version).await;
            if let Ok(Some(stored)) = &written {
                // The master that has written it alerts, and no other does.
                shared.alerts.task(&stored.record);
            }
            (stored.record.id.clone(), written.map(drop))
        }
        Due::Stop(stored) => {
            stop(shared, &stored).await;
            return;
        }
    };
    if let Err(error) = settled {
        tracing::warn!(task = %id, %error, "a task can't be looked after, it is tried again");
    }
}

/// Tells the worker that a task is to be cancelled.
pub(super) async fn stop(shared: &Shared, stored: &Stored) {
    let record = &stored.record;
    let (Some(worker), Some(cancel)) = (&record.worker, record.cancel) else { return };
    let Ok(mut client) = shared.channels.worker(&worker.address) else { return };
    let request = StopRequest {
        id: record.id.as_str().to_owned(),
        attempt: record.attempt,
        signal: cancel.signal,
        grace_ms: cancel.grace,
    };
    match client.stop(request).await {
        Ok(reply) if reply.get_ref().held => {}
        Ok(_) => {
            tracing::debug!(task = %record.id, worker = worker.address, "the worker doesn't have what it is to stop")
        }
        Err(status) => {
            tracing::info!(task = %record.id, worker = worker.address, %status, "can't be told to stop a task yet");
        }
    }
}

/// Takes back the tasks of incarnations that have ended for good: such as one that a task was sent to as it left.
async fn orphans(shared: &Shared, slot: Slot, unseen: &mut HashMap<WorkerRef, Instant>) -> Result<()> {
    let holders: HashSet<WorkerRef> = shared.board.seen().holders().cloned().collect();
    unseen.retain(|worker, _| holders.contains(worker));
    let mut gone = Vec::new();
    for worker in holders {
        if is_there(&shared.cluster, &worker.address, worker.incarnation) {
            unseen.remove(&worker);
        } else if unseen.entry(worker.clone()).or_insert_with(Instant::now).elapsed() >= OUT_OF_SIGHT {
            gone.push(worker);
        }
    }
    for worker in gone {
        // Asked again only after a while.
        unseen.insert(worker.clone(), Instant::now());
        let server = Server::worker(&worker.address, [] as [&str; 0])?;
        if !shared.cluster.is_over(&server, worker.incarnation).await? {
            continue;
        }
        let of_it: Vec<Arc<Stored>> = {
            let seen = shared.board.seen();
            let is_of_it = |stored: &Stored| {
                stored.record.state.is_held()
                    && stored.record.worker.as_ref() == Some(&worker)
                    && slot.covers(stored.record.id.number())
            };
            seen.tasks().map(|(_, task)| Arc::clone(&task.stored)).filter(|stored| is_of_it(stored)).collect()
        };
        for stored in of_it {
            let Ok(bereft) = stored.record.bereft(&worker.address, worker.incarnation, now()) else { continue };
            if stored.record.state != State::Sent {
                tracing::warn!(task = %stored.record.id, worker = worker.address, "the worker has left without a result");
            }
            shared.store.replace(bereft, stored.version).await?;
        }
    }
    Ok(())
}

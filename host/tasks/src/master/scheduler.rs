//! Handing out: which worker gets a task, and asking it until it has answered.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use registry_cluster::balance::{Balancer, Selector};
use registry_cluster::{Change, MemberFilter};
use registry_host::Version;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Shared;
use super::board::{Board, Task};
use super::dispatch::{self, Answer};
use super::queue::Next;
use super::workers::{Resting, with_room, worker_of};
use crate::record::{State, WorkerRef};
use crate::store::Stored;

/// How long changes are gathered before they are looked at: a look goes over all queues.
const GATHER: Duration = Duration::from_millis(2);

/// How often it is looked at whether this master has got another slot, which nothing tells of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The tasks that are being sent.
struct Sending {
    dispatches: JoinSet<(String, WorkerRef, Answer)>,
    ids: HashSet<String>,
    /// What is past of tasks that were sent, as the watch may not have told yet.
    past: HashMap<String, Version>,
    resting: Resting,
    balancer: Balancer,
}

/// Hands tasks out until the master ends.
pub(super) async fn run(shared: Arc<Shared>, selector: Selector) {
    let mut sending = Sending {
        dispatches: JoinSet::new(),
        ids: HashSet::new(),
        past: HashMap::new(),
        resting: Resting::default(),
        balancer: Balancer::new(selector),
    };
    let mut moved = shared.board.moved();
    let mut members = shared.cluster.members(MemberFilter::All).changes();
    loop {
        moved.mark_unchanged();
        let due = sending.look(&shared);
        let look_at = Instant::now() + LOOK_EVERY;
        tokio::select! {
            changed = moved.changed() => if changed.is_err() { return },
            change = members.next() => match change {
                // Beats that tell of room don't come often; those that come and go matter.
                Some(Change::Joined(_) | Change::Changed(_) | Change::Left(_)) => {}
                _ => sleep(LOOK_EVERY).await,
            },
            Some(done) = sending.dispatches.join_next() => sending.done(&shared.board, done),
            () = at(due) => {}
            () = sleep_until(look_at) => {}
        }
        sleep(GATHER).await;
        while let Some(done) = sending.dispatches.try_join_next() {
            sending.done(&shared.board, done);
        }
    }
}

impl Sending {
    /// Sends what can be sent; gives when to look again at the latest, if nothing else happens.
    fn look(&mut self, shared: &Arc<Shared>) -> Option<Instant> {
        let slot = shared.slot()?;
        let most = usize::try_from(shared.settings.exec_threads).unwrap_or(usize::MAX);
        let seen = shared.board.seen();
        self.past.retain(|id, past| seen.task(id).is_some_and(|task| task.stored.version <= *past));
        // What another master has sent, or this one in a former life.
        let adopted: Vec<Arc<Stored>> = seen
            .sent()
            .filter(|task| slot.covers(task.record().id.number()) && self.is_free(task))
            .map(|task| Arc::clone(&task.stored))
            .take(most.saturating_sub(self.ids.len()))
            .collect();
        for stored in adopted {
            self.adopt(shared, &stored);
        }
        let mut chosen: HashMap<WorkerRef, usize> = HashMap::new();
        let mut next = Next::new(&seen, slot);
        while self.ids.len() < most
            && let Some((group, task)) = next.next(|task| self.is_free(task))
        {
            let members = with_room(&shared.cluster, group, &seen, &chosen, &self.resting);
            let worker = self.balancer.choose(group, &members).ok().and_then(|member| worker_of(&member));
            let Some(worker) = worker else {
                next.leave_out(group);
                continue;
            };
            *chosen.entry(worker.clone()).or_default() += 1;
            let (shared, stored, to) = (Arc::clone(shared), Arc::clone(&task.stored), worker.clone());
            let id = stored.record.id.as_str().to_owned();
            self.ids.insert(id.clone());
            self.dispatches.spawn(async move { (id, worker, dispatch::send(&shared, &stored, to).await) });
        }
        [seen.next_due(), self.resting.next()].into_iter().flatten().min()
    }

    /// Whether nothing is being done about a task, and what is seen of it is not past.
    fn is_free(&self, task: &Task) -> bool {
        let id = task.record().id.as_str();
        !self.ids.contains(id) && !self.past.contains_key(id)
    }

    /// Goes on asking the worker that a task was sent to.
    fn adopt(&mut self, shared: &Arc<Shared>, stored: &Stored) {
        let Some(worker) = stored.record.worker.clone() else { return };
        let (id, shared, stored) = (stored.record.id.as_str().to_owned(), Arc::clone(shared), stored.clone());
        self.ids.insert(id.clone());
        self.dispatches.spawn(async move { (id, worker, dispatch::ask(&shared, stored).await) });
    }

    fn done(&mut self, board: &Board, done: Result<(String, WorkerRef, Answer), tokio::task::JoinError>) {
        let (id, worker, answer) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "sending a task panicked, report it");
                // Whose id it was is not known: those that are sent are asked for again.
                self.ids.retain(|id| board.stored(id).is_some_and(|stored| stored.record.state == State::Waiting));
                return;
            }
        };
        self.ids.remove(&id);
        if let Answer::Settled { at } | Answer::Refused { at, .. } = answer {
            self.past.insert(id, at);
        }
        if let Answer::Refused { rest, .. } = answer {
            self.resting.rest(worker, rest);
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

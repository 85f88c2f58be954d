//! The lock recipe: a fair queue of ephemeral entries over commit, list and watch.
//!
//! Every request puts an ephemeral entry `<session hex>-<number>` below the lock's key. Who has the lowest `created` holds
//! the lock, and `created` is the fencing token. Everybody else watches the entry right before their own, so that a
//! release wakes one waiter, and looks again when it goes.

use std::sync::Arc;

use registry_api::{Check, Error, ErrorKind, Event, Held, Key, Mode, Operation, Result, Scope, Txn, queue_entry};
use tokio::time::sleep;

use super::{
    EVENTS,
    leave::pauses,
    place::Place,
    queue::{Queue, Standing},
};
use crate::{Backend, LockRequest, watch::watch_buffer};

/// Waits in the queue until the lock is had or the request's limit passes.
///
/// # Behavior
///
/// A request that waits outlasts failures that can pass: it asks again after a pause. One that does not wait fails with
/// the first, unless it is its own put that has no answer: whether it was applied shows in the queue, its name is unique.
///
/// # Errors
///
/// `NotAcquired`, having left the queue; `HasChildren` if the key has descendants that are no queue entries, usually
/// before it is queued for and at the latest right after; `EphemeralParent`; `LockLost` if somebody deletes the waiter's
/// entry; what reading, writing and watching give.
///
/// # Cancellation
///
/// Dropping the future leaves the queue in the background, also if the entry's put is still on its way.
pub async fn lock<B: Backend>(backend: Arc<B>, request: LockRequest) -> Result<Held> {
    let key = request.key();
    if key.is_root() {
        return Err(Error::new(ErrorKind::InvalidKey, "the root '/' can't be a lock").with_key(key));
    }
    let entry = key.child(&queue_entry(request.session(), request.number()));
    let put =
        Operation::Put { key: Key::new(&entry).map_err(too_long)?, value: request.value(), mode: Mode::Ephemeral };
    Txn::new(&[Check::Absent(put.key())], &[put]).validate(request.context().namespace())?;

    let mut contender = Contender { place: Place::new(backend.clone(), &request, entry), backend, request, mine: None };
    let passed = contender.request.passed();
    let had = tokio::select! {
        biased;
        had = contender.contend() => had,
        () = passed => Err(contender.request.not_acquired()),
    };
    match had {
        Ok(held) => {
            contender.place.keep(held.token);
            Ok(held)
        }
        Err(error) => {
            contender.place.leave().await;
            Err(error)
        }
    }
}

/// Leaves the queue, holding or waiting.
///
/// # Errors
///
/// Those of the commit; an entry that is gone already is none.
pub async fn unlock<B: Backend>(backend: Arc<B>, held: Held) -> Result<()> {
    let entry = Key::from_checked(&held.entry);
    let checks = [Check::Held { entry, token: held.token }];
    match backend.commit(Txn::new(&checks, &[Operation::Delete(entry)])).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::ConditionFailed => Ok(()),
        Err(error) => Err(error),
    }
}

struct Contender<B: Backend> {
    backend: Arc<B>,
    request: LockRequest,
    place: Place<B>,
    /// Where the entry was first seen in the queue.
    mine: Option<Standing>,
}

impl<B: Backend> Contender<B> {
    async fn contend(&mut self) -> Result<Held> {
        let mut waits = pauses();
        loop {
            match self.step().await {
                Ok(Some(held)) => return Ok(held),
                Ok(None) => waits = pauses(),
                Err(error) if self.may_pass(&error) => {
                    tracing::debug!(%error, "a lock's queue gives no answer, asking again");
                    sleep(waits.next().unwrap_or_default()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One look at the queue and what follows from it; nothing if another look is needed.
    async fn step(&mut self) -> Result<Option<Held>> {
        let key = self.request.key();
        let strict = self.mine.is_none();
        let queue = Queue::read(&*self.backend, self.request.context(), key, strict).await?;
        let Some(mine) = queue.find(self.place.entry()) else {
            if self.place.is_taken() {
                return Err(self.lost());
            }
            if !self.request.waits() && !queue.is_empty() {
                return Err(self.taken());
            }
            self.place.take(self.request.value()).await?;
            return Ok(None);
        };
        self.place.seen();
        if self.mine.get_or_insert_with(|| mine.clone()) != mine || mine.owner != Some(self.request.session()) {
            return Err(self.lost());
        }
        match queue.before(mine) {
            None => Ok(Some(Held::new(&*mine.entry, mine.created))),
            Some(_) if !self.request.waits() => Err(self.taken()),
            Some(before) => self.wait_for(before).await.map(|()| None),
        }
    }

    /// Waits until the entry before may be gone.
    async fn wait_for(&self, before: &Standing) -> Result<()> {
        let key = Key::from_checked(&before.entry);
        let (sink, mut stream) = watch_buffer(key, Scope::Node);
        let gone = async {
            let (mut there, mut synced) = (false, false);
            loop {
                let Some(events) = stream.next_batch(EVENTS).await.transpose()? else { return Ok(()) };
                for event in events {
                    match event {
                        // Other etcd clients take the same name each time that they ask for the lock.
                        Event::Put { entry, .. } if entry.created == before.created => there = true,
                        Event::Synced if there && !synced => synced = true,
                        // Also synced again: after a break all may be different, one's own entry too.
                        _ => return Ok(()),
                    }
                }
            }
        };
        tokio::select! {
            biased;
            gone = gone => gone,
            fed = self.backend.watch(key, Scope::Node, sink) => fed.and(Err(watch_ended())),
        }
    }

    fn may_pass(&self, error: &Error) -> bool {
        let passing = error.is_retryable() && !matches!(error.kind(), ErrorKind::SessionLost | ErrorKind::NotAcquired);
        // What became of a put has to be seen in any case.
        passing && (self.request.waits() || self.place.is_open())
    }

    fn taken(&self) -> Error {
        Error::new(ErrorKind::NotAcquired, "others hold the lock or wait for it").with_key(self.request.key())
    }

    fn lost(&self) -> Error {
        let message = format!("{} was deleted or taken over by others while it waited", self.place.entry());
        Error::new(ErrorKind::LockLost, message).with_key(self.request.key())
    }
}

fn too_long(invalid: registry_api::InvalidKey) -> Error {
    let message = format!("the key leaves no room for the entries of a lock's queue: {}", invalid.reason());
    Error::new(ErrorKind::InvalidKey, message)
}

fn watch_ended() -> Error {
    Error::new(ErrorKind::Unavailable, "the watch on the entry before ended")
}

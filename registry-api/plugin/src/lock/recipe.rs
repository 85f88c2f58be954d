//! The lock recipe: a fair queue of ephemeral entries below the lock's key.
//!
//! Who is first holds the lock. Everybody else watches the entry right before their own, so that a release wakes one
//! waiter, and looks again when it goes. How entries are named and put in order is their [`QueuePlace`]'s business.

use std::{sync::Arc, time::Duration};

use registry_api::{Check, Error, ErrorKind, Event, Held, Key, Operation, Result, Revision, Scope, Txn};
use tokio::time::sleep;

use super::{
    EVENTS, LockRequest,
    leave::backoff,
    named::Named,
    place::{QueuePlace, Turn},
};
use crate::{Backend, watch::watch_buffer};

/// Waits in the queue until the lock is acquired or the request's limit passes.
///
/// # Behavior
///
/// The queue is kept over commit and list: one of entries that are named by those who queue and stand in the order of
/// their creation. For the rest, see [`contend`].
///
/// # Errors
///
/// As [`contend`]; `InvalidKey` for the root and for keys that leave no room for a queue.
///
/// # Cancellation
///
/// Dropping the future leaves the queue in the background, also if the entry's put is still on its way.
pub async fn lock<B: Backend>(backend: Arc<B>, request: LockRequest) -> Result<Held> {
    let place = Named::new(backend.clone(), request)?;
    contend(backend, place).await
}

/// Waits in the queue until a place's turn comes or its request's limit passes.
///
/// # Behavior
///
/// A request that waits outlasts failures that can pass: it asks again after a pause. One that does not wait fails with
/// the first, unless it is its own place that is [open](QueuePlace::is_open).
///
/// # Errors
///
/// `NotAcquired`, having left the queue; `HasChildren` if the key has descendants that are no queue entries, usually
/// before it is queued for and at the latest right after; `EphemeralParent`; `LockLost` if somebody deletes the
/// waiter's entry; what reading, writing and watching give.
///
/// # Cancellation
///
/// Dropping the future drops the place, which leaves the queue in the background.
pub async fn contend<B: Backend, P: QueuePlace>(backend: Arc<B>, mut place: P) -> Result<Held> {
    let passed = place.request().passed();
    let had = tokio::select! {
        biased;
        had = wait(&*backend, &mut place) => had,
        () = passed => Err(place.request().not_acquired()),
    };
    match &had {
        Ok(held) => place.give_up(held),
        Err(_) => {
            if let Some(leaving) = place.leave() {
                leaving.answered().await;
            }
        }
    }
    had
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

/// How often one who stands before is looked at again whose entry may not be read, and so not watched.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Waits until the place's turn comes.
async fn wait<B: Backend>(backend: &B, place: &mut impl QueuePlace) -> Result<Held> {
    let (mut backoff, mut unread) = (backoff(), None);
    loop {
        match step(backend, place, &mut unread).await {
            Ok(Some(held)) => return Ok(held),
            Ok(None) => backoff.reset(),
            Err(error) if may_pass(place, &error) => {
                tracing::debug!(%error, "a lock's queue gives no answer, asking again");
                sleep(backoff.next_pause()).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// One look at the queue and what follows from it; `None` if another look is needed. The entry before that can't be
/// watched is kept in `unread`, to be told once.
async fn step<B: Backend>(
    backend: &B,
    place: &mut impl QueuePlace,
    unread: &mut Option<String>,
) -> Result<Option<Held>> {
    match place.stand().await? {
        Turn::Come(held) => Ok(Some(held)),
        Turn::Behind { .. } if !place.request().waits() => Err(place.request().taken()),
        Turn::Behind { entry, created } => match wait_for(backend, Key::from_checked(&entry), created).await {
            // It counts all the same: the lock is not acquired past it.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                if unread.as_ref() != Some(&entry) {
                    tracing::warn!(
                        key = entry,
                        %error,
                        "the queue entry before may not be read by this user: it is waited for all the same, looking again every {LOOK_AGAIN:?}"
                    );
                    *unread = Some(entry);
                }
                sleep(LOOK_AGAIN).await;
                Ok(None)
            }
            waited => waited.map(|()| None),
        },
    }
}

/// Waits until the entry before, made at `created`, may be gone.
async fn wait_for<B: Backend>(backend: &B, before: Key<'_>, created: Revision) -> Result<()> {
    let (sink, mut stream) = watch_buffer(before, Scope::Node);
    let gone = async {
        let (mut there, mut synced) = (false, false);
        loop {
            let Some(events) = stream.next_batch(EVENTS).await.transpose()? else { return Ok(()) };
            for event in events {
                match event {
                    // Other etcd clients take the same name each time that they ask for the lock.
                    Event::Put { entry, .. } if entry.created == created => there = true,
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
        fed = backend.watch(before, Scope::Node, sink) => fed.and(Err(watch_ended())),
    }
}

fn may_pass(place: &impl QueuePlace, error: &Error) -> bool {
    let passing = error.is_retryable() && !matches!(error.kind(), ErrorKind::SessionLost | ErrorKind::NotAcquired);
    // What became of a put has to be seen in any case.
    passing && (place.request().waits() || place.is_open())
}

fn watch_ended() -> Error {
    Error::new(ErrorKind::Unavailable, "the watch on the entry before ended")
}

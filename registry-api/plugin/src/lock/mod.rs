//! Locks: the queue over commit and watch, and what a holder has (contract 6).

mod guard;
mod leave;
mod name;
mod named;
mod place;
mod queue;
pub mod recipe;
mod request;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use registry_api::{Error, ErrorKind, Outcome, Result, SessionId, SessionState};

use crate::{
    Backend, Context,
    session::{Snapshot, closed},
};

pub(crate) use guard::LockGuard;
pub use leave::Leaving;
pub(crate) use name::FORMS;
pub use place::{QueuePlace, Turn};
pub use request::LockRequest;

/// How many events a watch on one entry is asked for at once.
const EVENTS: usize = 4;

/// Waits until the lock is acquired, the request's `limit` passes, or the session has ended.
///
/// # Behavior
///
/// Waiting ends by the limit; leaving the queue is then given one operation timeout more, and goes on in the background
/// after that. A request that does not wait has one operation timeout unless it is given a limit.
///
/// # Errors
///
/// `NotAcquired` when the limit passes or, for a request that does not wait, when somebody holds the lock or waits for
/// it; `Timeout` when the session was out of contact until then; `SessionLost`, `Closed`, and what the backend's lock
/// gives.
///
/// # Cancellation
///
/// Dropping the future leaves the queue in the background.
pub(crate) async fn acquire<B: Backend>(
    backend: Arc<B>,
    mut request: LockRequest,
    limit: Option<Duration>,
) -> Result<LockGuard> {
    let context = request.context().clone();
    request.end_after(limit.or((!request.waits()).then(|| context.operation_timeout())));
    let backstop = request.clock_after(context.operation_timeout());
    tokio::select! {
        biased;
        sendable = context.session().sendable() => sendable?,
        () = request.passed() => return Err(request.not_acquired()),
    }
    let (session, _) = context.session().current().ok_or_else(closed)?;
    request.begin_in(session);
    let held = tokio::select! {
        biased;
        error = over(&context, session) => Err(error),
        held = Arc::clone(&backend).lock(request) => held,
        // The backend leaves the queue itself when the limit passes; this is for one that doesn't.
        () = backstop => Err(Error::new(ErrorKind::Timeout, "the lock was not acquired in time, nor was its queue left")),
    }?;
    let guard = LockGuard::keep(backend, context, held, session)?;
    match guard.ended() {
        // Dropping the guard leaves the queue.
        Some(error) => Err(error),
        None => Ok(guard),
    }
}

/// Waits until the session of that id has ended, or the connection is closed.
async fn over(context: &Context, session: SessionId) -> Error {
    let mut states = context.session().subscribe();
    let ended = states.wait_for(|now| ending(*now, session).is_some()).await.map(|now| ending(*now, session));
    // The sender lives as long as the context.
    ended.ok().flatten().unwrap_or_else(closed)
}

/// Why the session of that id holds nothing any more, by the clock's word too; `None` while it may.
fn over_now(context: &Context, session: SessionId) -> Option<Error> {
    // Looking at the clock tells all that wait what it finds.
    context.session().state();
    let now = *context.session().subscribe().borrow();
    ending(now, session)
}

fn ending(now: Option<Snapshot>, session: SessionId) -> Option<Error> {
    let now = now?;
    if now.state == SessionState::Closed {
        Some(closed())
    } else if now.state == SessionState::Lost || now.id != session {
        let message = format!("session {session} has ended, and its locks and queue entries with it");
        Some(Error::new(ErrorKind::SessionLost, message).set_outcome(Outcome::NotApplied))
    } else {
        None
    }
}

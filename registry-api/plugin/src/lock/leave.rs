//! Background work that is tried until it is done (contract 4.5).

use std::time::Duration;

use registry_api::{Backoff, ErrorKind, Result, SessionId};
use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{sleep, timeout},
};

use super::over_now;
use crate::{
    Context,
    call::{Effect, call},
    guarded::InRuntime,
};

/// A queue that is being left in the background.
pub struct Leaving {
    context: Context,
    answered: oneshot::Receiver<()>,
}

impl Leaving {
    /// Starts to try until `done` says of an attempt's result that it was the last, or its session's entries are gone
    /// anyway.
    ///
    /// # Behavior
    ///
    /// It waits while the session is out of contact and between attempts ever longer, by chance more or less. Once the
    /// session has ended its entries go with it: one more attempt is made in the next session, whatever comes of it,
    /// which frees them sooner.
    pub fn start<T, F>(
        context: &Context,
        session: SessionId,
        attempt: impl FnMut() -> F + Send + 'static,
        mut done: impl FnMut(T) -> bool + Send + 'static,
    ) -> Leaving
    where
        T: Send,
        F: Future<Output = Result<T>> + Send,
    {
        let (answers, answered) = oneshot::channel();
        let background = context.clone();
        context.spawn(async move {
            let mut answers = Some(answers);
            let leaving = insist(&background, session, attempt, |answer| {
                if let Some(answers) = answers.take() {
                    // Nobody waits for it after a drop.
                    let _ = answers.send(());
                }
                done(answer)
            });
            // Closed, the entry is gone.
            let _ = leaving.await;
        });
        Leaving { context: context.clone(), answered }
    }

    /// Waits until an attempt was answered or could not be sent soon; it goes on in the background.
    pub(super) async fn answered(self) {
        if self.context.session().may_send() {
            // Whether it was answered or the background work ended, there is nothing more to wait for.
            let _ = timeout(self.context.operation_timeout(), self.answered).await;
        }
    }
}

/// Tries until `done` says of an attempt's result that it was the last, as [`Leaving`] does.
///
/// # Errors
///
/// `Closed` once the connection is: its entries have gone with it.
pub(super) async fn insist<T, F>(
    context: &Context,
    session: SessionId,
    mut attempt: impl FnMut() -> F,
    mut done: impl FnMut(T) -> bool,
) -> Result<()>
where
    F: Future<Output = Result<T>>,
{
    let mut backoff = backoff();
    loop {
        context.session().sendable().await?;
        let over = over_now(context, session).is_some();
        // A panic counts as a failure, at the call too: what is to be removed must not stay for it.
        let trying = InRuntime::new(Handle::current(), async { attempt().await });
        match call(context.session(), context.operation_timeout(), Effect::Write, trying).await {
            Ok(answer) => {
                if done(answer) {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::Closed => return Err(error),
            Err(error) => tracing::warn!(%error, "a lock's queue could not be left yet"),
        }
        if over {
            return Ok(());
        }
        sleep(backoff.next_pause()).await;
    }
}

/// The pauses between two attempts at a queue.
pub(super) fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(20), Duration::from_secs(2))
}

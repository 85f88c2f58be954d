//! A place in a lock's queue, which is left when it is dropped.

use std::{sync::Arc, time::Duration};

use registry_api::{Check, ErrorKind, Key, Mode, Operation, Outcome, Result, SessionId, Txn};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::{LockRequest, leave::insist};
use crate::{
    Backend, Context,
    call::{Effect, call},
};

/// How long after it was sent a put that was not answered may still be applied, at most, whatever the operation timeout:
/// etcd itself gives up a request after its 5 s and two elections. The tests' own server is quicker.
const SETTLES: Duration = if cfg!(test) { Duration::from_millis(400) } else { Duration::from_secs(8) };

/// A request's entry in the queue, from before it is put until it is gone or somebody else's to remove.
///
/// # Behavior
///
/// A put that was dropped or not answered may be applied a moment later, when a delete has already found nothing. So the
/// entry is deleted until every put that may have been applied was seen to go, or until none of them can be applied any
/// more. Its name is this request's alone, which makes deleting it by name safe at any time.
pub(super) struct Place<B: Backend> {
    backend: Arc<B>,
    context: Context,
    session: SessionId,
    entry: String,
    puts: Puts,
    left: bool,
}

/// What is known of the puts of one entry.
#[derive(Clone, Copy, Default)]
struct Puts {
    /// How many may or may not have been applied, or may yet be.
    open: u64,
    /// Whether one is known to have been applied.
    applied: bool,
    /// When the last was sent.
    sent: Option<Instant>,
}

impl<B: Backend> Place<B> {
    pub(super) fn new(backend: Arc<B>, request: &LockRequest, entry: String) -> Self {
        let context = request.context().clone();
        Place { backend, context, session: request.session(), entry, puts: Puts::default(), left: false }
    }

    pub(super) fn entry(&self) -> Key<'_> {
        Key::from_checked(&self.entry)
    }

    /// Whether the entry is known to have been put.
    pub(super) fn is_taken(&self) -> bool {
        self.puts.applied
    }

    /// Whether there are puts of which nobody knows whether they were or will be applied.
    pub(super) fn is_open(&self) -> bool {
        self.puts.open > 0
    }

    /// Puts the entry, unless an earlier put of it turns out to have been applied.
    ///
    /// # Errors
    ///
    /// Those of the commit; if the outcome is unknown the queue has to be looked at.
    pub(super) async fn take(&mut self, value: &[u8]) -> Result<()> {
        let Place { backend, context, entry, puts, .. } = self;
        let entry = Key::from_checked(entry);
        let checks = [Check::Absent(entry)];
        let operations = [Operation::Put { key: entry, value, mode: Mode::Ephemeral }];
        let before = puts.open;
        let put = async {
            puts.open += 1;
            puts.sent = Some(Instant::now());
            backend.commit(Txn::new(&checks, &operations)).await
        };
        match call(context.session(), context.operation_timeout(), Effect::Write, put).await {
            Ok(_) => {
                puts.open = before;
                puts.applied = true;
                Ok(())
            }
            Err(error) if error.outcome() == Outcome::NotApplied => {
                puts.open = before;
                if error.kind() == ErrorKind::ConditionFailed && before > 0 { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// The entry was seen in the queue.
    pub(super) fn seen(&mut self) {
        if !self.puts.applied {
            self.puts.applied = true;
            self.puts.open = self.puts.open.saturating_sub(1);
        }
    }

    /// Leaves the queue: returns once a delete was answered or could not be sent soon, and goes on in the background.
    pub(super) async fn leave(mut self) {
        if let Some(answered) = self.start_leaving()
            && self.context.session().may_send()
        {
            // Whether it was answered or the background work ended, there is nothing more to wait for.
            let _ = timeout(self.context.operation_timeout(), answered).await;
        }
    }

    /// Gives up the entry, which is the lock's now.
    pub(super) fn keep(mut self, token: u64) {
        self.left = true;
        if self.puts.open > 0 {
            // A second put that is applied after the lock was released would block the queue until the session ends.
            let (backend, context, entry) = (self.backend.clone(), self.context.clone(), self.entry.clone());
            let (session, puts) = (self.session, self.puts);
            self.context.spawn(async move {
                tokio::time::sleep_until(puts.settled(&context)).await;
                let remove = || remove_other(backend.clone(), entry.clone(), token);
                let removal = insist(&context, session, remove, |()| true);
                // Closed, the entry is gone.
                let _ = removal.await;
            });
        }
    }

    fn start_leaving(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.left || (self.puts.open == 0 && !self.puts.applied) {
            return None;
        }
        self.left = true;
        let (answered, hears) = oneshot::channel();
        let (backend, context, entry) = (self.backend.clone(), self.context.clone(), self.entry.clone());
        let (session, puts) = (self.session, self.puts);
        self.context.spawn(async move {
            let mut answered = Some(answered);
            let mut gone = 0;
            let delete = || delete(backend.clone(), entry.clone());
            let removal = insist(&context, session, delete, |count| {
                gone += count;
                if let Some(answered) = answered.take() {
                    // Nobody waits for it after a drop.
                    let _ = answered.send(());
                }
                puts.open == 0
                    || gone >= puts.open + u64::from(puts.applied)
                    || Instant::now() >= puts.settled(&context)
            });
            // Closed, the entry is gone.
            let _ = removal.await;
        });
        Some(hears)
    }
}

impl<B: Backend> Drop for Place<B> {
    fn drop(&mut self) {
        self.start_leaving();
    }
}

impl Puts {
    /// When none of them can be applied any more.
    fn settled(&self, context: &Context) -> Instant {
        self.sent.unwrap_or_else(Instant::now) + SETTLES.max(context.operation_timeout())
    }
}

async fn delete<B: Backend>(backend: Arc<B>, entry: String) -> Result<u64> {
    Ok(backend.commit(Txn::new(&[], &[Operation::Delete(Key::from_checked(&entry))])).await?.deleted())
}

/// Removes the entry if it is not the one of that token.
async fn remove_other<B: Backend>(backend: Arc<B>, entry: String, token: u64) -> Result<()> {
    let key = Key::from_checked(&entry);
    if let Some(found) = backend.get(key).await?
        && found.created != token
    {
        backend.commit(Txn::new(&[Check::Version(key, found.version)], &[Operation::Delete(key)])).await?;
    }
    Ok(())
}

//! A place in a queue of entries that are named by those who queue, kept over commit and list.
//!
//! Every request puts an ephemeral entry `<session hex>-<number>` below the lock's key. The queue is in the order of
//! their creation, which is also the fencing token.

use std::{sync::Arc, time::Duration};

use registry_api::{Check, Error, ErrorKind, FencingToken, Held, Key, Mode, Operation, Outcome, Result, Txn};
use tokio::time::{Instant, sleep_until};

use super::{
    LockRequest,
    leave::{Leaving, insist},
    name::queue_entry,
    place::{QueuePlace, Turn},
    queue::{Queue, QueuedRequest},
};
use crate::{
    Backend, Context,
    call::{Effect, call},
};

/// How long after it was sent a put that was not answered may still be applied, at most, whatever the operation
/// timeout: etcd itself gives up a request after its 5 s and two elections. The tests' own server is quicker.
const SETTLES: Duration = if cfg!(test) { Duration::from_millis(400) } else { Duration::from_secs(8) };

/// A request's entry in the queue, from before it is put until it is gone or somebody else's to remove.
///
/// # Behavior
///
/// A put that was dropped or not answered may be applied a moment later, when a delete has already found nothing. So
/// the entry is deleted until every put that may have been applied was seen to go, or until none of them can be applied
/// any more. Its name is this request's alone, which makes deleting it by name safe at any time.
pub(super) struct Named<B: Backend> {
    backend: Arc<B>,
    request: LockRequest,
    entry: String,
    /// Where the entry was first seen in the queue.
    mine: Option<QueuedRequest>,
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

impl<B: Backend> Named<B> {
    /// A place that is not asked for yet.
    ///
    /// # Errors
    ///
    /// `InvalidKey` and so on if there can be no such entry.
    pub(super) fn new(backend: Arc<B>, request: LockRequest) -> Result<Self> {
        let entry = request.entry(&queue_entry(request.session(), request.number()))?;
        Ok(Named { backend, request, entry, mine: None, puts: Puts::default(), left: false })
    }

    /// Puts the entry, unless an earlier put of it turns out to have been applied.
    ///
    /// # Errors
    ///
    /// Those of the commit; if the outcome is unknown the queue has to be looked at.
    async fn take(&mut self) -> Result<()> {
        let Named { backend, request, entry, puts, .. } = self;
        let (context, entry) = (request.context(), Key::from_checked(entry));
        let checks = [Check::Absent(entry)];
        let operations = [Operation::Put { key: entry, value: request.value(), mode: Mode::Ephemeral }];
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

    /// Whose turn it is, with the entry in the queue.
    fn turn(&mut self, queue: &Queue, mine: &QueuedRequest) -> Result<Turn> {
        if !self.puts.applied {
            self.puts.applied = true;
            self.puts.open = self.puts.open.saturating_sub(1);
        }
        if self.mine.get_or_insert_with(|| mine.clone()) != mine || mine.owner != Some(self.request.session()) {
            return Err(self.lost());
        }
        Ok(match queue.before(mine) {
            None => Turn::Come(Held::new(&*mine.entry, mine.created.into())),
            Some(before) => Turn::Behind { entry: before.entry.clone(), created: before.created },
        })
    }

    fn lost(&self) -> Error {
        self.request.lost(Key::from_checked(&self.entry))
    }
}

impl<B: Backend> QueuePlace for Named<B> {
    fn request(&self) -> &LockRequest {
        &self.request
    }

    async fn stand(&mut self) -> Result<Turn> {
        loop {
            let strict = self.mine.is_none();
            let queue = Queue::read(&*self.backend, self.request.context(), self.request.key(), strict).await?;
            if let Some(mine) = queue.find(Key::from_checked(&self.entry)) {
                return self.turn(&queue, mine);
            }
            if self.puts.applied {
                return Err(self.lost());
            }
            if !self.request.waits() && !queue.is_empty() {
                return Err(self.request.taken());
            }
            self.take().await?;
        }
    }

    fn is_open(&self) -> bool {
        self.puts.open > 0
    }

    fn leave(&mut self) -> Option<Leaving> {
        if self.left || (self.puts.open == 0 && !self.puts.applied) {
            return None;
        }
        self.left = true;
        let (backend, entry, puts) = (self.backend.clone(), self.entry.clone(), self.puts);
        let settled = puts.settled(self.request.context());
        let delete = move || delete(backend.clone(), entry.clone());
        let mut gone = 0;
        Some(Leaving::start(self.request.context(), self.request.session(), delete, move |count| {
            gone += count;
            puts.open == 0 || gone >= puts.open + u64::from(puts.applied) || Instant::now() >= settled
        }))
    }

    fn give_up(&mut self, held: &Held) {
        self.left = true;
        if self.puts.open > 0 {
            // A second put that is applied after the lock was released would block the queue until the session ends.
            let (backend, context, held) = (self.backend.clone(), self.request.context().clone(), held.clone());
            let (session, settled) = (self.request.session(), self.puts.settled(&context));
            self.request.context().spawn(async move {
                sleep_until(settled).await;
                let remove = || remove_other(backend.clone(), held.clone());
                let removal = insist(&context, session, remove, |()| true);
                // Closed, the entry is gone.
                let _ = removal.await;
            });
        }
    }
}

impl<B: Backend> Drop for Named<B> {
    fn drop(&mut self) {
        self.leave();
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

/// Removes the entry if it is not the one that was held.
async fn remove_other<B: Backend>(backend: Arc<B>, held: Held) -> Result<()> {
    let key = Key::from_checked(&held.entry);
    if let Some(found) = backend.get(key).await?
        && FencingToken::from(found.created) != held.token
    {
        backend.commit(Txn::new(&[Check::Version(key, found.version)], &[Operation::Delete(key)])).await?;
    }
    Ok(())
}

//! What a lock is asked for.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use registry_api::{Check, Error, ErrorKind, InvalidKey, Key, Mode, Operation, Outcome, Result, SessionId, Txn};
use tokio::time::{Instant, sleep_until};

use crate::Context;

/// What a lock is asked for.
pub struct LockRequest {
    key: String,
    value: Bytes,
    wait: bool,
    number: u64,
    context: Context,
    session: SessionId,
    limit: Option<Duration>,
    end: Option<Instant>,
}

impl LockRequest {
    pub(crate) fn new(key: String, value: Bytes, wait: bool, number: u64, context: Context) -> Self {
        LockRequest { key, value, wait, number, context, session: SessionId(0), limit: None, end: None }
    }

    /// A request without a host and without a limit in the session that is now, for tests of a backend.
    pub fn detached(context: &Context, key: &str, value: Bytes, wait: bool, number: u64) -> Self {
        let mut request = LockRequest::new(key.to_owned(), value, wait, number, context.clone());
        if let Some((session, _)) = context.session().current() {
            request.begin_in(session);
        }
        request
    }

    /// The lock's key.
    pub fn key(&self) -> Key<'_> {
        Key::from_checked(&self.key)
    }

    /// The value of the queue entry, which observers can read (6.8).
    pub fn value(&self) -> &Bytes {
        &self.value
    }

    /// Whether to wait in the queue; else the lock is acquired at once or not at all.
    pub fn waits(&self) -> bool {
        self.wait
    }

    /// The request's number, unique within its connection.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The session that shall own the queue entry; the future of the request is dropped when that ends.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The connection's context, for background work.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Waits until the request's limit passes, for ever if it has none; then the queue is left and the lock
    /// [not acquired](LockRequest::not_acquired).
    pub fn passed(&self) -> impl Future<Output = ()> + Send + 'static {
        until(self.end)
    }

    /// The error for a lock that was not acquired in time: `NotAcquired`, or `Timeout` if it is contact that was
    /// lacking.
    pub fn not_acquired(&self) -> Error {
        let limit = match self.limit.filter(|limit| !limit.is_zero()) {
            Some(limit) => format!("within {limit:?}"),
            None => "at once".to_owned(),
        };
        let error = if !self.context.session().may_send() {
            let message = format!("the lock was not acquired {limit}, the session is out of contact with the server");
            Error::new(ErrorKind::Timeout, message).set_outcome(Outcome::NotApplied)
        } else if self.wait {
            Error::new(ErrorKind::NotAcquired, format!("the lock was not acquired {limit}, others hold or wait for it"))
        } else {
            let message = format!("whether the lock is free was not known {limit}");
            Error::new(ErrorKind::Timeout, message).set_outcome(Outcome::NotApplied)
        };
        error.or_key(&self.key)
    }

    /// The error for a lock that others hold or wait for, which is not waited for.
    pub fn taken(&self) -> Error {
        Error::new(ErrorKind::NotAcquired, "others hold the lock or wait for it").or_key(&self.key)
    }

    /// The error for a place in the queue that was taken away.
    pub fn lost(&self, entry: Key<'_>) -> Error {
        let message = format!("{entry} was deleted or taken over by others while it waited");
        Error::new(ErrorKind::LockLost, message).or_key(&self.key)
    }

    /// The key of a queue entry of that name, which is held against the contract's limits together with the value.
    ///
    /// # Errors
    ///
    /// `InvalidKey` if the root is to be a lock, or a key that leaves no room for a queue; `ValueTooLarge`,
    /// `InvalidTxn`.
    pub fn entry(&self, name: &str) -> Result<String> {
        if self.key().is_root() {
            return Err(Error::new(ErrorKind::InvalidKey, "the root '/' can't be a lock").or_key(&self.key));
        }
        let entry = self.key().child(name);
        let key = Key::new(&entry).map_err(too_long)?;
        let put = Operation::Put { key, value: &self.value, mode: Mode::Ephemeral };
        Txn::new(&[Check::Absent(key)], &[put]).validate(self.context.namespace())?;
        Ok(entry)
    }

    /// Starts the clock.
    pub(super) fn end_after(&mut self, limit: Option<Duration>) {
        self.limit = limit;
        // A limit beyond what the clock can count is none.
        self.end = limit.and_then(|limit| Instant::now().checked_add(limit));
    }

    /// Waits until `more` after the limit.
    pub(super) fn clock_after(&self, more: Duration) -> impl Future<Output = ()> + Send + 'static {
        until(self.end.and_then(|end| end.checked_add(more)))
    }

    pub(super) fn begin_in(&mut self, session: SessionId) {
        self.session = session;
    }
}

fn too_long(invalid: InvalidKey) -> Error {
    let message = format!("the key leaves no room for the entries of a lock's queue: {}", invalid.reason());
    Error::new(ErrorKind::InvalidKey, message)
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

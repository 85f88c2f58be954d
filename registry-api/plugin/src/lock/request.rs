//! What a lock is asked for.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use registry_api::{Error, ErrorKind, Key, Outcome, SessionId};
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

    /// The lock's key.
    pub fn key(&self) -> Key<'_> {
        Key::from_checked(&self.key)
    }

    /// The value of the queue entry, which observers can read (6.8).
    pub fn value(&self) -> &Bytes {
        &self.value
    }

    /// Whether to wait in the queue; else the lock is had at once or not at all.
    pub fn waits(&self) -> bool {
        self.wait
    }

    /// The request's number, unique within its connection.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The session that shall own the queue entry; the future of the request is dropped when it is over.
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

    /// The error for a lock that was not had in time: `NotAcquired`, or `Timeout` if it is contact that was lacking.
    pub fn not_acquired(&self) -> Error {
        let limit = self.limit.unwrap_or_default();
        let error = if !self.context.session().may_send() {
            let message =
                format!("the lock was not had within {limit:?}, the session is out of contact with the server");
            Error::new(ErrorKind::Timeout, message).with_outcome(Outcome::NotApplied)
        } else if self.wait {
            Error::new(
                ErrorKind::NotAcquired,
                format!("the lock was not had within {limit:?}, others hold or wait for it"),
            )
        } else {
            let message = format!("whether the lock is free could not be told within {limit:?}");
            Error::new(ErrorKind::Timeout, message).with_outcome(Outcome::NotApplied)
        };
        error.with_key(&self.key)
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

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

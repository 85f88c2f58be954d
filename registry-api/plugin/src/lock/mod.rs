//! Locks over commit and watch, for backends without a queue of their own (contract 6).

pub mod recipe;

use bytes::Bytes;
use registry_api::Key;

use crate::Context;

/// What a lock is asked for.
pub struct LockRequest {
    pub(crate) key: String,
    pub(crate) value: Bytes,
    pub(crate) wait: bool,
    pub(crate) number: u64,
    pub(crate) context: Context,
}

impl LockRequest {
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

    /// The connection's context, for background work.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

pub(crate) struct LockGuard;
impl LockGuard {
    pub(crate) fn entry(&self) -> &str {
        ""
    }
    pub(crate) fn token(&self) -> u64 {
        0
    }
    pub(crate) fn is_lost(&self) -> bool {
        false
    }
    pub(crate) fn lost(&self) -> impl Future<Output = registry_api::Error> + Send + 'static {
        std::future::pending()
    }
    pub(crate) fn release(
        &self,
        _t: std::time::Duration,
    ) -> impl Future<Output = registry_api::Result<()>> + Send + 'static {
        std::future::pending()
    }
}
pub(crate) async fn acquire<B: crate::Backend>(
    _b: std::sync::Arc<B>,
    _r: LockRequest,
    _l: Option<std::time::Duration>,
) -> registry_api::Result<LockGuard> {
    Ok(LockGuard)
}

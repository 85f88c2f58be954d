//! The lock recipe.

use std::sync::Arc;

use registry_api::{Error, ErrorKind, Held, Result};

use crate::{Backend, LockRequest};

/// Waits in the queue.
pub async fn lock<B: Backend>(backend: Arc<B>, request: LockRequest) -> Result<Held> {
    let _ = (backend, request);
    Err(Error::new(ErrorKind::Unsupported, "locks are not there yet"))
}

/// Leaves the queue.
pub async fn unlock<B: Backend>(backend: Arc<B>, held: Held) -> Result<()> {
    let _ = (backend, held);
    Err(Error::new(ErrorKind::Unsupported, "locks are not there yet"))
}

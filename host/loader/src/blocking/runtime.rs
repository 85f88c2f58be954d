//! The thread behind the blocking registry.

use std::{fmt, sync::Arc};

use registry_api::{Error, ErrorKind, Outcome, Result};

/// A runtime with one thread, shared by a registry and its watches.
#[derive(Clone)]
pub(super) struct Runtime(Arc<Owned>);

struct Owned(Option<tokio::runtime::Runtime>);

impl Runtime {
    pub(super) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("registry-blocking")
            .enable_time()
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Other, "the registry's thread can't be started")
                    .set_outcome(Outcome::NotApplied)
                    .with_cause(&error)
            })?;
        Ok(Runtime(Arc::new(Owned(Some(runtime)))))
    }

    /// Polls the future on this thread until it is ready. Also inside another runtime, where tokio's own `block_on`
    /// panics.
    pub(super) fn wait<F: Future>(&self, future: F) -> F::Output {
        let _entered = self.0.0.as_ref().map(tokio::runtime::Runtime::enter);
        pollster::block_on(future)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for its thread would panic where an async task drops the registry.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

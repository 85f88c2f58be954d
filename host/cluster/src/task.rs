//! Tasks that end with their owner, and not before.

use registry_host::supervised;
use tokio::task::AbortHandle;

/// A task that ends, at its next await, when this is dropped. If it panics, that is logged and it is begun again.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    pub(crate) fn spawn<F>(work: &'static str, begin: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Task(tokio::spawn(supervised(work, begin)).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

//! Tasks that end with their owner, and not before.

use registry_host::supervised;
use tokio_util::task::AbortOnDropHandle;

/// A task that ends, at its next await, when this is dropped. If it panics, that is logged and it is restarted.
pub(crate) type Task = AbortOnDropHandle<()>;

/// Spawns such a task.
pub(crate) fn spawn<F>(work: &'static str, begin: impl FnMut() -> F + Send + 'static) -> Task
where
    F: Future<Output = ()> + Send + 'static,
{
    AbortOnDropHandle::new(tokio::spawn(supervised(work, begin)))
}

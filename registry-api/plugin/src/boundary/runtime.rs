//! The one runtime of a plugin library, started at the first connection and resting after the last.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use registry_api::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle, Runtime};

/// A share in the library's runtime; the last one to go lets it rest.
pub(crate) struct PluginRuntime {
    // Taken only when dropped.
    runtime: Option<Runtime>,
}

/// Each library has statics of its own; a binary that links a backend in has one more.
static RUNTIME: Mutex<Weak<PluginRuntime>> = Mutex::new(Weak::new());

impl PluginRuntime {
    /// The runtime that runs, or a new one of `workers` threads named `registry-<name>`.
    pub(crate) fn share(name: &str, workers: usize) -> Result<Arc<Self>> {
        let mut current = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = current.upgrade() {
            return Ok(running);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers)
            .thread_name(format!("registry-{name}"))
            .enable_all()
            .build()
            .map_err(|e| Error::new(ErrorKind::Unavailable, "the plugin's threads can't be started").with_cause(&e))?;
        let started = Arc::new(PluginRuntime { runtime: Some(runtime) });
        *current = Arc::downgrade(&started);
        Ok(started)
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.runtime.as_ref().expect("the runtime is there until drop").handle()
    }
}

impl Drop for PluginRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last share may be dropped by a host's thread, which must not wait.
            runtime.shutdown_background();
        }
    }
}

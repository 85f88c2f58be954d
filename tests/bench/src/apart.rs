//! A second runtime, for a raw client whose connection lives on threads of its own as a plugin's does.
//!
//! How much dearer that alone makes a call is no business of the plugin's code, and differs from machine to machine: it
//! is what waking another thread costs.

use tokio::runtime::{Builder, Runtime};

use crate::measure::Failure;

/// The threads that connections live on.
pub(crate) struct Apart(Option<Runtime>);

impl Apart {
    /// Starts as many threads as a plugin has by default.
    pub(crate) fn start() -> Result<Self, Failure> {
        Ok(Apart(Some(Builder::new_multi_thread().worker_threads(2).thread_name("apart").enable_all().build()?)))
    }

    /// Runs what opens a connection there, so that all that it spawns stays there.
    pub(crate) async fn open<C, E>(
        &self,
        open: impl Future<Output = Result<C, E>> + Send + 'static,
    ) -> Result<C, Failure>
    where
        C: Send + 'static,
        E: Into<Failure> + Send + 'static,
    {
        let runtime = self.0.as_ref().ok_or("the threads are stopped")?;
        runtime.spawn(open).await?.map_err(Into::into)
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Inside of another runtime none may be waited for.
            runtime.shutdown_background();
        }
    }
}

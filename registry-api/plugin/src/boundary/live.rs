//! What lives as long as anything of a connection does, and how its calls run.

use std::sync::{Arc, atomic::AtomicU64};

use registry_abi::{BorrowingFfiFuture, RResult, RawError, Timeout};
use registry_api::Result;

use super::runtime::PluginRuntime;
use crate::{
    Backend, Context,
    call::{Effect, call},
    guarded::{Kept, guarded},
};

/// What lives as long as anything of a connection does.
pub(super) struct Live<B: Backend> {
    pub(super) backend: Kept<Arc<B>>,
    pub(super) context: Context,
    pub(super) requests: AtomicU64,
    pub(super) runtime: Arc<PluginRuntime>,
}

impl<B: Backend> Live<B> {
    pub(super) fn guarded<'a, T, R, F>(&'a self, future: F) -> BorrowingFfiFuture<'a, RResult<R, RawError>>
    where
        F: Future<Output = Result<T>> + Send + 'a,
        T: Into<R>,
        R: 'a,
    {
        guarded(self.runtime.handle(), future)
    }

    /// A call that writes nothing. The backend's function itself runs inside the guard: it may panic like its future.
    pub(super) fn read<'a, T, F>(
        &'a self,
        timeout: Timeout,
        start: impl FnOnce(&'a B) -> F + Send + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a
    where
        T: Send + 'a,
        F: Future<Output = Result<T>> + Send + 'a,
    {
        call(self.context.session(), timeout.into(), Effect::Read, async move { start(&self.backend).await })
    }
}

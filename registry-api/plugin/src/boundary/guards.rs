//! Held locks on the plugin's side of the boundary.

use std::sync::Arc;

use registry_abi::{FfiFuture, Guard, RResult, RStr, RawError, RawGuard, RawGuard_TO, TD_Opaque, Timeout};

use super::live::Live;
use crate::{
    Backend,
    guarded::{InRuntime, guarded},
    lock::LockGuard,
};

/// Readies a held lock for the host.
pub(super) fn guard_for_host<B: Backend>(live: Arc<Live<B>>, guard: LockGuard) -> Guard {
    RawGuard_TO::from_value(GuardForHost { guard, live }, TD_Opaque)
}

struct GuardForHost<B: Backend> {
    // Released before the share of the runtime goes.
    guard: LockGuard,
    live: Arc<Live<B>>,
}

impl<B: Backend> RawGuard for GuardForHost<B> {
    fn entry(&self) -> RStr<'_> {
        self.guard.entry().into()
    }

    fn token(&self) -> u64 {
        self.guard.token().get()
    }

    fn is_lost(&self) -> bool {
        self.guard.is_lost()
    }

    fn lost(&self) -> FfiFuture<RawError> {
        let lost = self.guard.lost();
        let lost = InRuntime::new(self.live.runtime.handle().clone(), async move { Ok(lost.await) });
        FfiFuture::new(async move {
            match lost.await {
                Ok(error) | Err(error) => error.into(),
            }
        })
    }

    fn release(&self, timeout: Timeout) -> FfiFuture<RResult<(), RawError>> {
        guarded(self.live.runtime.handle().clone(), self.guard.release(timeout.into()))
    }
}

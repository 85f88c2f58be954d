//! The guard round every future that a plugin returns: the plugin's runtime is entered and panics are caught, on every
//! poll and on drop.

use std::{
    any::Any,
    borrow::Borrow,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use registry_abi::{BorrowingFfiFuture, RErr, ROk, RResult, RawError};
use registry_api::{Error, ErrorKind, Result, panic_message};
use tokio::runtime::Handle;

/// Readies a future for the host, which polls it on its own runtime.
pub(crate) fn guarded<'a, T, R, F, H>(runtime: H, future: F) -> BorrowingFfiFuture<'a, RResult<R, RawError>>
where
    F: Future<Output = Result<T>> + Send + 'a,
    T: Into<R>,
    R: 'a,
    H: Borrow<Handle> + Send + 'a,
{
    BorrowingFfiFuture::new(GuardedFuture { future: InRuntime::new(runtime, future), answer: PhantomData })
}

pin_project! {
    struct GuardedFuture<F, R> {
        #[pin]
        future: F,
        answer: PhantomData<fn() -> R>,
    }
}

impl<T, R, F> Future for GuardedFuture<F, R>
where
    F: Future<Output = Result<T>>,
    T: Into<R>,
{
    type Output = RResult<R, RawError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map(|result| match result {
            Ok(value) => ROk(value.into()),
            Err(error) => RErr(error.into()),
        })
    }
}

/// A future that runs in the plugin's runtime on any thread, and whose panics become errors.
pub(crate) struct InRuntime<F, H: Borrow<Handle> = Handle> {
    runtime: H,
    future: ManuallyDrop<F>,
    /// Whether `future` is still there: it is dropped as soon as it is ready, while the runtime is entered anyway.
    live: bool,
}

impl<F, H: Borrow<Handle>> InRuntime<F, H> {
    pub(crate) fn new(runtime: H, future: F) -> Self {
        InRuntime { runtime, future: ManuallyDrop::new(future), live: true }
    }

    /// Drops the future in place, once, in the runtime that the caller has entered.
    fn end(future: &mut ManuallyDrop<F>, live: &mut bool) {
        if std::mem::take(live) {
            // SAFETY: `live` was set, so that it is dropped here for the first time; it is never touched again.
            drop_quietly("the plugin panicked while a call was dropped", || unsafe { ManuallyDrop::drop(future) });
        }
    }
}

impl<T, F: Future<Output = Result<T>>, H: Borrow<Handle>> Future for InRuntime<F, H> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        // SAFETY: nothing is moved out of `this`; `future` is only pinned again and dropped in place.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(this.live, "a call was polled after its answer");
        let _entered = this.runtime.borrow().enter();
        // SAFETY: `future` is pinned with `self` and dropped in place.
        let future = unsafe { Pin::new_unchecked(&mut *this.future) };
        let poll = catch_unwind(AssertUnwindSafe(|| future.poll(cx))).unwrap_or_else(|panic| {
            let error = panicked(&*panic);
            std::mem::forget(panic);
            Poll::Ready(Err(error))
        });
        if poll.is_ready() {
            Self::end(&mut this.future, &mut this.live);
        }
        poll
    }
}

impl<F, H: Borrow<Handle>> Drop for InRuntime<F, H> {
    fn drop(&mut self) {
        if self.live {
            let _entered = self.runtime.borrow().enter();
            Self::end(&mut self.future, &mut self.live);
        }
    }
}

/// A value of the backend's own, whose drop may panic and may need the plugin's runtime, on any thread.
pub(crate) struct Kept<T> {
    runtime: Handle,
    value: ManuallyDrop<T>,
}

impl<T> Kept<T> {
    pub(crate) fn new(runtime: Handle, value: T) -> Self {
        Kept { runtime, value: ManuallyDrop::new(value) }
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
        // SAFETY: `value` is dropped here alone, once.
        let dropping = || unsafe { ManuallyDrop::drop(&mut self.value) };
        drop_quietly("the plugin panicked while a connection was dropped", dropping);
    }
}

/// Drops something of the plugin's; a panic can only be logged.
fn drop_quietly(what: &str, dropping: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(dropping)) {
        tracing::error!(panic = panic_message(&*panic), "{what}");
        // Its own drop could panic too.
        std::mem::forget(panic);
    }
}

/// Runs plain code of the plugin.
pub(crate) fn caught<T>(code: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let error = panicked(&*panic);
        std::mem::forget(panic);
        error
    })
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::new(
        ErrorKind::PluginPanicked,
        format!("the plugin panicked, please report it to its author: {}", panic_message(panic)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    }

    #[test]
    fn polling_enters_the_plugins_own_runtime() {
        let runtime = runtime();
        let future = guarded::<(), (), _, _>(runtime.handle().clone(), async {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            Ok(())
        });
        // No tokio runtime polls this.
        assert!(futures_util::FutureExt::now_or_never(future).is_none());
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let runtime = runtime();
        let future = guarded::<(), (), _, _>(runtime.handle().clone(), async { panic!("number {}", 7) });
        let result = futures_util::FutureExt::now_or_never(future);
        let Some(RErr(error)) = result else { panic!("no error") };
        let error = Error::from(error);
        assert_eq!(error.kind(), ErrorKind::PluginPanicked);
        assert!(error.message().contains("number 7"));
    }

    #[test]
    fn a_panic_in_drop_stays_inside() {
        let runtime = runtime();
        drop(guarded::<(), (), _, _>(runtime.handle().clone(), async {
            let _held = PanicsWhenDropped;
            std::future::pending::<Result<()>>().await
        }));
        let mut polled = guarded::<(), (), _, _>(runtime.handle().clone(), async {
            let _held = PanicsWhenDropped;
            std::future::pending::<Result<()>>().await
        });
        assert!(futures_util::FutureExt::now_or_never(&mut polled).is_none());
        drop(polled);
    }
}

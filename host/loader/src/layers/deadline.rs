//! A backstop behind the plugin's own deadline: a plugin that breaks its word still gives the caller an answer.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use registry_abi::{RErr, ROk, RResult, RawError};
use registry_api::{Error, ErrorKind, Outcome, Result};
use tokio::{runtime::Handle, time::Sleep};

use super::Operation;

/// How long after its deadline a plugin is still waited for: its own answer tells more than this one.
const GRACE: Duration = Duration::from_millis(500);

pin_project! {
    pub(super) struct Deadline<'a, F> {
        runtime: &'a Handle,
        timeout: Option<Duration>,
        operation: Operation,
        // Made at the first pending poll: a call that is ready at once costs no timer, nor room for one.
        timer: Option<Pin<Box<Sleep>>>,
        #[pin]
        call: F,
    }
}

impl<'a, F> Deadline<'a, F> {
    pub(super) fn new(runtime: &'a Handle, call: F, timeout: Option<Duration>, operation: Operation) -> Self {
        Deadline { runtime, timeout, operation, timer: None, call }
    }
}

impl<T, F: Future<Output = RResult<T, RawError>>> Future for Deadline<'_, F> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.project();
        match this.call.poll(cx) {
            Poll::Ready(ROk(value)) => return Poll::Ready(Ok(value)),
            Poll::Ready(RErr(error)) => return Poll::Ready(Err(error.into())),
            Poll::Pending => {}
        }
        let Some(timeout) = *this.timeout else { return Poll::Pending };
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(this.runtime, timeout.saturating_add(GRACE))));
        ready!(timer.as_mut().poll(cx));
        let outcome = if this.operation.writes() { Outcome::Unknown } else { Outcome::NotApplied };
        let message = format!("the plugin gave no answer within {timeout:?} nor in the {GRACE:?} after");
        Poll::Ready(Err(Error::new(ErrorKind::Timeout, message).set_outcome(outcome)))
    }
}

/// A timer, also for a caller whose executor is not tokio: it is then one of the runtime that the registry was opened
/// on.
pub(crate) fn sleep(runtime: &Handle, duration: Duration) -> Sleep {
    let _entered = Handle::try_current().is_err().then(|| runtime.enter());
    tokio::time::sleep(duration)
}

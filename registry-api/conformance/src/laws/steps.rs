//! Steps that several laws take.

use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use registry_host::{Entry, Registry, Result, limits};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    pace::is_within,
    verdict::{SOON, Verdict, within},
};

/// Numbered keys below `above`, sorted.
pub(super) fn numbered(above: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{above}/{number:06}")).collect()
}

/// Writes all those keys, in Txns as large as may be.
pub(super) async fn put_all(registry: &Registry, keys: &[String], value: &str, ephemeral: bool) -> Result<()> {
    let txns = keys.chunks(limits::OPERATIONS).map(|chunk| async move {
        let mut txn = registry.txn();
        for key in chunk {
            let put = txn.put(key, value);
            if ephemeral {
                put.ephemeral();
            }
        }
        txn.commit().await.map(drop)
    });
    stream::iter(txns.collect::<Vec<_>>()).buffer_unordered(4).try_collect().await
}

/// Calls again as long as the error may pass: a short session has little patience with a server on a busy machine.
pub(super) async fn insist<T, F: IntoFuture<Output = Result<T>>>(mut call: impl FnMut() -> F) -> Result<T> {
    let began = Instant::now();
    loop {
        match call().await {
            Err(error) if error.is_retryable() && is_within(SOON, began).await => sleep(STILL).await,
            ended => return ended,
        }
    }
}

/// The keys of a listing.
pub(super) fn keys(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

/// How long a future may be still before it is taken to wait for something that will not come.
const STILL: Duration = Duration::from_millis(30);

/// Polls a future that many times at most, whenever it asks to be, and then drops it, also when it has not asked for a
/// while; gives its output if it was ready.
pub(super) async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = times;
    let polling = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    timeout(STILL, polling).await.ok().flatten()
}

/// What goes on beside the law, and ends with it.
pub(super) struct Beside<T>(JoinHandle<Verdict<T>>);

/// Lets something go on beside the law.
pub(super) fn beside<T: Send + 'static>(work: impl Future<Output = Verdict<T>> + Send + 'static) -> Beside<T> {
    Beside(tokio::spawn(work))
}

impl<T> Beside<T> {
    /// Whether it goes on; else it is done, or has found the law broken.
    pub(super) fn goes_on(&self) -> bool {
        !self.0.is_finished()
    }

    /// Waits for its end.
    pub(super) async fn done(mut self) -> Verdict<T> {
        let done = within("what goes on beside the law", SOON * 6, &mut self.0).await?;
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

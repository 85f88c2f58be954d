//! Watches on the plugin's side of the boundary.

use std::{sync::Arc, task::Poll, time::Duration};

use registry_abi::{
    FfiContext, FfiPoll, RErr, ROk, RResult, RVec, RawError, RawEvent, RawWatch, RawWatch_TO, TD_Opaque, Watch,
};
use registry_api::{Key, Result, Scope};
use tokio::task::AbortHandle;

use super::live::Live;
use crate::{
    Backend,
    call::{Effect, call},
    guarded::{InRuntime, caught},
    session::closed,
    watch::{WatchStream, watch_buffer},
};

/// Starts the backend's feeding and waits for the present state.
pub(super) async fn open<B: Backend>(live: Arc<Live<B>>, key: &str, scope: Scope, timeout: Duration) -> Result<Watch> {
    let (sink, stream) = watch_buffer(Key::from_checked(key), scope);
    let failing = sink.clone();
    let key = key.to_owned();
    let feeder = Arc::clone(&live);
    let task = live
        .context
        .tasks()
        .spawn(async move {
            let feeding = async { feeder.backend.watch(Key::from_checked(&key), scope, sink).await };
            if let Err(error) = InRuntime::new(feeder.runtime.handle().clone(), feeding).await {
                failing.fail(error);
            }
        })
        .ok_or_else(closed)?;
    let mut watch = WatchForHost { stream, task };
    call(live.context.session(), timeout, Effect::Read, watch.stream.opened()).await?;
    Ok(RawWatch_TO::from_value(watch, TD_Opaque))
}

struct WatchForHost {
    stream: WatchStream,
    task: AbortHandle,
}

impl Drop for WatchForHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RawWatch for WatchForHost {
    fn poll_next_batch(
        &mut self,
        context: &mut FfiContext<'_>,
        max: usize,
    ) -> FfiPoll<RResult<RVec<RawEvent>, RawError>> {
        let polled = caught(|| context.with_context(|context| self.stream.poll_next_batch(context, max)));
        match polled {
            Ok(Poll::Pending) => FfiPoll::Pending,
            Ok(Poll::Ready(Some(Ok(events)))) => FfiPoll::Ready(ROk(events.into_iter().map(RawEvent::from).collect())),
            Ok(Poll::Ready(None)) => FfiPoll::Ready(ROk(RVec::new())),
            Ok(Poll::Ready(Some(Err(error)))) | Err(error) => FfiPoll::Ready(RErr(error.into())),
        }
    }
}

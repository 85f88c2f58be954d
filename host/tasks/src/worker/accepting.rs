//! Writing that an attempt is accepted, which decides who runs it.

use std::sync::PoisonError;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use registry_host::{Outcome as Written, Result, Version};
use tokio::time::{Instant, sleep};

use super::Shared;
use crate::record::{Record, State};
use crate::store::Fence;

/// How long it is tried while the registry doesn't answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Whether this worker may run an attempt.
pub(super) enum Accepted {
    /// It may: the record says so.
    Yes,
    /// It may not.
    No(String),
    /// The registry didn't say in time. The record may say that it is accepted, and nothing was started.
    Unknown(String),
}

impl Shared {
    /// Writes that an attempt is accepted, if the record is still as the master has written it, and nobody has begun to
    /// take over for this worker.
    pub(super) async fn accept(&self, record: &Record, version: Version) -> Accepted {
        let until = Instant::now() + LIMIT;
        let mut pauses =
            ExponentialBuilder::new().with_min_delay(Duration::from_millis(50)).without_max_times().build();
        let mut may_be_written = false;
        loop {
            let error = match self.try_to_accept(record, version, may_be_written).await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            may_be_written |= error.outcome() != Written::NotApplied;
            if Instant::now() >= until || !error.is_retryable() && !may_be_written {
                let why = format!("the registry did not take that it is accepted: {error}");
                return if may_be_written { Accepted::Unknown(why) } else { Accepted::No(why) };
            }
            sleep(pauses.next().unwrap_or(LIMIT)).await;
        }
    }

    async fn try_to_accept(&self, record: &Record, version: Version, may_be_written: bool) -> Result<Accepted> {
        if may_be_written
            && let Some(stored) = self.store.get(&record.id).await?
            && stored.record.is_of(record.attempt, &self.me)
            && stored.record.state == State::Accepted
        {
            // Only this incarnation writes that, and only here.
            return Ok(Accepted::Yes);
        }
        let fence = self.fence().await?;
        let check = Fence(vec![(fence.0.clone(), Some(fence.1))]);
        if self.store.accept(record, version, &self.me, &check).await?.is_some() {
            return Ok(Accepted::Yes);
        }
        // Either the record is another by now, or this worker's own.
        self.forget_fence();
        let now = self.fence().await?;
        if now == fence {
            return Ok(Accepted::No("the record has changed".to_owned()));
        }
        let check = Fence(vec![(now.0, Some(now.1))]);
        Ok(match self.store.accept(record, version, &self.me, &check).await? {
            Some(_) => Accepted::Yes,
            None => Accepted::No("the record has changed".to_owned()),
        })
    }

    /// What a Txn checks that only this incarnation may do.
    async fn fence(&self) -> Result<(String, Version)> {
        let known = self.fence.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let fence = self.membership.fence().await?;
        *self.fence.lock().unwrap_or_else(PoisonError::into_inner) = Some(fence.clone());
        Ok(fence)
    }

    fn forget_fence(&self) {
        *self.fence.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

//! Sending one task to one worker.

use std::io;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use registry_host::{Result, Version};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use super::Shared;
use super::workers::is_there;
use crate::figures;
use crate::protocol::messages::{DispatchReply, DispatchRequest};
use crate::record::{State, WorkerRef, now};
use crate::store::Stored;
use crate::trace::Step;

/// How long a worker is given nothing more that has refused a task, as one that is full does.
const REST: Duration = Duration::from_millis(500);

/// The same for one that can't be reached, or doesn't understand.
const LONG_REST: Duration = Duration::from_secs(15);

/// What came of it.
#[derive(Debug)]
pub(super) enum Answer {
    /// The worker has it, or the task has moved on: what the record was at this version is past.
    Settled { at: Version },
    /// It waits again, and the same holds; the worker is to be given nothing for so long.
    Refused { at: Version, rest: Duration },
    /// It is not known, the registry didn't answer: the record will say it.
    Unknown,
}

/// Writes down that a task is sent to a worker, and sends it.
pub(super) async fn send(shared: &Shared, stored: &Stored, worker: WorkerRef) -> Answer {
    let settled = Answer::Settled { at: stored.version };
    let Ok(sent) = stored.record.sent(worker, now()) else { return settled };
    match shared.store.replace(sent, stored.version).await {
        Ok(Some(sent)) => ask(shared, sent).await,
        Ok(None) => settled,
        Err(error) => {
            tracing::warn!(task = %stored.record.id, %error, "a task can't be sent");
            // The watch tells what has become of it; until then it is not tried again.
            sleep(REST).await;
            Answer::Unknown
        }
    }
}

/// Asks the worker that a task was sent to until it answers, for as long as it may take.
pub(super) async fn ask(shared: &Shared, sent: Stored) -> Answer {
    let step = Step::sending(&sent.record);
    let answer = until_it_answers(shared, sent).await;
    if !matches!(answer, Answer::Settled { .. }) {
        step.failed("the worker has not accepted it");
    }
    answer
}

async fn until_it_answers(shared: &Shared, sent: Stored) -> Answer {
    let at = sent.version;
    let Some(worker) = sent.record.worker.clone() else { return Answer::Settled { at } };
    let begun = Instant::now();
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .with_jitter()
        .build();
    loop {
        let (why, rest) = match once(shared, &sent, &worker).await {
            Ok(DispatchReply { accepted: true, .. }) => {
                figures::queued(&sent.record);
                return Answer::Settled { at };
            }
            Ok(DispatchReply { why, .. }) => (format!("the worker {} refused it: {why}", worker.address), REST),
            Err(status) if can_not_be(&status) => {
                (format!("the worker {} can't be given tasks: {}", worker.address, status.message()), LONG_REST)
            }
            Err(status) => {
                let has_moved_on = shared
                    .board
                    .stored(sent.record.id.as_str())
                    .is_none_or(|seen| seen.version > sent.version || seen.record.state != State::Sent);
                if has_moved_on {
                    return Answer::Settled { at };
                }
                if !is_there(&shared.cluster, &worker.address, worker.incarnation) {
                    (format!("the worker {} is gone", worker.address), LONG_REST)
                } else if begun.elapsed() >= shared.settings.dispatch_timeout {
                    let limit = shared.settings.dispatch_timeout;
                    (format!("the worker {} gave no answer within {limit:?}", worker.address), LONG_REST)
                } else {
                    tracing::debug!(task = %sent.record.id, worker = worker.address, %status, "asks the worker again");
                    sleep(pauses.next().unwrap_or(REST)).await;
                    continue;
                }
            }
        };
        return match send_back(shared, &sent, &why).await {
            Ok(true) => Answer::Refused { at, rest },
            // The worker refuses what it has had before, or somebody has cancelled it.
            Ok(false) => Answer::Settled { at },
            Err(error) => {
                tracing::warn!(task = %sent.record.id, %error, "a task that was refused can't be queued again yet");
                sleep(REST).await;
                Answer::Unknown
            }
        };
    }
}

async fn once(shared: &Shared, sent: &Stored, worker: &WorkerRef) -> std::result::Result<DispatchReply, Status> {
    let request =
        DispatchRequest { record: sent.record.write(), version: sent.version.get(), master: shared.address.clone() };
    let client = shared.channels.worker(&worker.address);
    let mut client = client.map_err(|error| Status::invalid_argument(error.message()))?;
    client.dispatch(request).await.map(tonic::Response::into_inner)
}

/// Queues it again; `false` if the worker has accepted it meanwhile: the entry is at another version then.
async fn send_back(shared: &Shared, sent: &Stored, why: &str) -> Result<bool> {
    let Ok(back) = sent.record.sent_back(why, Duration::ZERO, now()) else { return Ok(false) };
    Ok(shared.store.replace(back, sent.version).await?.is_some())
}

/// Whether asking again is no use: nobody listens there, or doesn't understand, or takes this for a stranger.
fn can_not_be(status: &Status) -> bool {
    let by_code = [Code::Unimplemented, Code::Unauthenticated, Code::PermissionDenied, Code::InvalidArgument];
    by_code.contains(&status.code()) || is_refused(status)
}

/// Whether a connection was refused, which is not silence.
fn is_refused(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if error.downcast_ref::<io::Error>().is_some_and(refused) {
            return true;
        }
        cause = error.source();
    }
    false
}

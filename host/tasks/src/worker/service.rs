//! What masters and clients ask of a worker.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use registry_cluster::MembershipState;
use registry_host::Version;
use tonic::{Request, Response, Status};

use super::Shared;
use super::attempt;
use super::table::Offered;
use crate::protocol::messages::worker_server::Worker;
use crate::protocol::messages::{
    DispatchReply, DispatchRequest, DrainReply, DrainRequest, LogsChunk, LogsRequest, StopReply, StopRequest,
};
use crate::record::{Record, State, TaskId};
use crate::run::{Reason, Stop};
use crate::settings::FullPolicy;

/// How many tasks wait at a worker at most, for each that it runs at once.
const WAITING: usize = 10;

/// How many results may wait to be recorded until no more tasks are taken.
const UNRECORDED: usize = 10_000;

/// A worker's port.
pub(super) struct Service(pub(super) Arc<Shared>);

type Chunks = Pin<Box<dyn Stream<Item = Result<LogsChunk, Status>> + Send>>;

#[tonic::async_trait]
impl Worker for Service {
    async fn dispatch(&self, request: Request<DispatchRequest>) -> Result<Response<DispatchReply>, Status> {
        let DispatchRequest { record, version, master } = request.into_inner();
        let record = Record::parse(&record)
            .map_err(|why| Status::invalid_argument(format!("the record can't be read: {why}")))?;
        let done = match self.take(record, Version::from(version), master) {
            Ok(attempt) => attempt.accepted().await,
            Err(why) => Err(why),
        };
        let why = done.err();
        Ok(Response::new(DispatchReply { accepted: why.is_none(), why: why.unwrap_or_default() }))
    }

    async fn stop(&self, request: Request<StopRequest>) -> Result<Response<StopReply>, Status> {
        let StopRequest { id, attempt, signal, grace_ms } = request.into_inner();
        let key = (task(id)?, attempt);
        let held = match self.0.table.get(&key) {
            Some(attempt) => {
                attempt.stop(Stop { reason: Reason::Cancelled, signal, grace: Duration::from_millis(grace_ms) });
                true
            }
            None => self.0.spool.has(&key.0, key.1),
        };
        Ok(Response::new(StopReply { held }))
    }

    type LogsStream = Chunks;

    async fn logs(&self, request: Request<LogsRequest>) -> Result<Response<Chunks>, Status> {
        let LogsRequest { id, attempt, tail, follow } = request.into_inner();
        let (id, shared) = (task(id)?, &self.0);
        let attempt = (attempt > 0).then_some(attempt).or_else(|| shared.table.last(&id));
        let failed = |error: std::io::Error| Status::internal(format!("the output can't be read: {error}"));
        let held = attempt.and_then(|attempt| shared.table.get(&(id.clone(), attempt)));
        let running = match held.filter(|_| follow) {
            // What is accepted has output soon.
            Some(held) => held.started().await,
            None => None,
        };
        if let Some(running) = &running {
            running.begun().await;
        }
        let Some(mut logs) = shared.executor.logs(id.as_str(), attempt).map_err(failed)? else {
            return Err(Status::not_found(match attempt {
                Some(attempt) => format!("this worker has no output of attempt {attempt} of the task {id}"),
                None => format!("this worker has no output of the task {id}"),
            }));
        };
        if let Some(lines) = tail {
            logs = logs.last_lines(lines).await.map_err(failed)?;
        }
        if let Some(running) = running {
            logs = logs.follow(running.watch());
        }
        let chunks = futures_util::stream::unfold(Some(logs), move |logs| async move {
            let mut logs = logs?;
            match logs.next().await {
                Ok(Some(data)) => Some((Ok(LogsChunk { data }), Some(logs))),
                Ok(None) => None,
                Err(error) => Some((Err(failed(error)), None)),
            }
        });
        Ok(Response::new(Box::pin(chunks)))
    }

    async fn drain(&self, _: Request<DrainRequest>) -> Result<Response<DrainReply>, Status> {
        self.0.drain.send_replace(true);
        Ok(Response::new(DrainReply {}))
    }
}

impl Service {
    /// Takes an attempt, or says why not.
    fn take(&self, record: Record, version: Version, master: String) -> Result<Arc<super::table::Attempt>, String> {
        let shared = &self.0;
        let (key, me) = ((record.id.clone(), record.attempt), &shared.me);
        if record.state != State::Sent || record.worker.as_ref() != Some(me) {
            return Err(format!("it was sent to another, this is process {}", me.incarnation.process_id));
        }
        match shared.membership.state() {
            MembershipState::Serving => {}
            MembershipState::Waiting => return Err("its session is lost".to_owned()),
            MembershipState::Stopped(stop) => return Err(format!("it stops: {stop}")),
            _ => return Err("it doesn't serve".to_owned()),
        }
        if shared.spool.has(&key.0, key.1) {
            return Err("its result of this attempt is not recorded yet".to_owned());
        }
        if shared.spool.count() >= UNRECORDED {
            return Err(format!("{UNRECORDED} of its results are not recorded yet"));
        }
        let most = match shared.settings.task_execute_threads_full_policy {
            FullPolicy::Reject => shared.threads,
            FullPolicy::Continue => shared.threads.saturating_mul(1 + WAITING),
        };
        let work = |attempt| attempt::work(Arc::clone(shared), attempt, record, version, master);
        match shared.table.offer(key, most, work) {
            Offered::Has(attempt) => Ok(attempt),
            Offered::Refused(why) => Err(why),
        }
    }
}

fn task(id: String) -> Result<TaskId, Status> {
    TaskId::new(id).map_err(|refused| Status::invalid_argument(refused.message()))
}

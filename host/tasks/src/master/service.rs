//! What a master answers clients and workers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use registry_cluster::{MemberFilter, Role};
use registry_host::{Error, ErrorKind};
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::{Shared, keeper};
use crate::protocol::messages::{
    CancelRequest, ChangeReply, Decision, DrainReply, DrainRequest, ReportReply, ReportRequest, RetryRequest,
    SubmitReply, SubmitRequest, master_server,
};
use crate::protocol::status_of;
use crate::record::{Cancel, Finished, Record, Refused, Spec, TaskId, TaskResult, now};
use crate::store::{Changed, Stored};
use crate::trace::{Step, TRACEPARENT};

/// How long the client of a cancellation waits for the worker to hear of it.
const PROMPTLY: Duration = Duration::from_secs(3);

type Answer<T> = Result<Response<T>, Status>;

/// A master's service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    shared: Arc<Shared>,
}

impl Service {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Service { shared }
    }

    /// Refuses while it is not known whether this master still is one.
    fn serving(&self) -> Result<(), Status> {
        match self.shared.is_serving() {
            true => Ok(()),
            false => Err(Status::unavailable("this master serves no more, or waits for a session: ask another")),
        }
    }

    async fn change(
        &self,
        id: &TaskId,
        change: impl FnMut(&Record) -> Result<Option<Record>, Refused>,
    ) -> Result<Stored, Status> {
        let known = self.shared.board.stored(id.as_str()).map(|stored| (*stored).clone());
        let changed = self.shared.store.change(id, known, change).await;
        changed.map(Changed::stored).map_err(|error| status_of(&error))
    }
}

#[tonic::async_trait]
impl master_server::Master for Service {
    async fn submit(&self, request: Request<SubmitRequest>) -> Answer<SubmitReply> {
        self.serving()?;
        let trace = request.metadata().get(TRACEPARENT).and_then(|trace| trace.to_str().ok()).map(str::to_owned);
        let request = request.into_inner();
        let id = id(request.id)?;
        let spec: Spec = serde_json::from_slice(&request.spec)
            .map_err(|error| Status::invalid_argument(format!("the task can't be read: {error}")))?;
        spec.check().map_err(|error| status_of(&error))?;
        let store = &self.shared.store;
        let (count, is_there) = {
            let seen = self.shared.board.seen();
            (seen.count(), seen.task(id.as_str()).is_some())
        };
        let most = self.shared.settings.max_tasks;
        if !is_there && count >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(Status::resource_exhausted(format!(
                "there are {count} tasks, and master.max-tasks is {most}: wait until some have ended and \
                 master.task.retention has passed"
            )));
        }
        let created = match is_there {
            true => None,
            false => {
                let record = Record::submitted(id.clone(), spec, now()).traced(trace.as_deref());
                store.create(record).await.map_err(|error| status_of(&error))?
            }
        };
        let (stored, existed) = match created {
            Some(stored) => (stored, false),
            None => match store.get(&id).await.map_err(|error| status_of(&error))? {
                Some(stored) => (stored, true),
                None => {
                    return Err(Status::unavailable(format!("the task {id} was removed just now: submit it again")));
                }
            },
        };
        Ok(Response::new(SubmitReply { record: stored.record.write(), existed }))
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Answer<ChangeReply> {
        self.serving()?;
        let CancelRequest { id: name, signal, grace_ms } = request.into_inner();
        if !(1..=64).contains(&signal) {
            return Err(Status::invalid_argument(format!("{signal} is not a signal; accepted: 1 to 64")));
        }
        let cancel = Cancel { signal, grace: grace_ms };
        let stored = self.change(&id(name)?, |record| record.cancelled(cancel, now()).map(Some)).await?;
        if stored.record.state.is_underway() {
            // At once; the task that holds the slot tells the worker again until there is a result.
            let _ = timeout(PROMPTLY, keeper::stop(&self.shared, &stored)).await;
        }
        Ok(Response::new(ChangeReply { record: stored.record.write() }))
    }

    async fn retry(&self, request: Request<RetryRequest>) -> Answer<ChangeReply> {
        self.serving()?;
        let id = id(request.into_inner().id)?;
        let stored = self.change(&id, |record| record.retried(now()).map(Some)).await?;
        Ok(Response::new(ChangeReply { record: stored.record.write() }))
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Answer<DrainReply> {
        self.serving()?;
        let address = request.into_inner().address;
        let members = self.shared.cluster.members(MemberFilter::All).now();
        if !members.iter().any(|member| member.role == Role::Worker && member.address == address) {
            return Err(Status::not_found(format!("there is no worker at {address}")));
        }
        let mut client = self.shared.channels.worker(&address).map_err(|error| status_of(&error))?;
        client.drain(DrainRequest { address: address.clone() }).await.map_err(|status| {
            Status::new(status.code(), format!("the worker {address} can't be told to drain: {}", status.message()))
        })
    }

    async fn report(&self, request: Request<ReportRequest>) -> Answer<ReportReply> {
        let result: TaskResult = serde_json::from_slice(&request.into_inner().result)
            .map_err(|error| Status::invalid_argument(format!("the result can't be read: {error}")))?;
        let mut decision = Decision::Recorded;
        let begun = SystemTime::now();
        let known = self.shared.board.stored(result.id.as_str()).map(|stored| (*stored).clone());
        let changed = self.shared.store.change(&result.id, known, |record| {
            Ok(match record.finished(&result, now()) {
                Finished::Counts(record) => {
                    decision = Decision::Recorded;
                    Some(record)
                }
                Finished::IsRecorded => {
                    decision = Decision::Recorded;
                    None
                }
                Finished::Superseded(kept) => {
                    decision = Decision::Superseded;
                    kept
                }
            })
        });
        match changed.await {
            Ok(changed) => {
                let record = changed.stored().record;
                drop(Step::recording(&record, begun).with("registry.task.state", record.state.name()));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => decision = Decision::NoSuchTask,
            Err(error) => return Err(status_of(&error)),
        }
        Ok(Response::new(ReportReply { decision: decision.into() }))
    }
}

fn id(id: String) -> Result<TaskId, Status> {
    TaskId::new(id).map_err(|error: Error| status_of(&error))
}

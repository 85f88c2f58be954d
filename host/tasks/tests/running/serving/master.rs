//! A master that takes results, and does nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use registry_cluster::{Cluster, Membership, Server};
use registry_tasks::protocol::bind;
use registry_tasks::protocol::messages::master_server::{Master, MasterServer};
use registry_tasks::protocol::messages::{
    CancelRequest, ChangeReply, Decision, DrainReply, DrainRequest, ReportReply, ReportRequest, RetryRequest,
    SubmitReply, SubmitRequest,
};
use registry_tasks::record::TaskResult;
use registry_tasks::settings::{MasterSettings, ServersSettings};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status};

use crate::support::eventually;

/// A master, registered and served as long as this is kept.
pub(crate) struct Played {
    pub(crate) address: String,
    shared: Arc<Shared>,
    _membership: Membership,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    results: Mutex<HashMap<String, TaskResult>>,
    refuses: AtomicBool,
    refused: AtomicUsize,
}

impl Played {
    pub(crate) async fn begin(cluster: &Cluster, settings: &MasterSettings, servers: &ServersSettings) -> Self {
        let bound = bind(&settings.listening().unwrap(), servers).await.unwrap();
        let (address, shared) = (bound.address().to_owned(), Arc::<Shared>::default());
        let service = MasterServer::new(Service(Arc::clone(&shared)));
        let _serving = AbortOnDropHandle::new(tokio::spawn(async move {
            bound.serve(service, std::future::pending()).await.unwrap();
        }));
        let _membership = cluster.register(Server::master(&address).unwrap()).await.unwrap();
        Played { address, shared, _membership, _serving }
    }

    /// Waits for a task's result.
    pub(crate) async fn result(&self, id: &str) -> TaskResult {
        let found = || self.shared.results.lock().unwrap().get(id).cloned();
        eventually(&format!("the result of {id}"), || found().is_some()).await;
        found().unwrap()
    }

    /// Whether it fails to take results.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }

    /// How many results it has not taken.
    pub(crate) fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }
}

struct Service(Arc<Shared>);

#[tonic::async_trait]
impl Master for Service {
    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportReply>, Status> {
        if self.0.refuses.load(Ordering::SeqCst) {
            self.0.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Status::unavailable("it takes none now"));
        }
        let result: TaskResult = serde_json::from_slice(&request.into_inner().result).unwrap();
        self.0.results.lock().unwrap().insert(result.id.to_string(), result);
        Ok(Response::new(ReportReply { decision: Decision::Recorded.into() }))
    }

    async fn submit(&self, _: Request<SubmitRequest>) -> Result<Response<SubmitReply>, Status> {
        Err(Status::unimplemented("a test plays this master"))
    }

    async fn cancel(&self, _: Request<CancelRequest>) -> Result<Response<ChangeReply>, Status> {
        Err(Status::unimplemented("a test plays this master"))
    }

    async fn retry(&self, _: Request<RetryRequest>) -> Result<Response<ChangeReply>, Status> {
        Err(Status::unimplemented("a test plays this master"))
    }

    async fn drain(&self, _: Request<DrainRequest>) -> Result<Response<DrainReply>, Status> {
        Err(Status::unimplemented("a test plays this master"))
    }
}

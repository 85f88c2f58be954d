//! Traces of tasks, as a collector is sent them.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use rustix::process::Signal;
use tonic::transport::server::{Server, TcpIncoming};
use tonic::{Request, Response, Status};

use crate::support::{On, eventually};
use crate::tasks::SERVERS;

/// The name of a span, its trace, and its parent.
type Span = (String, Vec<u8>, Vec<u8>);

/// Remembers what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
        let spans = spans.map(|span| (span.name, span.trace_id, span.parent_span_id));
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[test]
fn a_task_is_one_trace_from_its_submission_to_its_result() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (collector, listener) = (Collector::default(), runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")));
    let listener = listener.unwrap();
    let to = format!("--set=servers.traces-endpoint=http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    runtime.spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));

    let on = On::etcd();
    let data = tempfile::tempdir().unwrap();
    let folder = format!("--set=worker.data-dir={}", data.path().display());
    let servers = [on.start(&[&SERVERS[..], &[&to, "master"]].concat()), {
        on.start(&[&SERVERS[..], &[&to, &folder, "worker"]].concat())
    }];
    servers.iter().for_each(|server| drop(server.line_where(|line| line.contains("serves"))));
    let mut submit = on.command(&["submit", &to, "--wait", "--", "true"]);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let ran = crate::support::run(submit.env("TRACEPARENT", parent));
    assert_eq!(ran.code, 0, "{ran:?}");
    for server in servers {
        // What is not sent yet is sent at the end.
        server.signal(Signal::TERM);
        assert_eq!(server.end().code, 0);
    }
    let spans = || collector.0.lock().unwrap().clone();
    eventually("all is sent", || spans().len() >= 4);
    let mut names: Vec<_> = spans().into_iter().map(|(name, ..)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["record", "run", "send", "submit"]);
    for (name, trace, of) in spans() {
        assert_eq!(trace[..4], [0x4b, 0xf9, 0x2f, 0x35], "{name} is a part of the caller's trace");
        assert_eq!(of == [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7], name == "submit", "{name}");
    }
}

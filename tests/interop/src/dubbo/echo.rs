//! `demo.EchoService/Echo` with `google.protobuf.StringValue` both ways, without generated code.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use registry_discovery::tonic::Channel;
use tonic::{
    Request, Response, Status,
    body::Body,
    client,
    codegen::{Service, http},
    server::{self, NamedService, UnaryService},
};
use tonic_prost::ProstCodec;

/// Answers with a name and what it was asked.
#[derive(Clone)]
pub(super) struct Echo(pub(super) String);

impl NamedService for Echo {
    const NAME: &'static str = "demo.EchoService";
}

impl UnaryService<String> for Echo {
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        ready(Ok(Response::new(format!("{}:{}", self.0, request.into_inner()))))
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(
            async move { Ok(server::Grpc::new(ProstCodec::<String, String>::default()).unary(echo, request).await) },
        )
    }
}

/// Calls once.
pub(super) async fn call(channel: &Channel) -> Result<String, Status> {
    let mut client = client::Grpc::new(channel.clone());
    let path = http::uri::PathAndQuery::from_static("/demo.EchoService/Echo");
    let codec = ProstCodec::<String, String>::default();
    client.unary(Request::new("hi".to_owned()), path, codec).await.map(Response::into_inner)
}

//! A provider that Dubbo's consumers find and call: `echo_provider [REGISTRY-URL [HOST:PORT]]`. Without a URL the
//! registry is that of the file which $REGISTRY_CONFIG names. SIGTERM ends it.

use std::{env, process, time::Duration};

use registry_discovery::{Discovery, SECTION, ServiceUrl, tonic::serve};
use registry_host::{Result, Settings};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tonic::{Request, Response, Status, transport::Server};

use self::demo::echo_service_server::{EchoService, EchoServiceServer};

#[allow(unreachable_pub)]
mod demo {
    tonic::include_proto!("demo");
}

struct Echo;

#[tonic::async_trait]
impl EchoService for Echo {
    async fn echo(&self, request: Request<String>) -> std::result::Result<Response<String>, Status> {
        Ok(Response::new(format!("rust-{}:{}", process::id(), request.into_inner())))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut stop = signal(SignalKind::terminate()).expect("signals can be handled");
    let mut settings = Settings::builder().section(SECTION).process_environment();
    if let Some(url) = env::args().nth(1) {
        settings = settings.set(format!("registry.url={url}"));
    } else if let Ok(file) = env::var("REGISTRY_CONFIG") {
        settings = settings.file(&file);
    }
    let discovery = Discovery::open(&settings.build()?).await?;
    let address = env::args().nth(2).unwrap_or_else(|| "0.0.0.0:0".to_owned());
    let service: ServiceUrl =
        format!("tri://{address}/demo.EchoService?methods=Echo&application=echo-provider").parse()?;
    let router = Server::builder().add_service(EchoServiceServer::new(Echo));
    serve(&discovery, service, router).until(async move { stop.recv().await.unwrap_or_default() }).await?;
    // Where the registry does not answer, what is left there goes with the session.
    let _ = timeout(Duration::from_secs(1), discovery.close()).await;
    Ok(())
}

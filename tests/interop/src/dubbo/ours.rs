//! Our side.

use std::time::Duration;

use registry_discovery::{
    Discovery, Service, ServiceUrl,
    tonic::{Channel, Level, channel, serve},
};
use registry_host::Session;
use registry_suite::within;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use tonic::transport::Server;

use super::{
    LIMIT,
    caller::{Answers, Calls},
    echo::{self, Echo},
    place::{Place, free_port},
};

/// A tonic server that is registered.
pub(super) struct Provider {
    name: String,
    port: u16,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Provider {
    pub(super) async fn start(place: &Place, registry: &str, level: Level) -> Self {
        let discovery = Discovery::open(&place.settings(registry)).await.expect("a registry");
        let port = free_port();
        let name = format!("rust-{port}");
        let service = ServiceUrl::new("tri", "127.0.0.1", port, "demo.EchoService")
            .with("methods", "Echo")
            .with("application", "rust-provider");
        let router = Server::builder().add_service(Echo(name.clone()));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(&discovery, service, router).level(level).until(stopped).await.expect("it serves");
            discovery.close().await.expect("it closes");
        });
        Provider { name, port, stop, serving }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) async fn stop(self) {
        drop(self.stop);
        within("our provider ends", LIMIT, self.serving).await.expect("it ends without a panic");
    }
}

/// A client of tonic on our channel.
pub(super) struct Consumer {
    discovery: Discovery,
    channel: Channel,
}

impl Consumer {
    pub(super) async fn open(place: &Place, registry: &str, level: Level) -> Self {
        let discovery = Discovery::open(&place.settings(registry)).await.expect("a registry");
        let opening = channel(&discovery, service()).application("rust-consumer").level(level);
        let channel = opening.await.expect("a channel");
        Consumer { discovery, channel }
    }

    pub(super) fn session(&self) -> Session {
        self.discovery.registry().session()
    }

    /// The addresses that may be called.
    pub(super) fn providers(&self) -> Vec<(String, bool)> {
        self.channel.providers()
    }

    /// Whether one is registered by interface, as the registry says just now.
    pub(super) async fn knows(&self, port: u16) -> bool {
        let found = self.discovery.lookup(&service()).await.expect("a set");
        found.iter().any(|url| url.port == Some(port))
    }

    pub(super) async fn close(self) {
        drop(self.channel);
        self.discovery.close().await.expect("it closes");
    }
}

fn service() -> Service {
    Service::new("demo.EchoService")
}

impl Calls for Consumer {
    fn who(&self) -> &'static str {
        "ours"
    }

    async fn begin(&self) {}

    async fn call(&self, count: usize) -> Answers {
        let mut answers = Answers::new();
        for _ in 0..count {
            let answer = match timeout(Duration::from_secs(5), echo::call(&self.channel)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(status)) => format!("error {}", status.message()),
                Err(_) => "error no answer within 5 s".to_owned(),
            };
            *answers.entry(answer).or_default() += 1;
        }
        answers
    }

    async fn end(self) {
        self.close().await;
    }
}

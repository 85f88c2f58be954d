//! Serving, and being found.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ::tonic::transport::server::{Router, TcpIncoming};
use registry_host::{Error, ErrorKind, Result};
use tokio::{
    net::{TcpListener, lookup_host},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use super::{Level, address::own_address};
use crate::{
    Discovery, Registration, ServiceUrl,
    application::{Metadata, RegisteredApplication, metadata_service},
};

/// How long the registry may take to unregister a provider that ends.
const UNREGISTERING: Duration = Duration::from_millis(800);

/// How long consumers have then to hear of it, before no connection is accepted any more.
const NOTICE: Duration = Duration::from_millis(400);

/// How long calls that are on their way may take then.
const DRAINING: Duration = Duration::from_millis(1_000);

/// The version of Dubbo's protocol that Java writes, which it looks for.
const PROTOCOL: &str = "2.0.2";

/// A server that is about to be found: see [`serve`].
#[must_use = "it serves once it is told until when"]
pub struct Serve {
    discovery: Discovery,
    services: Vec<ServiceUrl>,
    router: Router,
    level: Level,
    remote_metadata: bool,
}

/// Serves a tonic router at the address of a service, and registers the service as long as it does.
///
/// ```no_run
/// # async fn example(
/// #     discovery: registry_discovery::Discovery,
/// #     router: tonic::transport::server::Router,
/// #     stop: impl Future<Output = ()>,
/// # ) -> registry_host::Result<()> {
/// use registry_discovery::{ServiceUrl, tonic};
///
/// let service = ServiceUrl::new("tri", "0.0.0.0", 50051, "demo.EchoService")
///     .with("methods", "Echo")
///     .with("application", "echo");
/// tonic::serve(&discovery, service, router).until(stop).await
/// # }
/// ```
///
/// # Behavior
///
/// The host is where it listens: `0.0.0.0` is everywhere, and then it is registered at this machine's
/// [own address](super::own_address). Port 0 is any free one. Registered are the parameters of the URL, and `dubbo`,
/// `interface`, `pid`, `release`, `side` and `timestamp` where they are not given. One with the parameter `application`
/// is registered by application, too, with a [`metadata_service`] beside the router.
pub fn serve(discovery: &Discovery, service: ServiceUrl, router: Router) -> Serve {
    let discovery = discovery.clone();
    Serve { discovery, services: vec![service], router, level: Level::default(), remote_metadata: false }
}

impl Serve {
    /// Registers another service of the router: its host and port are those of the first.
    pub fn also(mut self, service: ServiceUrl) -> Self {
        self.services.push(service);
        self
    }

    /// By what it is registered.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Keeps in the registry what the application provides, rather than to have consumers ask it.
    pub fn remote_metadata(mut self) -> Self {
        self.remote_metadata = true;
        self
    }

    /// Serves until a future is ready.
    ///
    /// # Behavior
    ///
    /// It registers once the port is open. At the end it unregisters first, goes on for 0.4 s so that consumers hear of
    /// it, then finishes the calls that are on their way, for 1 s at most. All of that takes less than 2.5 s, with a
    /// registry that does not answer, too: then its entries go with its session.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if it can't listen there; as [`Discovery::register`]; `Other` if the port can't be served any
    /// more.
    ///
    /// # Cancellation
    ///
    /// It stops serving at once, and unregisters in the background.
    pub async fn until(mut self, stop: impl Future<Output = ()>) -> Result<()> {
        let (listener, address) = listen(&self.services[0]).await?;
        let host = if address.ip().is_unspecified() { own_address() } else { address.ip() };
        for service in &mut self.services {
            complete(service, host, address.port());
        }
        let application = self.application()?;
        if let Some(metadata) = application.as_ref().filter(|_| !self.remote_metadata) {
            self.router = self.router.add_service(metadata_service(metadata.clone()));
        }
        let (ending, router) = (CancellationToken::new(), self.router);
        let ended = ending.clone().cancelled_owned();
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let served = async move { router.serve_with_incoming_shutdown(incoming, ended).await };
        let mut serving = AbortOnDropHandle::new(tokio::spawn(served));
        let mut registered = Vec::new();
        if self.level.by_interface() || application.is_none() {
            for service in &self.services {
                registered.push(self.discovery.register(service.clone()).await?);
            }
        }
        let instance = match &application {
            Some(metadata) => {
                let host = host.to_string();
                let remote = self.remote_metadata;
                Some(self.discovery.register_application(metadata, &host, address.port(), remote).await?)
            }
            None => None,
        };
        info!("serves {} at {}", self.services[0].service(), self.services[0].address());
        tokio::select! {
            () = stop => {}
            ended = &mut serving => return finished(ended, address),
        }
        unregister(registered, instance).await;
        sleep(NOTICE).await;
        ending.cancel();
        match timeout(DRAINING, &mut serving).await {
            Ok(ended) => finished(ended, address),
            Err(_) => {
                warn!("calls are still on their way after {DRAINING:?}, and are broken off");
                Ok(())
            }
        }
    }

    /// What the application provides, if it is registered as one.
    fn application(&self) -> Result<Option<Metadata>> {
        if !self.level.by_application() {
            return Ok(None);
        }
        match self.services[0].application() {
            Some(application) => Ok(Some(Metadata::of(application, &self.services))),
            None if self.level == Level::Application => {
                let message = "no URL of a service: application is missing; accepted: the name of an application";
                Err(Error::new(ErrorKind::InvalidKey, message))
            }
            None => Ok(None),
        }
    }
}

/// All that was registered at once: the registry may not answer.
async fn unregister(registered: Vec<Registration>, instance: Option<RegisteredApplication>) {
    let instance = async {
        match instance {
            Some(instance) => instance.unregister().await,
            None => Ok(()),
        }
    };
    let services = futures_util::future::join_all(registered.into_iter().map(Registration::unregister));
    let all = async { futures_util::future::join(services, instance).await };
    match timeout(UNREGISTERING, all).await {
        Ok((services, instance)) => {
            for error in services.into_iter().chain([instance]).filter_map(Result::err) {
                warn!(%error, "not unregistered; that goes with the session");
            }
        }
        Err(_) => warn!("not unregistered within {UNREGISTERING:?}; that goes with the session"),
    }
}

fn finished(
    ended: std::result::Result<std::result::Result<(), ::tonic::transport::Error>, tokio::task::JoinError>,
    address: SocketAddr,
) -> Result<()> {
    let lost =
        |cause: &dyn std::error::Error| Error::new(ErrorKind::Other, format!("{address} is served no more: {cause}"));
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(lost(&error)),
        Err(error) => Err(lost(&error)),
    }
}

async fn listen(service: &ServiceUrl) -> Result<(TcpListener, SocketAddr)> {
    let Some(port) = service.port else {
        return Err(Error::new(ErrorKind::InvalidKey, "no URL of a service: port is missing; 0 is any free one"));
    };
    let cant = |error: io::Error| {
        let message = format!("can't listen at {}: {error}", service.address());
        Error::new(ErrorKind::InvalidConfig, message)
    };
    let found: Vec<SocketAddr> = lookup_host((service.host.as_str(), port)).await.map_err(cant)?.collect();
    let listener = TcpListener::bind(&*found).await.map_err(cant)?;
    let address = listener.local_addr().map_err(cant)?;
    Ok((listener, address))
}

/// Says what consumers look for.
fn complete(service: &mut ServiceUrl, host: IpAddr, port: u16) {
    (service.host, service.port) = (host.to_string(), Some(port));
    let usual = [
        ("dubbo", PROTOCOL.to_owned()),
        ("interface", service.path.clone()),
        ("pid", std::process::id().to_string()),
        ("release", format!("rust-{}", env!("CARGO_PKG_VERSION"))),
        ("side", "provider".to_owned()),
        ("timestamp", now().to_string()),
    ];
    for (name, value) in usual {
        service.parameters.entry(name.to_owned()).or_insert(value);
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

//! Serving a port.

use std::time::Duration;

use registry_host::{Error, ErrorKind, Result};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::server::NamedService;
use tonic::service::{Interceptor, interceptor::InterceptedService};
use tonic::transport::{Server, server::TcpIncoming};
use tonic::{Request, Status};

use super::{VERSION, VERSION_KEY};
use crate::settings::{Listening, ServersSettings};

/// How often a silent client is asked whether it lives.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How many requests of one connection are answered at once.
const AT_ONCE: u32 = 1_024;

/// A port that is bound, and not served yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: String,
    servers: ServersSettings,
    admitted: Admitted,
}

/// Binds the port of a server.
///
/// # Errors
///
/// `InvalidConfig` names the port that is taken, or what is missing for an address that can be reached from elsewhere.
pub async fn bind(listening: &Listening, servers: &ServersSettings) -> Result<Bound> {
    servers.allow(listening.ip, listening.section)?;
    let admitted = Admitted { bearer: servers.bearer()? };
    let (listener, address) = listening.listen().await?;
    Ok(Bound { listener, address, servers: servers.clone(), admitted })
}

impl Bound {
    /// What others are told.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Serves a service until a future is ready, and the requests that have begun by then.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for TLS that can't be; `Other` if the port can't be served any more.
    pub async fn serve<S>(self, service: S, until: impl Future<Output = ()> + Send) -> Result<()>
    where
        S: tonic::codegen::Service<
                http::Request<Body>,
                Response = http::Response<Body>,
                Error = std::convert::Infallible,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let mut server = Server::builder()
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .max_concurrent_streams(AT_ONCE);
        if let Some(tls) = self.servers.server_tls()? {
            server = server.tls_config(tls).map_err(|error| {
                let message = "the certificate or its key can't be used";
                Error::new(ErrorKind::InvalidConfig, message).or_key("servers.tls.cert-file").with_cause(&error)
            })?;
        }
        let service = InterceptedService::new(service, self.admitted);
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        let served = server.add_service(service).serve_with_incoming_shutdown(incoming, until).await;
        served.map_err(|error| {
            Error::new(ErrorKind::Other, format!("{} is served no more", self.address)).with_cause(&error)
        })
    }
}

/// Refuses requests of another version, and those of strangers.
#[derive(Clone, Debug)]
struct Admitted {
    bearer: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Admitted {
    fn call(&mut self, request: Request<()>) -> std::result::Result<Request<()>, Status> {
        self.admit(request.metadata())?;
        Ok(request)
    }
}

impl Admitted {
    fn admit(&self, metadata: &MetadataMap) -> std::result::Result<(), Status> {
        if let Some(bearer) = &self.bearer {
            let given = metadata.get("authorization").map(MetadataValue::as_bytes).unwrap_or_default();
            if !bool::from(given.ct_eq(bearer.as_bytes())) {
                let problem = if given.is_empty() { "no token was sent" } else { "the token is another" };
                return Err(Status::unauthenticated(format!("{problem}: servers.token must be the same everywhere")));
            }
        }
        let version = metadata.get(VERSION_KEY).and_then(|version| version.to_str().ok()).unwrap_or_default();
        let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
        if major(version) != major(VERSION) {
            let theirs = if version.is_empty() { "none" } else { version };
            return Err(Status::unimplemented(format!(
                "the version of the protocol is {VERSION} here, and {theirs:?} was asked for: use programs of one release"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&'static str, &str)]) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        pairs.iter().for_each(|(key, value)| drop(metadata.insert(*key, value.parse().unwrap())));
        metadata
    }

    #[test]
    fn strangers_and_other_versions_are_refused() {
        let admitted = Admitted { bearer: Some(MetadataValue::from_static("Bearer secret")) };
        let refused = |pairs: &[(&'static str, &str)]| admitted.admit(&metadata(pairs)).unwrap_err();
        let ours = (VERSION_KEY, "1.7");
        assert!(admitted.admit(&metadata(&[ours, ("authorization", "Bearer secret")])).is_ok());
        assert_eq!(refused(&[ours]).code(), tonic::Code::Unauthenticated);
        let other = refused(&[ours, ("authorization", "Bearer secrets")]);
        assert!(other.message().contains("servers.token") && !other.message().contains("secrets"), "{other}");
        let old = refused(&[(VERSION_KEY, "2.0"), ("authorization", "Bearer secret")]);
        assert_eq!(old.code(), tonic::Code::Unimplemented);
        assert!(old.message().contains("1.0") && old.message().contains("2.0"), "{old}");
    }
}

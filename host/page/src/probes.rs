//! What machines ask of a server that has no page: `/metrics`, `/healthz` and `/readyz`.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use registry_host::{Error, ErrorKind, Result};
use tokio::net::TcpListener;

use crate::Metrics;

/// Says whether a server can do its work; why not, if it can't.
pub type Readiness = Arc<dyn Fn() -> std::result::Result<(), String> + Send + Sync>;

/// A port that listens for probes, and is still to be served.
#[derive(Debug)]
pub struct Probes {
    listener: TcpListener,
    address: SocketAddr,
}

impl Probes {
    /// Listens there; port 0 stands for a free one.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if the address can't be listened at, with the reason.
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        let refused = |error: std::io::Error| {
            Error::new(ErrorKind::InvalidConfig, format!("can't listen at {address}")).with_cause(&error)
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Probes { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the future is dropped: `/metrics` with what `metrics` gives, `/readyz` with 503 while the server
    /// isn't ready.
    ///
    /// # Cancellation
    ///
    /// Ends all connections.
    pub async fn serve(self, metrics: Metrics, ready: Readiness) {
        let router = Router::new()
            .route("/metrics", get(measured))
            .route("/healthz", get(alive))
            .route("/readyz", get(|| async move { readiness(ready()) }))
            .with_state(metrics);
        // It only ends with an error of the listener, which axum waits out.
        let _ = axum::serve(self.listener, router).await;
    }
}

/// The process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether a server can do its work.
pub(crate) fn readiness(ready: std::result::Result<(), String>) -> Response {
    match ready {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn measured(State(metrics): State<Metrics>) -> Response {
    in_prometheus_format(metrics())
}

/// Figures as an answer.
pub(crate) fn in_prometheus_format(text: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

//! An address that each alert is posted to.

use std::error::Error as _;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::{Request, StatusCode, Uri, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use registry_config::Secret;
use registry_host::{Error, ErrorKind, Result};
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// How often an alert is posted that isn't taken.
const TRIES: usize = 5;

/// The pauses between.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// `master.alert.webhook`.
pub(super) struct Webhook {
    uri: Uri,
    /// What the log may name: its path and query may be secrets.
    host: String,
    client: Client<HttpsConnector<HttpConnector>, Full<bytes::Bytes>>,
    limit: Duration,
}

/// Why it was not taken, and whether trying again may help.
struct Failed {
    why: String,
    for_good: bool,
}

impl Webhook {
    pub(super) fn new(url: &Secret, limit: Duration) -> Result<Self> {
        let uri = parse(url)?;
        let refused = |error: &(dyn std::error::Error + 'static)| {
            let message = "the certificates of this machine that say whom to trust can't be read";
            Error::new(ErrorKind::InvalidConfig, message).or_key("master.alert.webhook").with_cause(error)
        };
        let connector = HttpsConnectorBuilder::new();
        let connector = connector
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|error| refused(&error))?;
        let connector = connector.https_or_http().enable_http1().build();
        let host = uri.host().unwrap_or_default().to_owned();
        // Alerts are rare: a connection that is kept is one that is broken when it is needed.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Webhook { uri, host, client, limit })
    }

    /// Posts an alert until it is taken, or has been refused; why not, if it isn't.
    pub(super) async fn tell(&self, alert: &Value) -> std::result::Result<(), String> {
        let mut pauses =
            ExponentialBuilder::new().with_min_delay(PAUSES.0).with_max_delay(PAUSES.1).with_jitter().build();
        let key = uuid::Uuid::new_v4().to_string();
        let mut tried = 0;
        loop {
            tried += 1;
            let late = |_| Err(Failed { why: format!("no answer within {:?}", self.limit), for_good: false });
            let Err(failed) = timeout(self.limit, self.post(alert, &key)).await.unwrap_or_else(late) else {
                return Ok(());
            };
            if failed.for_good || tried == TRIES {
                return Err(format!("{} at the {tried}. try: {}", self.host, failed.why));
            }
            sleep(pauses.next().unwrap_or(PAUSES.1)).await;
        }
    }

    async fn post(&self, alert: &Value, key: &str) -> std::result::Result<(), Failed> {
        let request = Request::post(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            // The same for each try, so that whoever has got it and could not say so need not tell it twice.
            .header("idempotency-key", key)
            .body(Full::from(alert.to_string()));
        let request = request.map_err(|error| Failed { why: error.to_string(), for_good: true })?;
        match self.client.request(request).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let may_help = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                Err(Failed { why: status.to_string(), for_good: !may_help })
            }
            Err(error) => {
                let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                Err(Failed { why: cause, for_good: false })
            }
        }
    }
}

/// Reads the address.
///
/// # Errors
///
/// `InvalidConfig` says what is accepted, and nothing of the address.
pub(crate) fn parse(url: &Secret) -> Result<Uri> {
    let uri = url.expose().parse::<Uri>().ok();
    let is_good = |uri: &Uri| {
        let names_host = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        matches!(uri.scheme_str(), Some("http" | "https")) && names_host
    };
    uri.filter(is_good).ok_or_else(|| {
        let message = "<hidden> is not accepted; accepted: an address such as https://host/path, without a user before \
                       the host";
        Error::new(ErrorKind::InvalidConfig, message).or_key("master.alert.webhook")
    })
}

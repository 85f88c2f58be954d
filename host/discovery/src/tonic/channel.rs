//! Calls to whoever provides a service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ::tonic::{
    Status,
    body::Body,
    codegen::{Service as HttpService, http},
};
use http::{HeaderValue, Request, Response, Uri};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::{
    link::Unsent,
    pool::{Nobody, Pool},
};
use crate::{ServiceUrl, rules::Call};

/// The header that a call's tag is in.
const TAG: &str = "dubbo.tag";

/// The header by which calls of the same value go to the same provider, with [`Policy::ConsistentHash`].
///
/// [`Policy::ConsistentHash`]: crate::choice::Policy::ConsistentHash
pub const HASH_KEY: &str = "dubbo.hash-key";

/// How long a call waits for the first connection to a provider.
const CONNECTING: Duration = Duration::from_secs(3);

/// A channel to the providers of a service, for clients that tonic generates.
///
/// # Behavior
///
/// Each call goes to a provider that is connected just then. A request that could not be sent goes to another one; one
/// that was sent is never sent again. While no provider is registered, or none can be reached, calls fail at once with
/// `Unavailable`, which says why. It is cloned freely; dropping the last clone ends the connections after the calls
/// that are on their way.
#[derive(Clone)]
pub struct Channel {
    pool: Arc<Pool>,
    _following: Arc<AbortOnDropHandle<()>>,
}

impl Channel {
    pub(super) fn of(pool: Arc<Pool>, following: AbortOnDropHandle<()>) -> Self {
        Channel { pool, _following: Arc::new(following) }
    }

    /// The providers that may be called: their addresses, and whether they are connected.
    pub fn providers(&self) -> Vec<(String, bool)> {
        self.pool.links()
    }

    async fn call(pool: Arc<Pool>, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let call = Call { method, tag: header(&request, TAG) };
        let key = header(&request, HASH_KEY).unwrap_or_default();
        let until = Instant::now() + CONNECTING;
        let mut news = pool.news();
        loop {
            news.mark_unchanged();
            let nobody = match pool.choose(&call, &key) {
                Ok((link, provider)) => {
                    address(&mut request, &provider);
                    match link.call(request).await {
                        Ok(answered) => return answered,
                        Err(Unsent(unsent)) => {
                            request = unsent;
                            // The link sees by itself that it is broken, which is news.
                            match Instant::now() < until {
                                true => format!("the connection to {} broke before the call was sent", link.address()),
                                false => return Err(Status::unavailable("no provider took the call")),
                            }
                        }
                    }
                }
                Err(Nobody::Never(why)) => return Err(Status::unavailable(why)),
                Err(Nobody::Yet(why)) => why,
            };
            if timeout_at(until, news.changed()).await.is_err() {
                return Err(Status::unavailable(nobody));
            }
        }
    }
}

fn header(request: &Request<Body>, name: &str) -> Option<String> {
    request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Names the service as the provider knows it: one in a group or version is found by these headers.
fn address(request: &mut Request<Body>, provider: &ServiceUrl) {
    for (header, value) in [("tri-service-group", provider.group()), ("tri-service-version", provider.version())] {
        request.headers_mut().remove(header);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            request.headers_mut().insert(header, value);
        }
    }
    let path = request.uri().path();
    let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap_or(("", ""));
    if service == provider.interface() && !provider.path.is_empty() && service != provider.path {
        // It serves its interface below another path, as Java does where a context path is set.
        if let Ok(uri) = format!("/{}/{method}", provider.path).parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
}

impl HttpService<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(Channel::call(Arc::clone(&self.pool), request))
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("providers", &self.providers()).finish_non_exhaustive()
    }
}

//! The connection to one provider.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::tonic::{Status, body::Body, codegen::http};
use http::{Request, Response, Uri, uri::PathAndQuery};
use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpStream, lookup_host},
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, info};

/// How long a connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(5);

/// The pauses between two attempts to connect: the shortest and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How long a provider may leave data unacknowledged, or a silent one the probes of TCP.
const UNANSWERED: Duration = Duration::from_secs(20);

/// How much a new response time counts in the average: one part of so many.
const AVERAGED: u64 = 8;

type Driver = Connection<TokioIo<TcpStream>, Body, TokioExecutor>;

/// The connection to one provider, which is made again whenever it breaks, until this is dropped. Calls that are on
/// their way by then are answered all the same.
pub(super) struct Link {
    state: Arc<State>,
    _end: DropGuard,
}

struct State {
    address: String,
    sender: Mutex<Option<SendRequest<Body>>>,
    /// Why there is no connection; `None` while the first one is being made.
    failure: Mutex<Option<String>>,
    active: AtomicUsize,
    /// The average response time in nanoseconds, 0 if there is none.
    response: AtomicU64,
}

/// A request that was not sent: another provider can have it.
pub(super) struct Unsent(pub(super) Request<Body>);

impl Link {
    /// Begins to connect; `news` is told whenever there is a connection, or is none any more.
    pub(super) fn to(address: &str, news: watch::Sender<()>) -> Self {
        let state = Arc::new(State {
            address: address.to_owned(),
            sender: Mutex::default(),
            failure: Mutex::default(),
            active: AtomicUsize::new(0),
            response: AtomicU64::new(0),
        });
        let end = CancellationToken::new();
        // It ends with the link, and after the calls that are on their way then.
        tokio::spawn(Arc::clone(&state).stay_connected(news, end.clone()));
        Link { state, _end: end.drop_guard() }
    }

    pub(super) fn address(&self) -> &str {
        &self.state.address
    }

    /// Whether it can be called.
    pub(super) fn is_connected(&self) -> bool {
        self.state.lock().as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Why there is no connection; `None` while the first one is being made.
    pub(super) fn failure(&self) -> Option<String> {
        self.state.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls it has not answered yet.
    pub(super) fn active(&self) -> usize {
        self.state.active.load(Ordering::Relaxed)
    }

    /// How long it takes to answer, on average; zero if it never has.
    pub(super) fn response(&self) -> Duration {
        Duration::from_nanos(self.state.response.load(Ordering::Relaxed))
    }

    /// Sends a request and gives the answer's head.
    pub(super) async fn call(&self, request: Request<Body>) -> Result<Result<Response<Body>, Status>, Unsent> {
        let sender = self.state.lock().clone();
        let Some(mut sender) = sender else { return Err(Unsent(request)) };
        let _active = Active::count(&self.state.active);
        let begun = Instant::now();
        let request = self.addressed(request);
        match sender.try_send_request(request).await {
            Ok(response) => {
                self.state.answered(begun.elapsed());
                Ok(Ok(response.map(Body::new)))
            }
            Err(mut error) => match error.take_message() {
                Some(request) => Err(Unsent(request)),
                None => {
                    let message = format!("{} did not answer: {}", self.address(), causes(error.error()));
                    Ok(Err(Status::unavailable(message)))
                }
            },
        }
    }

    fn addressed(&self, mut request: Request<Body>) -> Request<Body> {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme("http").authority(self.address()).path_and_query(path).build();
        // An address that is no authority can't be connected to either.
        if let Ok(uri) = uri {
            *request.uri_mut() = uri;
        }
        *request.version_mut() = http::Version::HTTP_2;
        request
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<SendRequest<Body>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, why: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    fn answered(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let average = |before: u64| match before {
            0 => took,
            before => before - before / AVERAGED + took / AVERAGED,
        };
        let _ = self.response.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| Some(average(before)));
    }

    async fn stay_connected(self: Arc<Self>, news: watch::Sender<()>, end: CancellationToken) {
        let mut pause = PAUSES.0;
        loop {
            let connected = tokio::select! {
                connected = timeout(CONNECTING, connect(&self.address)) => connected,
                () = end.cancelled() => return,
            };
            let why = match connected {
                Ok(Ok((sender, driver))) => {
                    *self.lock() = Some(sender);
                    debug!("connected to the provider {}", self.address);
                    news.send_replace(());
                    let begun = Instant::now();
                    let mut driver = std::pin::pin!(driver);
                    let ended = tokio::select! {
                        ended = &mut driver => ended,
                        () = end.cancelled() => {
                            // Without a sender it ends after the last call.
                            *self.lock() = None;
                            let _ = driver.await;
                            return;
                        }
                    };
                    *self.lock() = None;
                    if begun.elapsed() > PAUSES.1 {
                        pause = PAUSES.0;
                    }
                    match ended {
                        Ok(()) => "it has closed the connection".to_owned(),
                        Err(error) => causes(&error),
                    }
                }
                Ok(Err(error)) => causes(&*error),
                Err(_) => format!("no connection within {CONNECTING:?}"),
            };
            info!("the provider {} can't be called now: {why}; connecting again in about {pause:?}", self.address);
            self.fail(why);
            news.send_replace(());
            tokio::select! {
                () = sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)) => {}
                () = end.cancelled() => return,
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

async fn connect(address: &str) -> Result<(SendRequest<Body>, Driver), Box<dyn std::error::Error + Send + Sync>> {
    let stream = reach(address).await?;
    stream.set_nodelay(true)?;
    // Both have a provider that was cut off found out, without the pings that some servers end a connection for.
    rustix::net::sockopt::set_tcp_user_timeout(&stream, u32::try_from(UNANSWERED.as_millis())?)?;
    rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(&stream, UNANSWERED)?;
    rustix::net::sockopt::set_tcp_keepintvl(&stream, UNANSWERED / 4)?;
    let made = Builder::new(TokioExecutor::new()).adaptive_window(true).handshake(TokioIo::new(stream)).await?;
    Ok(made)
}

/// Connects to the first address of a name that answers.
async fn reach(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let found: Vec<SocketAddr> = lookup_host(address).await?.collect();
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// An error and what has caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Counts a call while it is on its way, also if it is dropped.
struct Active<'a>(&'a AtomicUsize);

impl<'a> Active<'a> {
    fn count(active: &'a AtomicUsize) -> Self {
        active.fetch_add(1, Ordering::Relaxed);
        Active(active)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("address", &self.address()).field("connected", &self.is_connected()).finish()
    }
}

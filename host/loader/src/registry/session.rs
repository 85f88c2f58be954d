//! The session as its host sees it (contract 4.3).

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_core::Stream;
use registry_abi::{Host, ROption, RStr, RawHost, RawHost_TO, RawLevel, RawLog, RawSession, TD_Opaque};
use registry_api::{Error, ErrorKind, SessionId, SessionState};
use tokio::{
    runtime::Handle,
    sync::broadcast::{self, error::RecvError},
};

use super::{opening::Tried, telling::Telling};
use crate::{
    DisconnectStrategy,
    layers::{logging, sleep},
};

/// How many transitions a reader of [`States`] may be behind before it gets the newest ones only.
const BEHIND: usize = 256;

/// How many of the sessions before are remembered: what an older one owned has long gone.
const EARLIER: usize = 64;

/// The one session of a registry; its handles stay good when it is replaced by another.
#[derive(Clone)]
pub struct Session(Arc<Hearing>);

impl Session {
    pub(super) fn new(hearing: Arc<Hearing>) -> Self {
        Session(hearing)
    }

    /// The session's id, which changes after `Lost`.
    pub fn id(&self) -> SessionId {
        self.0.lock().now.id
    }

    /// The timeout that the server granted.
    pub fn timeout(&self) -> Duration {
        self.0.lock().now.timeout
    }

    /// The state as last heard of.
    pub fn state(&self) -> SessionState {
        self.0.lock().now.state
    }

    /// The state as it is now, then every transition.
    ///
    /// # Behavior
    ///
    /// None is skipped or repeated, unless the reader falls 256 behind: then it gets the newest 256.
    pub fn states(&self) -> States {
        let observed = self.0.lock();
        let mut later = observed.transitions.subscribe();
        let now = observed.now.state;
        drop(observed);
        States {
            now: Some(now),
            next: Box::pin(async move {
                let next = receive(&mut later).await;
                (next, later)
            }),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.0.lock().now;
        f.debug_struct("Session")
            .field("id", &now.id)
            .field("timeout", &now.timeout)
            .field("state", &now.state)
            .finish()
    }
}

type Receiving = Pin<Box<dyn Future<Output = (Option<SessionState>, broadcast::Receiver<SessionState>)> + Send + Sync>>;

/// The states of a session: a [`Stream`] that ends with the registry.
#[must_use = "states are told only to those who ask"]
pub struct States {
    now: Option<SessionState>,
    next: Receiving,
}

impl States {
    /// The next state; `None` once the registry is gone.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<SessionState> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for States {
    type Item = SessionState;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<SessionState>> {
        if let Some(now) = self.now.take() {
            return Poll::Ready(Some(now));
        }
        let (state, mut later) = std::task::ready!(self.next.as_mut().poll(cx));
        self.next = Box::pin(async move {
            let next = receive(&mut later).await;
            (next, later)
        });
        Poll::Ready(state)
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").finish_non_exhaustive()
    }
}

async fn receive(later: &mut broadcast::Receiver<SessionState>) -> Option<SessionState> {
    loop {
        match later.recv().await {
            Ok(state) => return Some(state),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

/// What the plugin has reported of the session.
pub(super) struct Hearing {
    /// How long the host may be without a session.
    limit: Duration,
    /// What the registry was opened on.
    runtime: Handle,
    telling: Telling,
    observed: Mutex<Observed>,
}

struct Observed {
    now: Now,
    /// Since when there has been no session.
    lost: Option<Instant>,
    /// Why the next transition comes about.
    cause: Option<String>,
    /// The longest time that there was none.
    longest: Option<Duration>,
    /// The sessions before, the latest last.
    earlier: VecDeque<SessionId>,
    transitions: broadcast::Sender<SessionState>,
}

#[derive(Clone, Copy)]
struct Now {
    state: SessionState,
    id: SessionId,
    timeout: Duration,
}

impl Hearing {
    pub(super) fn new(plugin: &str, limit: Duration, runtime: Handle) -> Self {
        let observed = Observed {
            // A connection is handed out only after its plugin has told of `Connected`.
            now: Now { state: SessionState::Suspended, id: SessionId(0), timeout: Duration::ZERO },
            lost: None,
            cause: None,
            longest: None,
            earlier: VecDeque::new(),
            transitions: broadcast::Sender::new(BEHIND),
        };
        Hearing { limit, runtime, telling: Telling::new(plugin), observed: Mutex::new(observed) }
    }

    pub(super) fn id(&self) -> SessionId {
        self.lock().now.id
    }

    /// Whether an earlier session of this registry had this id.
    pub(super) fn was(&self, id: SessionId) -> bool {
        self.lock().earlier.contains(&id)
    }

    fn lock(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, raw: RawSession) {
        let mut observed = self.lock();
        let cause = observed.cause.take();
        self.telling.tell(raw.state.into(), SessionId(raw.id), cause.as_deref());
        let last = observed.now.id;
        if last != SessionId(raw.id) && last != SessionId(0) {
            observed.earlier.push_back(last);
            if observed.earlier.len() > EARLIER {
                observed.earlier.pop_front();
            }
        }
        observed.now = Now { state: raw.state.into(), id: SessionId(raw.id), timeout: raw.timeout.into() };
        match observed.now.state {
            SessionState::Lost => observed.lost = observed.lost.or(Some(Instant::now())),
            SessionState::Connected => {
                let without = observed.lost.take().map(|lost| lost.elapsed());
                observed.longest = observed.longest.max(without);
            }
            _ => {}
        }
        // Nobody may be listening.
        let _ = observed.transitions.send(raw.state.into());
    }
}

impl Session {
    /// Waits until the host is to stop for want of a session, as `registry.disconnect-strategy` says; tells why.
    ///
    /// # Behavior
    ///
    /// It does when the registry was without a session, from `Lost` on, for longer than `registry.disconnect-grace` if
    /// it is to `stop`, or than `registry.disconnect-max-wait` if it is to `wait`; also when it was closed. Once it is
    /// so it stays so, and later callers are told at once. A host that waits does no work that needs the registry
    /// while its [state](Session::state) is another than `Connected`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub fn stop_wanted(&self) -> impl Future<Output = Error> + Send + 'static {
        let limit = self.0.limit;
        self.stop_wanted_after(limit)
    }

    /// The same for a part of the host that has a strategy of its own.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub fn stop_wanted_by(&self, strategy: DisconnectStrategy) -> impl Future<Output = Error> + Send + 'static {
        self.stop_wanted_after(strategy.limit())
    }

    fn stop_wanted_after(&self, limit: Duration) -> impl Future<Output = Error> + Send + 'static {
        let hearing = Arc::clone(&self.0);
        async move {
            loop {
                let (mut later, state, lost, longest) = {
                    let observed = hearing.lock();
                    (observed.transitions.subscribe(), observed.now.state, observed.lost, observed.longest)
                };
                if state == SessionState::Closed {
                    return Error::new(ErrorKind::Closed, "the registry is closed");
                }
                let over = lost.map(|lost| (lost + limit).saturating_duration_since(Instant::now()));
                if longest.is_some_and(|longest| longest >= limit) || over == Some(Duration::ZERO) {
                    let message = match limit {
                        Duration::ZERO => "the session was lost".to_owned(),
                        limit => format!("the session was lost, and no other was opened within {limit:?}"),
                    };
                    return Error::new(ErrorKind::SessionLost, message);
                }
                tokio::select! {
                    () = sleep(&hearing.runtime, over.unwrap_or_default()), if over.is_some() => {}
                    _ = later.recv() => {}
                }
            }
        }
    }
}

/// The host's end that a plugin is given.
pub(super) fn host_end(plugin: &str, hearing: Arc<Hearing>, tried: Arc<Tried>) -> Host {
    RawHost_TO::from_value(HostEnd { plugin: plugin.to_owned(), hearing, tried }, TD_Opaque)
}

struct HostEnd {
    plugin: String,
    hearing: Arc<Hearing>,
    tried: Arc<Tried>,
}

impl RawHost for HostEnd {
    fn session(&self, session: RawSession) {
        logging::quietly(|| {
            self.hearing.hear(session);
        });
    }

    fn log_enabled(&self, level: RawLevel) -> bool {
        logging::enabled(level)
    }

    fn log(&self, log: RawLog<'_>) {
        logging::quietly(|| logging::forward(&self.plugin, &log));
    }

    fn session_cause(&self, cause: RStr<'_>) {
        logging::quietly(|| self.hearing.lock().cause = Some(cause.as_str().to_owned()));
    }

    fn tried(&self, server: RStr<'_>, failure: ROption<RStr<'_>>) {
        logging::quietly(|| self.tried.hear(server.as_str(), failure.into_option().map(|failure| failure.as_str())));
    }
}

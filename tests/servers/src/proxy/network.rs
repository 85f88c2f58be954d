use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;

/// How the network of a connection behaves at the moment.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    pub(crate) carries_requests: bool,
    pub(crate) carries_answers: bool,
    pub(crate) delay: Duration,
    /// Where new connections are carried instead.
    pub(crate) elsewhere: Option<SocketAddr>,
    /// ZooKeeper's clients that ask for the session they had get a new one.
    pub(crate) forgets_sessions: bool,
    /// Every connection ends when it grows.
    pub(crate) resets: u64,
}

/// What a connection hears of its network.
pub(crate) type Told = watch::Receiver<Network>;

impl Network {
    /// One that carries everything at once.
    pub(crate) fn open() -> watch::Sender<Self> {
        let open = Self {
            carries_requests: true,
            carries_answers: true,
            delay: Duration::ZERO,
            elsewhere: None,
            forgets_sessions: false,
            resets: 0,
        };
        watch::Sender::new(open)
    }

    pub(crate) fn carries_all(&self) -> bool {
        self.carries_requests && self.carries_answers
    }
}

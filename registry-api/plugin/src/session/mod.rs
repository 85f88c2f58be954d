//! The session's state and its clock (contract 4.3).

mod attempts;

use std::{
    fmt::Display,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use registry_api::{Error, ErrorKind, Moment, Outcome, Result, SessionId, SessionState};
use tokio::sync::watch;

pub use self::attempts::Attempts;

/// How the session is kept in contact with its server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contact {
    /// By requests; the moment is when the last one that was answered had been SENT.
    Sent(Moment),
    /// The session lives in this process and can't lose contact.
    Always,
}

/// What is known of the session at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Snapshot {
    pub(crate) state: SessionState,
    pub(crate) id: SessionId,
    pub(crate) timeout: Duration,
}

/// Hears of each transition, in order, and of its cause.
pub(crate) type Listener = Box<dyn Fn(Snapshot, Option<&dyn Display>) + Send + Sync>;

/// Where a backend reports what it learns of its session; the SDK keeps the clock.
///
/// # Behavior
///
/// A report that says nothing new changes nothing, so that no state is reported twice in a row. Without an answered
/// request the session is [`Lost`](SessionState::Lost) a [margin](crate::Backend::MARGIN_DIVISOR) before the server
/// could expire it, counted from the sending of the last one that was answered; [`ended`](SessionReporter::ended) tells
/// the backend.
#[derive(Clone)]
pub struct SessionReporter(Arc<Shared>);

struct Shared {
    /// When the session is lost by the clock, in nanoseconds of [`Moment`]; 0 while it isn't connected, so that one
    /// load tells whether a call may go on.
    good_until: AtomicU64,
    /// The same, also while it is suspended.
    lost_at: AtomicU64,
    /// What part of the timeout the session is given up early.
    margin_divisor: u32,
    current: watch::Sender<Option<Snapshot>>,
    /// Held while a transition is made and reported, so that listeners get them in order.
    telling: Mutex<Listener>,
}

const NEVER: u64 = u64::MAX;

impl SessionReporter {
    pub(crate) fn new(listener: Listener, margin_divisor: u32) -> Self {
        SessionReporter(Arc::new(Shared {
            good_until: AtomicU64::new(0),
            lost_at: AtomicU64::new(NEVER),
            margin_divisor,
            current: watch::Sender::new(None),
            telling: Mutex::new(listener),
        }))
    }

    /// The session is open, or in contact again: the first report, and the one after `suspended` or `lost`.
    pub fn connected(&self, id: SessionId, timeout: Duration, contact: Contact) {
        let mut lost_at = self.lost_at(timeout, contact);
        self.transition(None, |last| match last {
            Some(Snapshot { state: SessionState::Closed, .. }) => None,
            // What was lost stays lost: only another session can follow it.
            Some(Snapshot { state: SessionState::Lost, id: lost, .. }) if lost == id => None,
            last => {
                let same = |last: Snapshot| last.id == id && last.timeout == timeout;
                if last.is_some_and(|last| same(last) && last.state == SessionState::Connected) {
                    // Answers may be reported out of order; the latest request counts. With another timeout it is the
                    // server that counts again.
                    lost_at = lost_at.max(self.0.lost_at.load(Ordering::SeqCst));
                }
                self.0.lost_at.store(lost_at, Ordering::SeqCst);
                self.0.good_until.store(lost_at, Ordering::SeqCst);
                Some(Snapshot { state: SessionState::Connected, id, timeout })
            }
        });
    }

    /// A request of the session, sent at `sent`, was answered.
    pub fn alive(&self, sent: Moment) {
        let Some(now) = self.snapshot() else { return };
        if matches!(now.state, SessionState::Connected | SessionState::Suspended) {
            self.connected(now.id, now.timeout, Contact::Sent(sent));
        }
    }

    /// Contact with the server is lost; the session may live.
    pub fn suspended(&self) {
        self.suspend(None);
    }

    /// The same, with the cause: the host logs it as a warning.
    pub fn suspended_by(&self, cause: &dyn Display) {
        self.suspend(Some(cause));
    }

    fn suspend(&self, cause: Option<&dyn Display>) {
        self.transition(cause, |last| match last {
            Some(last @ Snapshot { state: SessionState::Connected, .. }) => {
                self.0.good_until.store(0, Ordering::SeqCst);
                Some(Snapshot { state: SessionState::Suspended, ..last })
            }
            _ => None,
        });
    }

    /// The server says that the session has ended.
    pub fn lost(&self) {
        self.lose(&"the server says that it has ended");
    }

    /// The same, with another cause: the host logs it as an error.
    pub fn lost_by(&self, cause: &dyn Display) {
        self.lose(cause);
    }

    fn lose(&self, cause: &dyn Display) {
        self.transition(Some(cause), |last| match last {
            Some(last @ Snapshot { state: SessionState::Connected | SessionState::Suspended, .. }) => {
                self.0.good_until.store(0, Ordering::SeqCst);
                self.0.lost_at.store(NEVER, Ordering::SeqCst);
                Some(Snapshot { state: SessionState::Lost, ..last })
            }
            _ => None,
        });
    }

    /// Waits until the session is lost, by the server's word or by the clock; at once if it is. A backend then opens
    /// another.
    pub async fn ended(&self) {
        let mut current = self.0.current.subscribe();
        let over = |now: &Option<Snapshot>| matches!(now, Some(now) if matches!(now.state, SessionState::Lost | SessionState::Closed));
        // The sender lives as long as this reporter.
        let _ = current.wait_for(over).await;
    }

    /// The session's id and timeout as last reported.
    pub fn current(&self) -> Option<(SessionId, Duration)> {
        self.snapshot().map(|now| (now.id, now.timeout))
    }

    /// The state as it is now, the clock looked at.
    pub fn state(&self) -> Option<SessionState> {
        self.check_clock();
        self.snapshot().map(|now| now.state)
    }

    /// Marks the session closed; of several that close, one hears that it was first.
    pub(crate) fn close(&self) -> bool {
        self.transition(None, |last| {
            self.0.good_until.store(0, Ordering::SeqCst);
            self.0.lost_at.store(NEVER, Ordering::SeqCst);
            match last {
                Some(last) if last.state != SessionState::Closed => {
                    Some(Snapshot { state: SessionState::Closed, ..last })
                }
                _ => None,
            }
        })
    }

    /// Whether a call may be sent now; a process that was stopped past its session finds out here.
    pub(crate) fn may_send(&self) -> bool {
        match self.0.good_until.load(Ordering::SeqCst) {
            0 => false,
            NEVER => true,
            until => {
                Moment::now().as_nanos() < until || {
                    self.check_clock();
                    self.0.good_until.load(Ordering::SeqCst) != 0
                }
            }
        }
    }

    /// Waits until calls may be sent.
    ///
    /// # Errors
    ///
    /// `Closed` once the connection is.
    pub(crate) async fn sendable(&self) -> Result<()> {
        let mut current = self.0.current.subscribe();
        loop {
            // Taken before the look, so that a change right after it is not missed.
            let seen = *current.borrow_and_update();
            if self.may_send() {
                return Ok(());
            }
            if matches!(seen, Some(Snapshot { state: SessionState::Closed, .. })) {
                return Err(closed());
            }
            // The sender lives as long as this reporter.
            let _ = current.changed().await;
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Snapshot>> {
        self.0.current.subscribe()
    }

    /// Keeps the clock until the connection closes.
    pub(crate) async fn keep_clock(self) {
        let mut current = self.0.current.subscribe();
        loop {
            let wait = match self.0.lost_at.load(Ordering::SeqCst) {
                NEVER => None,
                at => Some(Moment::from_nanos(at).since(Moment::now())),
            };
            match wait {
                Some(Duration::ZERO) => self.check_clock(),
                // Timers stand still while the machine sleeps; a look once a second keeps that harmless.
                Some(wait) => tokio::time::sleep(wait.min(Duration::from_secs(1))).await,
                None => {
                    if current.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn check_clock(&self) {
        if Moment::now().as_nanos() >= self.0.lost_at.load(Ordering::SeqCst) {
            // By the clock a session is suspended before it is lost: no transition is skipped.
            let cause = "no request was answered for almost the session timeout";
            self.suspended_by(&cause);
            self.transition(Some(&cause), |last| match last {
                // Contact may have come back since the clock was read.
                Some(last @ Snapshot { state: SessionState::Suspended, .. })
                    if Moment::now().as_nanos() >= self.0.lost_at.load(Ordering::SeqCst) =>
                {
                    self.0.lost_at.store(NEVER, Ordering::SeqCst);
                    Some(Snapshot { state: SessionState::Lost, ..last })
                }
                _ => None,
            });
        }
    }

    fn lost_at(&self, timeout: Duration, contact: Contact) -> u64 {
        match contact {
            Contact::Sent(sent) => (sent + timeout.saturating_sub(timeout / self.0.margin_divisor)).as_nanos(),
            Contact::Always => NEVER,
        }
    }

    fn snapshot(&self) -> Option<Snapshot> {
        *self.0.current.borrow()
    }

    /// Makes and tells a transition, if there is one to make.
    fn transition(&self, cause: Option<&dyn Display>, next: impl FnOnce(Option<Snapshot>) -> Option<Snapshot>) -> bool {
        let telling = self.0.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.snapshot();
        if let Some(next) = next(last)
            && last != Some(next)
        {
            self.0.current.send_replace(Some(next));
            if last.map(|last| (last.state, last.id)) != Some((next.state, next.id)) {
                telling(next, cause);
            }
            return true;
        }
        false
    }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the registry is closed, open it again").set_outcome(Outcome::NotApplied)
}

#[cfg(test)]
mod tests;

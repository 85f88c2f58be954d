//! The session's log lines and metrics, for the operator.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use metrics::Gauge;
use registry_api::{SessionId, SessionState};

/// Tells of each change of the session, once.
///
/// `registry_session_state{backend}` is 1 while the session is connected, 0 while it is suspended, -1 without a session
/// and -2 once it is closed; `registry_session_changes_total{backend, state}` counts the changes.
/// `registry_session_without_contact_since_seconds{backend}` is 0 in contact, else since when, in seconds since 1970.
pub(super) struct Telling {
    backend: String,
    state: Gauge,
    since: Gauge,
    out: Mutex<Out>,
}

/// Since when the session is not connected.
#[derive(Default)]
struct Out {
    contact: Option<Instant>,
    session: Option<Instant>,
}

impl Telling {
    pub(super) fn new(backend: &str) -> Self {
        metrics::describe_gauge!("registry_session_state", "The session: 1 connected, 0 suspended, -1 lost, -2 closed");
        metrics::describe_counter!(
            "registry_session_changes_total",
            "Changes of the session by the state that it has now"
        );
        metrics::describe_gauge!(
            "registry_session_without_contact_since_seconds",
            metrics::Unit::Seconds,
            "Since when there is no contact with a server, in seconds since 1970; 0 in contact"
        );
        let backend = backend.to_owned();
        Telling {
            state: metrics::gauge!("registry_session_state", "backend" => backend.clone()),
            since: metrics::gauge!("registry_session_without_contact_since_seconds", "backend" => backend.clone()),
            backend,
            out: Mutex::default(),
        }
    }

    /// Tells that the session has another state, and why as far as the plugin says.
    pub(super) fn tell(&self, state: SessionState, id: SessionId, cause: Option<&str>) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let (plugin, cause) = (self.backend.as_str(), cause.unwrap_or("the plugin does not say why"));
        match state {
            SessionState::Connected => {
                let (without_session, without_contact) = (out.session.take(), out.contact.take());
                if let Some(since) = without_session {
                    let after = passed(since);
                    tracing::info!(target: "registry", plugin, session = %id, ?after, "another session is open");
                } else if let Some(since) = without_contact {
                    let after = passed(since);
                    tracing::info!(target: "registry", plugin, session = %id, ?after, "the session is in contact again");
                } else {
                    tracing::debug!(target: "registry", plugin, session = %id, "the session is open");
                }
            }
            SessionState::Suspended => {
                out.contact = Some(Instant::now());
                tracing::warn!(
                    target: "registry", plugin, session = %id, cause,
                    "no contact with the registry: calls wait, and the session is lost if that lasts"
                );
            }
            SessionState::Lost => {
                out.session = Some(Instant::now());
                tracing::error!(
                    target: "registry", plugin, session = %id, cause,
                    "the session is lost, and its locks with it: another one is being opened"
                );
            }
            SessionState::Closed => tracing::debug!(target: "registry", plugin, session = %id, "the session is closed"),
            _ => {}
        }
        let (number, name) = match state {
            SessionState::Connected => (1.0, "connected"),
            SessionState::Lost => (-1.0, "lost"),
            SessionState::Closed => (-2.0, "closed"),
            _ => (0.0, "suspended"),
        };
        self.state.set(number);
        match state {
            SessionState::Connected => self.since.set(0.0),
            SessionState::Suspended => self.since.set(seconds_since_1970()),
            _ => {}
        }
        metrics::counter!("registry_session_changes_total", "backend" => self.backend.clone(), "state" => name)
            .increment(1);
    }
}

/// How long ago that was, as exact as a person wants it.
fn passed(since: Instant) -> Duration {
    Duration::from_millis(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

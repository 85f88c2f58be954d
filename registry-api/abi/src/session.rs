//! Session states on their way across.

use std::time::Duration;

use abi_stable::StableAbi;
use registry_api::{SessionId, SessionState};

use crate::Timeout;

/// A state of the session; one that the host doesn't know is read as `Suspended`, in which nothing is trusted.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawSessionState(pub u32);

impl RawSessionState {
    /// [`SessionState::Connected`].
    pub const CONNECTED: RawSessionState = RawSessionState(1);
    /// [`SessionState::Suspended`].
    pub const SUSPENDED: RawSessionState = RawSessionState(2);
    /// [`SessionState::Lost`].
    pub const LOST: RawSessionState = RawSessionState(3);
    /// [`SessionState::Closed`].
    pub const CLOSED: RawSessionState = RawSessionState(4);
}

impl From<SessionState> for RawSessionState {
    fn from(state: SessionState) -> Self {
        match state {
            SessionState::Connected => RawSessionState::CONNECTED,
            SessionState::Lost => RawSessionState::LOST,
            SessionState::Closed => RawSessionState::CLOSED,
            _ => RawSessionState::SUSPENDED,
        }
    }
}

impl From<RawSessionState> for SessionState {
    fn from(raw: RawSessionState) -> Self {
        match raw {
            RawSessionState::CONNECTED => SessionState::Connected,
            RawSessionState::LOST => SessionState::Lost,
            RawSessionState::CLOSED => SessionState::Closed,
            _ => SessionState::Suspended,
        }
    }
}

/// A transition of the session.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawSession {
    /// The new state.
    pub state: RawSessionState,
    /// The session's id.
    pub id: u64,
    /// The timeout that the server granted.
    pub timeout: Timeout,
}

impl RawSession {
    /// A transition of these parts.
    pub fn new(state: SessionState, id: SessionId, timeout: Duration) -> Self {
        RawSession { state: state.into(), id: id.0, timeout: timeout.into() }
    }
}

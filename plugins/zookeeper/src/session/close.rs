//! Ending a session on purpose (contract 4.2).

use registry_plugin::{Effect, Error, ErrorKind, Outcome, Result};
use tokio::time::{sleep, timeout};
use zookeeper_client::{Error as ZkError, SessionInfo, SessionState, StateWatcher};

use super::Session;
use crate::{
    config::Dial,
    error::{of_read, silent},
};

impl Session {
    /// Ends the session: what hangs on it is gone when this returns.
    ///
    /// # Errors
    ///
    /// Of unknown outcome, if no server says that it has ended.
    pub(crate) async fn close(&self) -> Result<()> {
        self.closing.send_replace(true);
        let Some(link) = self.replace(None) else { return Ok(()) };
        let (info, within) = (link.session().clone(), link.session_timeout());
        let (left, mut states) = (link.over(), link.state_watcher());
        link.end_session();
        drop(link);
        // Watches let go of it, too.
        self.reconnected();
        // Calls that are on their way may still use it.
        let _ = timeout(self.patience / 10, left).await;
        if states.state() == SessionState::Closed {
            return Ok(());
        }
        let ending = async {
            let mut backoff = self.dial.backoff();
            loop {
                match end(&self.dial, info.clone()).await {
                    Err(error) if error.is_retryable() => tracing::debug!(%error, "the session is not ended yet"),
                    ended => return ended,
                }
                sleep(backoff.next_pause()).await;
            }
        };
        timeout(self.patience, ending).await.unwrap_or_else(|_| Err(silent(Effect::Write))).map_err(|error| {
            let message = format!("the session could not be ended, it ends by itself within {within:?}");
            Error::new(error.kind(), message).set_outcome(Outcome::Unknown).with_cause(&error)
        })
    }
}

/// Ends a session; it is not an error if it has ended already.
///
/// # Behavior
///
/// The client that has used the session so far may have no connection, or be in use still. So the session is taken over
/// by another one, which tells when it is done.
pub(super) async fn end(dial: &Dial, session: SessionInfo) -> Result<()> {
    let client = match dial.take_over(session).await {
        Ok(Some(client)) => client,
        Ok(None) => {
            let message = "the ZooKeeper server has given another session instead of the one that was to be ended";
            return Err(Error::new(ErrorKind::SessionLost, message).set_retryable(false));
        }
        Err(ZkError::SessionExpired) => return Ok(()),
        Err(error) => return Err(of_read(error)),
    };
    let states = client.state_watcher();
    drop(client);
    match ended(states).await {
        SessionState::AuthFailed => Err(of_read(ZkError::AuthFailed)),
        _ => Ok(()),
    }
}

/// Waits until a client has ended; how.
async fn ended(mut states: StateWatcher) -> SessionState {
    loop {
        let state = states.changed().await;
        if state.is_terminated() {
            return state;
        }
    }
}

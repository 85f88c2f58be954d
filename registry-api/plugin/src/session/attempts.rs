//! Why there is no other session yet.

use registry_api::{Error, ErrorKind};

/// Tells the log of attempts to open another session that have failed, one after the other.
#[derive(Default)]
pub struct Attempts {
    warned: Option<ErrorKind>,
}

impl Attempts {
    /// One has failed: what may pass is told at debug level, and what somebody has to mend as a warning, once for as
    /// long as it is of the same kind.
    pub fn failed(&mut self, error: &Error) {
        if error.is_retryable() || self.warned.replace(error.kind()) == Some(error.kind()) {
            tracing::debug!(%error, "no new session yet");
        } else {
            tracing::warn!(%error, "cannot open a new session after the lost one");
        }
    }
}

//! What ZooKeeper's answers mean in the contract's words (contract 3.6, 7).

use std::{error::Error as _, fmt};

use registry_plugin::{Effect, Error, ErrorKind, Outcome};
use zookeeper_client::Error as ZkError;

use crate::session::Link;

/// The cause of a failure of a request that its client has never sent.
#[derive(Debug)]
struct Unsent(ZkError);

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unsent {}

/// The error in the contract's words.
///
/// # Behavior
///
/// What the server refused was not applied. What broke off may have been, whatever the client calls it: a request that
/// it had not sent yet ends the same way as one whose answer was lost.
fn translate(error: ZkError, effect: Effect) -> Error {
    let refused = |kind, message: &str| Error::new(kind, message).set_outcome(Outcome::NotApplied);
    let translated = match &error {
        ZkError::NoAuth => refused(
            ErrorKind::PermissionDenied,
            "the ZooKeeper server doesn't allow it to this user, check the digest and the access list of the path",
        ),
        ZkError::AuthFailed => refused(ErrorKind::Unauthenticated, "the ZooKeeper server refuses the user or password"),
        ZkError::SessionExpired | ZkError::ClientClosed => {
            Error::new(ErrorKind::SessionLost, "the session has expired").set_outcome(effect.unanswered())
        }
        ZkError::QuotaExceeded => refused(ErrorKind::Other, "the ZooKeeper server's quota of the path is used up"),
        ZkError::Throttled => refused(ErrorKind::Unavailable, "the ZooKeeper server is overloaded").set_retryable(true),
        ZkError::NotReadOnly => {
            refused(ErrorKind::Unavailable, "the ZooKeeper server has no quorum and takes no writes")
        }
        ZkError::Unimplemented => {
            refused(ErrorKind::Unsupported, "the ZooKeeper server doesn't know this request, it must be 3.6 or later")
        }
        ZkError::BadArguments(_) | ZkError::MarshallingError | ZkError::InvalidAcl => {
            refused(ErrorKind::Other, "the ZooKeeper server or client refuses the request")
        }
        ZkError::NoNode
        | ZkError::NodeExists
        | ZkError::BadVersion
        | ZkError::NotEmpty
        | ZkError::NoChildrenForEphemerals
        | ZkError::RuntimeInconsistent => {
            refused(ErrorKind::Unavailable, "the tree changed meanwhile").set_retryable(true)
        }
        ZkError::NoHosts => refused(ErrorKind::Unavailable, "no ZooKeeper server gives a session"),
        ZkError::Timeout => {
            Error::new(ErrorKind::Timeout, "the ZooKeeper server does not answer").set_outcome(effect.unanswered())
        }
        // The client was cut off while it was not connected.
        error if is_unanswered(error) => {
            let message = "the connection to the ZooKeeper server broke before the request was sent";
            return refused(ErrorKind::Unavailable, message).set_retryable(true).with_source(Unsent(error.clone()));
        }
        // All that the client calls custom is a connection that broke.
        _ => Error::new(ErrorKind::Unavailable, "the connection to the ZooKeeper server broke")
            .set_outcome(effect.unanswered()),
    };
    translated.with_cause(&error)
}

/// Whether a client was dropped before there was an answer, which it calls a fault of its own.
pub(crate) fn is_unanswered(error: &ZkError) -> bool {
    matches!(error, ZkError::UnexpectedError(what) if what.starts_with("BUG: "))
}

/// Whether nothing was sent of what failed.
pub(crate) fn is_unsent(error: &Error) -> bool {
    error.source().is_some_and(|source| source.is::<Unsent>()) && error.outcome() == Outcome::NotApplied
}

/// The error of a read in the contract's words.
pub(crate) fn of_read(error: ZkError) -> Error {
    translate(error, Effect::Read)
}

/// The error of a write over that link in the contract's words.
pub(crate) fn of_write(error: ZkError, link: &Link) -> Error {
    translate(link.certain(error), Effect::Write)
}

/// A server gave no answer in the time it had.
pub(crate) fn silent(effect: Effect) -> Error {
    Error::new(ErrorKind::Timeout, "the ZooKeeper server does not answer").set_outcome(effect.unanswered())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(error: ZkError, effect: Effect) -> (ErrorKind, Outcome) {
        let error = translate(error, effect);
        (error.kind(), error.outcome())
    }

    #[test]
    fn what_broke_off_may_have_been_applied() {
        for broken in [ZkError::ConnectionLoss, ZkError::UnexpectedError("no answer".to_owned())] {
            assert_eq!(translated(broken.clone(), Effect::Write), (ErrorKind::Unavailable, Outcome::Unknown));
            assert_eq!(translated(broken, Effect::Repeatable), (ErrorKind::Unavailable, Outcome::NotApplied));
        }
        assert_eq!(translated(ZkError::SessionExpired, Effect::Write), (ErrorKind::SessionLost, Outcome::Unknown));
        assert_eq!(translated(ZkError::Timeout, Effect::Write), (ErrorKind::Timeout, Outcome::Unknown));
    }

    #[test]
    fn what_was_refused_was_not_applied() {
        for (error, kind) in [
            (ZkError::NoAuth, ErrorKind::PermissionDenied),
            (ZkError::AuthFailed, ErrorKind::Unauthenticated),
            (ZkError::NoNode, ErrorKind::Unavailable),
            (ZkError::Unimplemented, ErrorKind::Unsupported),
            (ZkError::QuotaExceeded, ErrorKind::Other),
        ] {
            assert_eq!(translated(error.clone(), Effect::Write), (kind, Outcome::NotApplied), "{error}");
        }
    }
}

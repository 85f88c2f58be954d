//! What etcd's answers mean in the contract's words (contract 3.6, 7).

use std::{error::Error as _, fmt};

use etcd_client::Error as EtcdError;
use registry_plugin::{Effect, Error, ErrorKind, Outcome};
use tonic::{Code, ConnectError, Status};

/// The cause where not even a connection came about: what the client says of it.
#[derive(Debug)]
struct NoConnection(Status);

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(source) => fmt::Display::fmt(source, f),
            None => f.write_str(self.0.message()),
        }
    }
}

impl std::error::Error for NoConnection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()?.source()
    }
}

/// Whether not even a connection came about.
pub(crate) fn is_without_connection(error: &Error) -> bool {
    error.source().is_some_and(|source| source.is::<NoConnection>())
}

/// The error in the contract's words.
pub(crate) fn translate(error: EtcdError, effect: Effect) -> Error {
    let translated = match &error {
        EtcdError::GRpcStatus(status) => of_status(status, effect),
        EtcdError::TransportError(_) | EtcdError::IoError(_) => lost_on_the_way(effect),
        EtcdError::LeaseKeepAliveError(_) => lease_is_gone(),
        _ => Error::new(ErrorKind::Other, "the etcd client failed").set_outcome(effect.unanswered()),
    };
    match &error {
        // Its own text says no more than its source's, and "grpc request error" before it.
        EtcdError::GRpcStatus(status) => with_status(translated, status),
        error => translated.with_cause(error),
    }
}

/// Whether the server says that this revision can't be read any more, or not yet: then its data is not what it was.
pub(crate) fn is_out_of_reach(error: &EtcdError) -> bool {
    matches!(error, EtcdError::GRpcStatus(status) if status.code() == Code::OutOfRange
        && (status.message().contains("compacted") || status.message().contains("future revision")))
}

/// Whether the server says that there is no such lease.
pub(crate) fn is_lease_gone(error: &EtcdError) -> bool {
    match error {
        EtcdError::GRpcStatus(status) => is_lease_not_found(status),
        // The client's own word for an answer with no time left to live.
        EtcdError::LeaseKeepAliveError(text) => text == "lease not found",
        _ => false,
    }
}

/// Whether nobody listens at the address.
pub(crate) fn is_refused(error: &EtcdError) -> bool {
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    matches!(error, EtcdError::GRpcStatus(status) if causes(status).any(refused))
}

/// An endpoint gave no answer in the time it had.
pub(crate) fn silent(effect: Effect) -> Error {
    Error::new(ErrorKind::Timeout, "the etcd server does not answer").set_outcome(effect.unanswered())
}

fn of_status(status: &Status, effect: Effect) -> Error {
    let text = status.message();
    let refused = |kind, message: &str| Error::new(kind, message).set_outcome(Outcome::NotApplied);
    if certificate_refused(status) {
        return refused(
            ErrorKind::Unauthenticated,
            "a TLS certificate was refused, check those of the server and the ones configured under tls",
        );
    }
    if was_never_sent(status) {
        return refused(ErrorKind::Unavailable, "no connection to the etcd server").set_retryable(true);
    }
    if is_local(status) {
        return lost_on_the_way(effect);
    }
    match status.code() {
        Code::NotFound if is_lease_not_found(status) => lease_is_gone(),
        Code::InvalidArgument if text.contains("authentication failed") => {
            refused(ErrorKind::Unauthenticated, "the etcd server refuses the user or the password")
        }
        Code::InvalidArgument if text.contains("user name is empty") => {
            refused(ErrorKind::Unauthenticated, "the etcd server wants a user and a password, set both")
        }
        Code::FailedPrecondition if text.contains("authentication is not enabled") => {
            refused(ErrorKind::Unauthenticated, "the etcd server has no users, remove user and password")
        }
        Code::InvalidArgument if text.contains("request is too large") => refused(
            ErrorKind::InvalidTxn,
            "the etcd server takes smaller requests only, raise its --max-request-bytes to at least its default",
        ),
        Code::InvalidArgument if text.contains("too many operations") => refused(
            ErrorKind::InvalidTxn,
            "the etcd server takes fewer operations a Txn only, raise its --max-txn-ops to at least its default of 128",
        ),
        // Somebody has changed users or roles while the request was on its way.
        Code::InvalidArgument if text.contains("revision of auth store is old") => {
            refused(ErrorKind::Unavailable, "the etcd server's users or roles were changed meanwhile")
                .set_retryable(true)
        }
        Code::Unauthenticated => refused(ErrorKind::Unauthenticated, "the etcd server refuses the user's token"),
        Code::PermissionDenied => {
            refused(ErrorKind::PermissionDenied, "the etcd user may not do this, grant its role the key's range")
        }
        Code::Unimplemented => refused(ErrorKind::Unsupported, "the etcd server doesn't know this request"),
        Code::ResourceExhausted if text.contains("space exceeded") => refused(
            ErrorKind::Other,
            "the etcd server's database is full: compact and defragment it, then disarm its alarm",
        ),
        Code::ResourceExhausted if text.contains("too many requests") => {
            refused(ErrorKind::Unavailable, "the etcd server is overloaded")
        }
        // Refused before anything was proposed.
        Code::Unavailable if text.contains("no leader") => {
            refused(ErrorKind::Unavailable, "the etcd server's cluster has no leader")
        }
        Code::Unknown if text.contains("raft proposal dropped") => {
            refused(ErrorKind::Unavailable, "the etcd server's cluster has no leader")
        }
        Code::Unavailable => {
            Error::new(ErrorKind::Unavailable, "the etcd server can't serve now").set_outcome(effect.unanswered())
        }
        Code::DeadlineExceeded | Code::Cancelled => silent(effect),
        _ => Error::new(ErrorKind::Other, "the etcd server failed").set_outcome(effect.unanswered()),
    }
}

/// A status that the client made itself has a source, one that the server sent has none.
fn is_local(status: &Status) -> bool {
    status.source().is_some()
}

/// Only a connection that never came about is certain to have carried nothing.
fn was_never_sent(status: &Status) -> bool {
    causes(status).any(|cause| cause.is::<ConnectError>())
}

fn certificate_refused(status: &Status) -> bool {
    is_local(status)
        && causes(status).map(ToString::to_string).any(|text| {
            text.contains("invalid peer certificate")
                || text.contains("fatal alert") && (text.contains("ertificate") || text.contains("UnknownCA"))
        })
}

fn causes(status: &Status) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(status), |cause| (**cause).source())
}

fn with_status(error: Error, status: &Status) -> Error {
    match status.source() {
        Some(_) if was_never_sent(status) => error.with_source(NoConnection(status.clone())),
        Some(source) => error.with_cause(source),
        None => error.with_cause_text(status.message()),
    }
}

fn is_lease_not_found(status: &Status) -> bool {
    status.code() == Code::NotFound && status.message().contains("lease not found")
}

fn lease_is_gone() -> Error {
    Error::new(ErrorKind::SessionLost, "the session has ended, its lease is gone").set_outcome(Outcome::NotApplied)
}

fn lost_on_the_way(effect: Effect) -> Error {
    Error::new(ErrorKind::Unavailable, "the connection to the etcd server broke").set_outcome(effect.unanswered())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(code: Code, text: &str, effect: Effect) -> (ErrorKind, Outcome) {
        let error = translate(EtcdError::GRpcStatus(Status::new(code, text)), effect);
        (error.kind(), error.outcome())
    }

    fn local(source: impl std::error::Error + Send + Sync + 'static) -> EtcdError {
        EtcdError::GRpcStatus(Status::from_error(Box::new(source)))
    }

    #[test]
    fn only_a_failed_connect_is_certainly_not_applied() {
        let refused = translate(local(ConnectError("tcp connect error".into())), Effect::Write);
        assert_eq!((refused.kind(), refused.outcome()), (ErrorKind::Unavailable, Outcome::NotApplied));
        let broken = translate(local(std::io::Error::other("transport error")), Effect::Write);
        assert_eq!((broken.kind(), broken.outcome()), (ErrorKind::Unavailable, Outcome::Unknown));
        assert_eq!(
            translated(Code::Unavailable, "etcdserver: request timed out", Effect::Write),
            (ErrorKind::Unavailable, Outcome::Unknown)
        );
        assert_eq!(
            translated(Code::Unavailable, "etcdserver: no leader", Effect::Write),
            (ErrorKind::Unavailable, Outcome::NotApplied)
        );
    }

    #[test]
    fn a_read_is_never_of_unknown_outcome() {
        for code in [Code::Unavailable, Code::Unknown, Code::DeadlineExceeded, Code::Internal] {
            assert_eq!(translated(code, "anything", Effect::Read).1, Outcome::NotApplied);
        }
    }

    #[test]
    fn refusals_have_their_kinds() {
        for (code, text, kind) in [
            (Code::NotFound, "etcdserver: requested lease not found", ErrorKind::SessionLost),
            (
                Code::InvalidArgument,
                "etcdserver: authentication failed, invalid user ID or password",
                ErrorKind::Unauthenticated,
            ),
            (Code::InvalidArgument, "etcdserver: user name is empty", ErrorKind::Unauthenticated),
            (Code::InvalidArgument, "etcdserver: revision of auth store is old", ErrorKind::Unavailable),
            (Code::Unauthenticated, "etcdserver: invalid auth token", ErrorKind::Unauthenticated),
            (Code::PermissionDenied, "etcdserver: permission denied", ErrorKind::PermissionDenied),
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", ErrorKind::Other),
        ] {
            assert_eq!(translated(code, text, Effect::Write), (kind, Outcome::NotApplied), "{text}");
        }
    }

    #[test]
    fn the_causes_are_told_once() {
        let error = translate(local(ConnectError("tcp connect error".into())), Effect::Write);
        assert_eq!(error.causes(), ["tcp connect error"]);
        assert!(is_without_connection(&error));
    }
}

//! Errors of the registry as gRPC's statuses, and back.

use registry_host::{Error, ErrorKind, Outcome};
use tonic::{Code, Status};

/// What a server answers for an error.
pub fn status_of(error: &Error) -> Status {
    let code = match error.kind() {
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::ConditionFailed => Code::FailedPrecondition,
        ErrorKind::InvalidKey | ErrorKind::InvalidConfig | ErrorKind::InvalidTxn | ErrorKind::ValueTooLarge => {
            Code::InvalidArgument
        }
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::PermissionDenied => Code::PermissionDenied,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        _ => Code::Unavailable,
    };
    Status::new(code, error.to_string())
}

/// What a status means to a client, who asked the server at an address.
pub fn error_of(status: &Status, server: &str) -> Error {
    let (kind, outcome) = match status.code() {
        Code::NotFound => (ErrorKind::NotFound, Outcome::NotApplied),
        Code::FailedPrecondition => (ErrorKind::ConditionFailed, Outcome::NotApplied),
        Code::InvalidArgument => (ErrorKind::InvalidConfig, Outcome::NotApplied),
        Code::ResourceExhausted => (ErrorKind::Unavailable, Outcome::NotApplied),
        Code::PermissionDenied => (ErrorKind::PermissionDenied, Outcome::NotApplied),
        Code::Unauthenticated => (ErrorKind::Unauthenticated, Outcome::NotApplied),
        Code::Unimplemented => (ErrorKind::Unsupported, Outcome::NotApplied),
        Code::DeadlineExceeded | Code::Cancelled => (ErrorKind::Timeout, Outcome::Unknown),
        _ => (ErrorKind::Unavailable, Outcome::Unknown),
    };
    match kind {
        // The server's own words: what it says is about the task, not about itself.
        ErrorKind::NotFound | ErrorKind::ConditionFailed | ErrorKind::InvalidConfig => {
            Error::new(kind, status.message()).set_outcome(outcome)
        }
        _ => {
            let message = match status.message() {
                "" => format!("{server} can't be spoken to"),
                words => format!("{server}: {words}"),
            };
            let error = Error::new(kind, message).set_outcome(outcome).set_retryable(true);
            match std::error::Error::source(status) {
                Some(cause) => error.with_cause(cause),
                None => error,
            }
        }
    }
}

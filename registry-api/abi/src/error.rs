//! Errors on their way across.

use abi_stable::{
    StableAbi,
    std_types::{RBox, ROption, RString, RVec},
};
use registry_api::{Error, ErrorKind, Outcome};

/// The kind of an error; one that the reader doesn't know is [`ErrorKind::Other`].
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawErrorKind(pub u32);

/// Whether a failed write was applied; one that the reader doesn't know is [`Outcome::Unknown`].
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawOutcome(pub u32);

/// Each kind's number. A number is never used again.
const KINDS: &[(u32, ErrorKind)] = &[
    (0, ErrorKind::Other),
    (1, ErrorKind::InvalidKey),
    (2, ErrorKind::ValueTooLarge),
    (3, ErrorKind::InvalidTxn),
    (4, ErrorKind::InvalidConfig),
    (5, ErrorKind::NotFound),
    (6, ErrorKind::ConditionFailed),
    (7, ErrorKind::HasChildren),
    (8, ErrorKind::EphemeralParent),
    (9, ErrorKind::VersionRace),
    (10, ErrorKind::NotAcquired),
    (11, ErrorKind::LockLost),
    (12, ErrorKind::Timeout),
    (13, ErrorKind::Unavailable),
    (14, ErrorKind::SessionLost),
    (15, ErrorKind::Closed),
    (16, ErrorKind::Unauthenticated),
    (17, ErrorKind::PermissionDenied),
    (18, ErrorKind::Unsupported),
    (19, ErrorKind::PluginPanicked),
    (20, ErrorKind::PluginRejected),
];

impl From<ErrorKind> for RawErrorKind {
    fn from(kind: ErrorKind) -> Self {
        RawErrorKind(KINDS.iter().find(|(_, known)| *known == kind).map_or(0, |(number, _)| *number))
    }
}

impl From<RawErrorKind> for ErrorKind {
    fn from(raw: RawErrorKind) -> Self {
        KINDS.iter().find(|(number, _)| *number == raw.0).map_or(ErrorKind::Other, |(_, kind)| *kind)
    }
}

impl RawOutcome {
    /// Certainly not applied.
    pub const NOT_APPLIED: RawOutcome = RawOutcome(0);
    /// It may have been applied.
    pub const UNKNOWN: RawOutcome = RawOutcome(1);
    /// It was applied.
    pub const APPLIED: RawOutcome = RawOutcome(2);
}

impl From<Outcome> for RawOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::NotApplied => RawOutcome::NOT_APPLIED,
            Outcome::Applied => RawOutcome::APPLIED,
            _ => RawOutcome::UNKNOWN,
        }
    }
}

impl From<RawOutcome> for Outcome {
    fn from(raw: RawOutcome) -> Self {
        match raw {
            RawOutcome::NOT_APPLIED => Outcome::NotApplied,
            RawOutcome::APPLIED => Outcome::Applied,
            _ => Outcome::Unknown,
        }
    }
}

/// An [`Error`]; boxed, so that what succeeds doesn't pay for its size.
#[repr(transparent)]
#[derive(StableAbi)]
pub struct RawError(RBox<Parts>);

/// What a [`RawError`] holds.
#[repr(C)]
#[derive(StableAbi)]
#[allow(unreachable_pub, reason = "the derived code asks for it")]
pub struct Parts {
    kind: RawErrorKind,
    outcome: RawOutcome,
    retryable: bool,
    message: RString,
    operation: ROption<RString>,
    key: ROption<RString>,
    causes: RVec<RString>,
    failed_checks: RVec<u32>,
}

impl From<Error> for RawError {
    fn from(error: Error) -> Self {
        RawError(RBox::new(Parts {
            kind: error.kind().into(),
            outcome: error.outcome().into(),
            retryable: error.is_retryable(),
            message: error.message().into(),
            operation: error.operation().map(RString::from).into(),
            key: error.key().map(RString::from).into(),
            causes: error.causes().iter().map(|cause| RString::from(cause.as_str())).collect(),
            failed_checks: error.failed_checks().iter().filter_map(|check| u32::try_from(*check).ok()).collect(),
        }))
    }
}

impl From<RawError> for Error {
    fn from(raw: RawError) -> Self {
        let parts = RBox::into_inner(raw.0);
        let mut error = Error::new(parts.kind.into(), parts.message)
            .set_outcome(parts.outcome.into())
            .set_retryable(parts.retryable)
            .set_failed_checks(parts.failed_checks.into_iter().map(|check| check as usize).collect::<Vec<_>>());
        if let ROption::RSome(operation) = parts.operation {
            error = error.or_operation(&operation);
        }
        if let ROption::RSome(key) = parts.key {
            error = error.or_key(key.as_str());
        }
        for cause in parts.causes {
            error = error.with_cause_text(cause);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_number_of_its_own() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from(RawErrorKind::from(*kind)), *kind);
        }
        assert_eq!(KINDS.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn unknown_kinds_and_outcomes_are_read_with_care() {
        assert_eq!(ErrorKind::from(RawErrorKind(4_000)), ErrorKind::Other);
        assert_eq!(Outcome::from(RawOutcome(4_000)), Outcome::Unknown);
    }

    #[test]
    fn an_error_crosses_whole() {
        let error = Error::new(ErrorKind::ConditionFailed, "no")
            .or_operation("put")
            .or_key("/a")
            .with_cause_text("because")
            .set_failed_checks([0, 3]);
        assert_eq!(format!("{:?}", Error::from(RawError::from(error.clone()))), format!("{error:?}"));
    }
}

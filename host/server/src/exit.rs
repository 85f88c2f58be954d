//! How a command ends: its exit code, and what it says on standard error.

use std::io;

use registry_host::{Error, ErrorKind};

/// What a command gives back: the code to exit with, or why it failed.
pub(crate) type Done = Result<u8, Failure>;

/// All is well.
pub(crate) const OK: u8 = 0;
/// The answer is no.
pub(crate) const NO: u8 = 1;
/// Usage, configuration, or input beyond the limits.
pub(crate) const USAGE: u8 = 2;
/// The registry is unavailable.
pub(crate) const UNAVAILABLE: u8 = 3;
/// No plugin could be loaded.
pub(crate) const PLUGIN: u8 = 4;
/// Standard output can't be written.
pub(crate) const OUTPUT: u8 = 74;
/// A lock that was held was lost.
pub(crate) const LOST: u8 = 75;
/// An ephemeral entry that was held was deleted or replaced by somebody else.
pub(crate) const TAKEN: u8 = 76;
/// The command that was to run under a lock can't be run.
pub(crate) const NOT_RUN: u8 = 126;
/// The command that was to run under a lock is not there.
pub(crate) const NOT_FOUND: u8 = 127;

/// What a program ended by a signal exits with, after the shells' habit.
pub(crate) fn of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the registry, with its kind's code.
    Registry(Error),
    /// An error with a code of its own.
    Coded(u8, Error),
    /// The command line makes no sense.
    Usage(String),
    /// Standard output can't be written.
    Output(io::Error),
}

impl Failure {
    /// The code to exit with.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Registry(error) => code(error.kind()),
            Failure::Coded(code, _) => *code,
            Failure::Usage(_) => USAGE,
            // Its reader has had enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => OK,
            Failure::Output(_) => OUTPUT,
        }
    }

    /// What there is to say about it, if anything.
    pub(crate) fn error(&self) -> Option<Error> {
        match self {
            Failure::Registry(error) | Failure::Coded(_, error) => Some(error.clone()),
            Failure::Usage(message) => Some(Error::new(ErrorKind::InvalidConfig, message)),
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Failure::Output(error) => {
                Some(Error::new(ErrorKind::Other, "standard output can't be written").with_cause(error))
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Registry(error)
    }
}

fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NotFound
        | ErrorKind::ConditionFailed
        | ErrorKind::HasChildren
        | ErrorKind::EphemeralParent
        | ErrorKind::VersionRace
        | ErrorKind::NotAcquired => NO,
        // Of a waiter: the lock was not acquired. A holder's loss has a code of its own.
        ErrorKind::LockLost => NO,
        ErrorKind::InvalidKey | ErrorKind::ValueTooLarge | ErrorKind::InvalidTxn | ErrorKind::InvalidConfig => USAGE,
        ErrorKind::PluginRejected => PLUGIN,
        _ => UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_code() {
        for kind in ErrorKind::ALL {
            let expected = match kind.name() {
                "NotFound" | "ConditionFailed" | "HasChildren" | "EphemeralParent" | "VersionRace" | "NotAcquired"
                | "LockLost" => 1,
                "InvalidKey" | "ValueTooLarge" | "InvalidTxn" | "InvalidConfig" => 2,
                "PluginRejected" => 4,
                _ => 3,
            };
            assert_eq!(Failure::from(Error::new(*kind, "")).code(), expected, "{kind}");
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        let gone = Failure::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!((gone.code(), gone.error().is_none()), (OK, true));
        let full = Failure::Output(io::ErrorKind::StorageFull.into());
        assert_eq!((full.code(), full.error().is_none()), (OUTPUT, false));
    }
}

//! Txns on their way across: borrowed into the call, unknown kinds kept as they are.

use abi_stable::{
    StableAbi,
    std_types::{RSlice, RStr},
};
use registry_api::{Applied, Check, Error, ErrorKind, Key, Mode, Operation};

/// The kind of a check. A plugin that doesn't know one refuses the Txn as `Unsupported`.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawCheckKind(pub u32);

impl RawCheckKind {
    /// [`Check::Absent`].
    pub const ABSENT: RawCheckKind = RawCheckKind(1);
    /// [`Check::Present`].
    pub const PRESENT: RawCheckKind = RawCheckKind(2);
    /// [`Check::Version`]; the number is the version.
    pub const VERSION: RawCheckKind = RawCheckKind(3);
    /// [`Check::Held`]; the number is the fencing token.
    pub const HELD: RawCheckKind = RawCheckKind(4);

    /// Every kind that this version of the ABI knows.
    pub const KNOWN: &'static [RawCheckKind] = &[Self::ABSENT, Self::PRESENT, Self::VERSION, Self::HELD];
}

/// The kind of an operation. A plugin that doesn't know one refuses the Txn as `Unsupported`.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawOperationKind(pub u32);

impl RawOperationKind {
    /// [`Operation::Put`].
    pub const PUT: RawOperationKind = RawOperationKind(1);
    /// [`Operation::Delete`].
    pub const DELETE: RawOperationKind = RawOperationKind(2);
    /// [`Operation::DeleteRecursive`].
    pub const DELETE_RECURSIVE: RawOperationKind = RawOperationKind(3);

    /// Every kind that this version of the ABI knows.
    pub const KNOWN: &'static [RawOperationKind] = &[Self::PUT, Self::DELETE, Self::DELETE_RECURSIVE];
}

/// The mode of a put, and 0 for other operations. A plugin that doesn't know one refuses the Txn as `Unsupported`.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawMode(pub u32);

impl RawMode {
    /// [`Mode::Persistent`].
    pub const PERSISTENT: RawMode = RawMode(0);
    /// [`Mode::Ephemeral`].
    pub const EPHEMERAL: RawMode = RawMode(1);
}

/// A [`Check`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawCheck<'a> {
    /// What is checked.
    pub kind: RawCheckKind,
    /// The key; for a lock its queue entry.
    pub key: RStr<'a>,
    /// The version or fencing token; else 0.
    pub number: u64,
}

/// An [`Operation`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawOperation<'a> {
    /// What is done.
    pub kind: RawOperationKind,
    /// A put's mode.
    pub mode: RawMode,
    /// The key.
    pub key: RStr<'a>,
    /// A put's value.
    pub value: RSlice<'a, u8>,
}

/// A [`Txn`](registry_api::Txn).
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawTxn<'a> {
    /// The checks.
    pub checks: RSlice<'a, RawCheck<'a>>,
    /// The operations.
    pub operations: RSlice<'a, RawOperation<'a>>,
}

/// What one operation did: the version that was put, or how many entries were deleted.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawApplied {
    /// The operation's kind.
    pub kind: RawOperationKind,
    /// The version or the count.
    pub number: u64,
}

impl<'a> From<Check<'a>> for RawCheck<'a> {
    fn from(check: Check<'a>) -> Self {
        let (kind, number) = match check {
            Check::Absent(_) => (RawCheckKind::ABSENT, 0),
            Check::Present(_) => (RawCheckKind::PRESENT, 0),
            Check::Version(_, version) => (RawCheckKind::VERSION, version.get()),
            Check::Held { token, .. } => (RawCheckKind::HELD, token.get()),
            // A kind that this crate has no number for is refused by every plugin.
            _ => (RawCheckKind(0), 0),
        };
        RawCheck { kind, key: check.key().as_str().into(), number }
    }
}

impl<'a> TryFrom<RawCheck<'a>> for Check<'a> {
    type Error = Error;

    fn try_from(raw: RawCheck<'a>) -> Result<Self, Error> {
        let key = Key::from_checked(raw.key.as_str());
        Ok(match raw.kind {
            RawCheckKind::ABSENT => Check::Absent(key),
            RawCheckKind::PRESENT => Check::Present(key),
            RawCheckKind::VERSION => Check::Version(key, raw.number.into()),
            RawCheckKind::HELD => Check::Held { entry: key, token: raw.number.into() },
            RawCheckKind(kind) => return Err(unsupported("check", kind, key)),
        })
    }
}

impl<'a> From<Operation<'a>> for RawOperation<'a> {
    fn from(operation: Operation<'a>) -> Self {
        let (kind, mode, value): (_, _, &[u8]) = match operation {
            Operation::Put { value, mode, .. } => (
                RawOperationKind::PUT,
                if mode == Mode::Ephemeral { RawMode::EPHEMERAL } else { RawMode::PERSISTENT },
                value,
            ),
            Operation::Delete(_) => (RawOperationKind::DELETE, RawMode::PERSISTENT, &[]),
            Operation::DeleteRecursive(_) => (RawOperationKind::DELETE_RECURSIVE, RawMode::PERSISTENT, &[]),
            // A kind that this crate has no number for is refused by every plugin.
            _ => (RawOperationKind(0), RawMode::PERSISTENT, &[]),
        };
        RawOperation { kind, mode, key: operation.key().as_str().into(), value: value.into() }
    }
}

impl<'a> TryFrom<RawOperation<'a>> for Operation<'a> {
    type Error = Error;

    fn try_from(raw: RawOperation<'a>) -> Result<Self, Error> {
        let key = Key::from_checked(raw.key.as_str());
        let mode = match raw.mode {
            RawMode::PERSISTENT => Mode::Persistent,
            RawMode::EPHEMERAL => Mode::Ephemeral,
            RawMode(mode) => return Err(unsupported("mode", mode, key)),
        };
        Ok(match raw.kind {
            RawOperationKind::PUT => Operation::Put { key, value: raw.value.as_slice(), mode },
            RawOperationKind::DELETE => Operation::Delete(key),
            RawOperationKind::DELETE_RECURSIVE => Operation::DeleteRecursive(key),
            RawOperationKind(kind) => return Err(unsupported("operation", kind, key)),
        })
    }
}

impl From<Applied> for RawApplied {
    fn from(applied: Applied) -> Self {
        match applied {
            Applied::Put { version } => RawApplied { kind: RawOperationKind::PUT, number: version.get() },
            Applied::Deleted { count } => RawApplied { kind: RawOperationKind::DELETE, number: count },
            _ => RawApplied { kind: RawOperationKind(0), number: 0 },
        }
    }
}

impl TryFrom<RawApplied> for Applied {
    type Error = Error;

    fn try_from(raw: RawApplied) -> Result<Self, Error> {
        match raw.kind {
            RawOperationKind::PUT => Ok(Applied::Put { version: raw.number.into() }),
            RawOperationKind::DELETE | RawOperationKind::DELETE_RECURSIVE => Ok(Applied::Deleted { count: raw.number }),
            RawOperationKind(kind) => Err(Error::new(
                ErrorKind::Other,
                format!("the plugin answered with an operation of unknown kind {kind}"),
            )),
        }
    }
}

fn unsupported(what: &str, kind: u32, key: Key<'_>) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("this plugin knows no {what} of kind {kind}, nothing was written; a newer version may know it"),
    )
    .or_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_and_operations_cross_whole() {
        let key = Key::from_checked("/a");
        for check in [
            Check::Absent(key),
            Check::Present(key),
            Check::Version(key, 7.into()),
            Check::Held { entry: key, token: 9.into() },
        ] {
            assert_eq!(Check::try_from(RawCheck::from(check)).ok(), Some(check));
        }
        for operation in [
            Operation::Put { key, value: b"x", mode: Mode::Persistent },
            Operation::Put { key, value: b"", mode: Mode::Ephemeral },
            Operation::Delete(key),
            Operation::DeleteRecursive(key),
        ] {
            assert_eq!(Operation::try_from(RawOperation::from(operation)).ok(), Some(operation));
        }
    }

    #[test]
    fn what_is_unknown_is_unsupported() {
        let check = RawCheck { kind: RawCheckKind(99), key: "/a".into(), number: 0 };
        assert_eq!(Check::try_from(check).map_err(|e| e.kind()), Err(ErrorKind::Unsupported));
        let operation =
            RawOperation { kind: RawOperationKind(99), mode: RawMode(0), key: "/a".into(), value: RSlice::EMPTY };
        assert_eq!(Operation::try_from(operation).map_err(|e| e.kind()), Err(ErrorKind::Unsupported));
        let operation = RawOperation { kind: RawOperationKind::PUT, mode: RawMode(9), ..operation };
        assert_eq!(Operation::try_from(operation).map_err(|e| e.kind()), Err(ErrorKind::Unsupported));
    }
}

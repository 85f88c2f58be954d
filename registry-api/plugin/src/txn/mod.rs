//! The rules of Txns that all backends share (contract 3.1): which checks hold, and what is not known.

use registry_api::{Check, Entry, Error, ErrorKind, Key, Operation, Result, Revision, Txn, Version};

/// What a check needs to know of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The version.
    pub version: Version,
    /// When it was created.
    pub created: Revision,
    /// Whether it is ephemeral.
    pub is_ephemeral: bool,
}

impl From<&Entry> for Found {
    fn from(entry: &Entry) -> Self {
        Found { version: entry.version, created: entry.created, is_ephemeral: entry.is_ephemeral() }
    }
}

/// Which checks don't hold, counted from 0, by what is found of their keys.
pub fn failed_checks(checks: &[Check<'_>], find: impl Fn(Key<'_>) -> Option<Found>) -> Vec<usize> {
    (0..checks.len()).filter(|number| !holds(&checks[*number], find(checks[*number].key()))).collect()
}

/// Whether a check holds, by what is found of its key.
pub fn holds(check: &Check<'_>, found: Option<Found>) -> bool {
    // The root always exists, and is not an entry.
    let found = found.filter(|_| !check.key().is_root());
    match *check {
        Check::Absent(_) => found.is_none(),
        Check::Present(_) => found.is_some(),
        Check::Version(_, version) => found.is_some_and(|found| found.version == version),
        Check::Held { token, .. } => found.is_some_and(|found| found.is_ephemeral && token == found.created.into()),
        // Refused as not understood.
        _ => false,
    }
}

/// Whether every check and operation of a Txn is known to this version of the SDK.
///
/// # Errors
///
/// `Unsupported`: one that is unknown must not be passed over.
pub fn understood(txn: &Txn<'_>) -> Result<()> {
    let unsupported = |key: Key<'_>, what: &str| {
        let message = format!("this plugin is older than the {what}, nothing was written");
        Err(Error::new(ErrorKind::Unsupported, message).or_key(key))
    };
    for check in txn.checks {
        match check {
            Check::Absent(_) | Check::Present(_) | Check::Version(..) | Check::Held { .. } => {}
            check => return unsupported(check.key(), "check"),
        }
    }
    for operation in txn.operations {
        match operation {
            Operation::Put { .. } | Operation::Delete(_) | Operation::DeleteRecursive(_) => {}
            operation => return unsupported(operation.key(), "operation"),
        }
    }
    Ok(())
}

/// The error for a Txn whose checks of these numbers don't hold; the first names the key.
pub fn condition_failed(txn: &Txn<'_>, failed: Vec<usize>) -> Error {
    let key = failed.first().map(|number| txn.checks[*number].key());
    let error = Error::condition_failed(failed);
    match key {
        Some(key) => error.or_key(key),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_judged_by_its_keys_state() {
        let key = Key::from_checked("/a");
        let held = |token: u64| Check::Held { entry: key, token: token.into() };
        let found = Found { version: 7.into(), created: 5.into(), is_ephemeral: true };
        for (check, without, with) in [
            (Check::Absent(key), true, false),
            (Check::Present(key), false, true),
            (Check::Version(key, 7.into()), false, true),
            (Check::Version(key, 5.into()), false, false),
            (held(5), false, true),
            (held(7), false, false),
            (Check::Absent(Key::ROOT), true, true),
            (Check::Present(Key::ROOT), false, false),
        ] {
            assert_eq!(failed_checks(&[check], |_| None).is_empty(), without, "{check:?}");
            assert_eq!(failed_checks(&[check], |_| Some(found)).is_empty(), with, "{check:?}");
        }
        let persistent = Found { is_ephemeral: false, ..found };
        assert_eq!(failed_checks(&[Check::Present(key), held(5)], |_| Some(persistent)), [1]);
    }
}

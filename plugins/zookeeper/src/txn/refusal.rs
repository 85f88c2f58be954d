//! Why a Txn is not applied.

use registry_plugin::{Check, Error, ErrorKind, Key, Result, Txn, txn::condition_failed};
use zookeeper_client::Error as ZkError;

use super::step::Step;
use crate::paths::Paths;

/// Whether what the server said against a step is final.
///
/// # Errors
///
/// `ConditionFailed` if it contradicts a check, `HasChildren` and `EphemeralParent` if all checks held and an operation
/// can't be done. Without an error what was seen has changed.
pub(super) fn refused(txn: &Txn<'_>, paths: &Paths, step: &Step<'_>, cause: &ZkError) -> Result<()> {
    let contradicts = |check: &Check<'_>| match (check, cause) {
        (Check::Absent(_), ZkError::NodeExists)
        | (Check::Present(_) | Check::Version(..) | Check::Held { .. }, ZkError::NoNode)
        // The counter was the one of that version, and never is again in the same life.
        | (Check::Version(..), ZkError::BadVersion) => paths.path(check.key()) == step.path,
        _ => false,
    };
    if let Some(number) = txn.checks.iter().position(contradicts) {
        return Err(condition_failed(txn, vec![number]));
    }
    let Some(key) = step.breaks.map(|number| txn.operations[number].key()) else { return Ok(()) };
    match cause {
        ZkError::NotEmpty => Err(has_children(key)),
        ZkError::NoChildrenForEphemerals => Err(Error::new(
            ErrorKind::EphemeralParent,
            "an entry above it is ephemeral and can't have children, put that persistent first or choose another key",
        )
        .or_key(key)),
        _ => Ok(()),
    }
}

pub(super) fn has_children(key: Key<'_>) -> Error {
    let message = "it has children and can be neither deleted alone nor made ephemeral, delete them first";
    Error::new(ErrorKind::HasChildren, message).or_key(key)
}

/// A put was applied to another life of the entry.
pub(super) fn raced(key: Key<'_>) -> Error {
    let message = "it was written, but the entry had been deleted and recreated in between, read it again";
    Error::new(ErrorKind::VersionRace, message).or_key(key)
}

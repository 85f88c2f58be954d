//! What reads promise even where they are not linearizable (2.1): a client sees what it has completed, and nothing goes
//! back.

use std::collections::{BTreeMap, BTreeSet};

use registry_host::{Applied, Entry, Version};

use super::{
    call::{Answer, What},
    record::Asked,
};
use crate::operation::{Operation, OperationKind};

/// Looks through the calls of each client.
///
/// # Errors
///
/// What went back.
pub(crate) fn grow(asked: &[Asked]) -> Result<(), String> {
    let clients: BTreeSet<_> = asked.iter().map(|asked| asked.lane.0).collect();
    clients
        .iter()
        .try_for_each(|client| grow_for(asked.iter().filter(|asked| asked.lane.0 == *client), |key| may_go(asked, key)))
}

fn grow_for<'a>(asked: impl Iterator<Item = &'a Asked>, deleted: impl Fn(&str) -> bool) -> Result<(), String> {
    let mut newest = BTreeMap::<String, Version>::new();
    for Asked { call, answered, .. } in asked {
        let Some((_, answer)) = answered else { continue };
        match (&call.what, answer) {
            (What::Get(key), Answer::Entry(found)) => {
                gone(&newest, |other| other != key || found.is_some() || deleted(other))?;
                found.iter().try_for_each(|entry| see(&mut newest, entry))?;
            }
            (What::List(_), Answer::Entries(listed)) => {
                gone(&newest, |other| listed.iter().any(|entry| entry.key == other) || deleted(other))?;
                listed.iter().try_for_each(|entry| see(&mut newest, entry))?;
            }
            (What::Commit { operations, .. }, Answer::Applied(applied)) => {
                for (operation, applied) in operations.iter().zip(applied) {
                    if let Applied::Put { version } = *applied {
                        newest.insert(operation.key.clone(), version);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a key may go: by a delete, or with the session that it was put in.
fn may_go(asked: &[Asked], key: &str) -> bool {
    let goes = |operation: &Operation| match operation.kind {
        OperationKind::Delete | OperationKind::PutEphemeral(_) => operation.key == key,
        OperationKind::DeleteRecursive => key.starts_with(&operation.key),
        OperationKind::Put(_) => false,
    };
    asked.iter().any(|asked| match &asked.call.what {
        What::Commit { operations, .. } => operations.iter().any(goes),
        _ => false,
    })
}

fn see(newest: &mut BTreeMap<String, Version>, entry: &Entry) -> Result<(), String> {
    match newest.insert(entry.key.clone(), entry.version) {
        Some(before) if before > entry.version => {
            Err(format!("a client that knew version {before} of {} then read {entry:?}", entry.key))
        }
        _ => Ok(()),
    }
}

fn gone(newest: &BTreeMap<String, Version>, explained: impl Fn(&str) -> bool) -> Result<(), String> {
    match newest.iter().find(|(key, _)| !explained(key)) {
        Some((key, version)) => Err(format!("a client that knew version {version} of {key} then read that it is gone")),
        None => Ok(()),
    }
}

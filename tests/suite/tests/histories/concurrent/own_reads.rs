//! What reads promise even where they are not linearizable (2.1): a client sees what it has completed, and nothing goes
//! back.

use std::collections::BTreeMap;

use registry_host::{Applied, Entry};

use super::{
    call::{Answer, What},
    record::Asked,
};
use crate::operation::OperationKind;

/// Looks through the calls of one client.
///
/// # Errors
///
/// What went back.
pub(crate) fn grow<'a>(asked: impl Iterator<Item = &'a Asked>, deleted: impl Fn(&str) -> bool) -> Result<(), String> {
    let mut newest = BTreeMap::<String, u64>::new();
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

/// Whether anybody may have deleted a key: by a delete, or by the end of a session.
pub(crate) fn may_go(asked: &[Asked], key: &str) -> bool {
    let goes = |what: &What| match what {
        What::Close(_) => true,
        What::Commit { operations, .. } => operations.iter().any(|operation| match operation.kind {
            OperationKind::Delete => operation.key == key,
            OperationKind::DeleteRecursive => key.starts_with(&operation.key),
            _ => false,
        }),
        _ => false,
    };
    asked.iter().any(|asked| goes(&asked.call.what))
}

fn see(newest: &mut BTreeMap<String, u64>, entry: &Entry) -> Result<(), String> {
    match newest.insert(entry.key.clone(), entry.version) {
        Some(before) if before > entry.version => {
            Err(format!("a client that knew version {before} of {} then read {entry:?}", entry.key))
        }
        _ => Ok(()),
    }
}

fn gone(newest: &BTreeMap<String, u64>, explained: impl Fn(&str) -> bool) -> Result<(), String> {
    match newest.iter().find(|(key, _)| !explained(key)) {
        Some((key, version)) => Err(format!("a client that knew version {version} of {key} then read that it is gone")),
        None => Ok(()),
    }
}

//! `registry txn`.

mod input;
mod object;

use std::path::PathBuf;

use clap::Args;
use registry_host::{Applied, Error, ErrorKind, Registry};
use serde_json::json;

use self::input::{Check, Input, Operation};
use super::{found_version, not_at};
use crate::context::Context;
use crate::exit::{Done, OK};

/// Applies a transaction: checks and operations, all or nothing
///
/// The file is JSON: {"checks": [...], "operations": [...]}, each list at most 32
/// long. The checks are judged first, on what was there before; then the
/// operations are applied in order. If a check fails nothing is written, the
/// message names those that did, and the exit code is 1.
///
/// Checks:
///   {"key": "/a", "absent": true}      there is no such entry
///   {"key": "/b", "present": true}     there is one
///   {"key": "/c", "version": 5}        it is at this version
///   {"held": "ENTRY", "token": 7}      the lock is still held: what registry lock
///                                      gives its command as REGISTRY_LOCK_ENTRY
///                                      and REGISTRY_LOCK_TOKEN (registry elect:
///                                      REGISTRY_ELECTION_ENTRY and _TOKEN)
/// Operations:
///   {"put": "/a", "value": "x"}        or "value_base64" for bytes; with
///                                      "ephemeral": true the entry goes with the
///                                      session, that is with this command
///   {"delete": "/d"}
///
/// For each operation a line is printed: the version of a put, how many entries a
/// delete removed.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = r#"Example:
  registry txn - <<END
  {"checks": [{"key": "/task/7", "absent": true}],
   "operations": [{"put": "/task/7", "value": "taken"}]}
  END"#
)]
pub(crate) struct Txn {
    /// The file, - for standard input
    file: PathBuf,
}

impl Txn {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let input = Input::read(&self.file)?;
        let work = context.session(async |registry, output| {
            let committed = commit(registry, &input).await?;
            for (operation, applied) in input.operations.iter().zip(committed) {
                let key = operation.key();
                match applied {
                    Applied::Put { version } => output.line(version, json!({"put": key, "version": version.get()}))?,
                    Applied::Deleted { count } => output.line(count, json!({"delete": key, "deleted": count}))?,
                    _ => {}
                }
            }
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

async fn commit(registry: &Registry, input: &Input) -> registry_host::Result<Vec<Applied>> {
    let mut txn = registry.txn();
    for check in &input.checks {
        match check {
            Check::Absent(key) => txn.check_absent(key),
            Check::Present(key) => txn.check_present(key),
            Check::Version(key, version) => txn.check_version(key, *version),
            Check::Held { entry, token } => txn.check_held_entry(entry, *token),
        };
    }
    for operation in &input.operations {
        match operation {
            Operation::Put { key, value, ephemeral: false } => _ = txn.put(key, value),
            Operation::Put { key, value, ephemeral: true } => _ = txn.put(key, value).ephemeral(),
            Operation::Delete(key) => _ = txn.delete(key),
        }
    }
    match txn.commit().await {
        Ok(committed) => Ok(committed.applied().to_vec()),
        Err(error) => Err(named(registry, error, &input.checks).await),
    }
}

/// A failed condition with the checks that failed as they stand in the file, and what was found instead.
async fn named(registry: &Registry, mut error: Error, checks: &[Check]) -> Error {
    if error.kind() != ErrorKind::ConditionFailed {
        return error;
    }
    for at in error.failed_checks().to_vec() {
        let Some(check) = checks.get(at) else { continue };
        let found = match check {
            Check::Version(key, version) => format!(": {}", not_at(*version, found_version(registry, key).await)),
            _ => String::new(),
        };
        error = error.with_cause_text(format!("checks[{at}], {check}{found}"));
    }
    error
}

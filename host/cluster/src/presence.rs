//! Whether an entry is there that may not be read.

use registry_host::{ErrorKind, Registry, Result};

/// Whether there is an entry, also if this user may not read it.
///
/// # Errors
///
/// `PermissionDenied` if the user may not even know that.
pub(crate) async fn is_there(registry: &Registry, key: &str) -> Result<bool> {
    match registry.get(key).await {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            match registry.txn().check_absent(key).commit().await {
                Ok(_) => Ok(false),
                Err(error) if error.kind() == ErrorKind::ConditionFailed => Ok(true),
                Err(error) => Err(error),
            }
        }
        found => found.map(|found| found.is_some()),
    }
}

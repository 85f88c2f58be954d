//! Which applications provide an interface.

use std::time::Duration;

use registry_host::{Backoff, ErrorKind, Registry, Result};
use tokio::time::sleep;

/// The pauses between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// The key of an interface, which is not escaped here.
pub(super) fn key(root: &str, interface: &str) -> String {
    format!("/{root}/mapping/{interface}")
}

/// The applications of a value.
pub(super) fn applications(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Adds an application to those that provide an interface. It is never removed: others of it may still run.
///
/// # Errors
///
/// As of a put. Writers that meet are no error: each tries again until all are in it.
pub(super) async fn add(registry: &Registry, root: &str, interface: &str, application: &str) -> Result<()> {
    let key = key(root, interface);
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    loop {
        let written = match registry.get(&key).await? {
            None => registry.put(&key, application).if_absent().await,
            Some(entry) => {
                let mut all = applications(&entry.value);
                if all.iter().any(|known| known == application) {
                    return Ok(());
                }
                all.push(application.to_owned());
                registry.put(&key, all.join(",")).if_version(entry.version).await
            }
        };
        match written {
            Err(error) if error.kind() == ErrorKind::ConditionFailed => sleep(backoff.next_pause()).await,
            // What another has written meanwhile may lack it.
            Err(error) if error.kind() == ErrorKind::VersionRace => sleep(backoff.next_pause()).await,
            written => return written.map(drop),
        }
    }
}

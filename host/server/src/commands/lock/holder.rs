//! Who holds a lock that was not acquired.

use std::time::{Duration, SystemTime};
use std::{fs, process};

use registry_host::{Error, Registry};

use crate::output::text::escaped;

/// How long the registry may take to tell.
const LIMIT: Duration = Duration::from_secs(1);

/// How much of a holder's value is shown.
const SHOWN: usize = 200;

/// What others are told of this program while it holds a lock or waits for it.
pub(super) fn describe_this() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    format!("registry lock on host {}, process {}, since {now}", host.trim(), process::id())
}

/// The error with the holder's entry, its session, and what its value tells.
pub(super) async fn name(registry: &Registry, key: &str, error: Error) -> Error {
    let Ok(Ok(Some(leader))) = tokio::time::timeout(LIMIT, registry.leader(key)).await else { return error };
    let entry = &leader.entry;
    let session = entry.ephemeral.map(|session| format!(", session {session}")).unwrap_or_default();
    let value = entry.value.get(..SHOWN).unwrap_or(&entry.value);
    let value = if value.is_empty() { String::new() } else { format!(": {}", escaped(value)) };
    error.with_cause_text(format!("held by {}{session}{value}", escaped(entry.key.as_bytes())))
}

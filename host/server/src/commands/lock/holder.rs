//! Who holds a lock that was not acquired.

use std::time::{Duration, SystemTime};
use std::{fs, process};

use registry_host::{Error, Registry};

use crate::output::text::escaped;

/// How long the registry may take to tell.
const LIMIT: Duration = Duration::from_secs(1);

/// How much of a holder's value is shown.
const SHOWN: usize = 200;

/// What stands before the moment in what this program says of itself.
const SINCE: &str = ", since ";

/// What others are told of this program, by its command's name, while it holds a lock or waits for it.
pub(super) fn describe_this(command: &str) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    format!("registry {command} on host {}, process {}{SINCE}{now}", host.trim(), process::id())
}

/// Who put a queue entry, and since when, if this program has put it and says both.
pub(crate) fn said_since(value: &[u8]) -> Option<(&str, &str)> {
    let (who, since) = std::str::from_utf8(value).ok()?.rsplit_once(SINCE)?;
    let is_ours = who.starts_with("registry ") && who.contains(" on host ") && !who.contains(char::is_control);
    (is_ours && humantime::parse_rfc3339(since).is_ok()).then_some((who, since))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_again() {
        let said = describe_this("elect");
        let (who, since) = said_since(said.as_bytes()).unwrap();
        assert!(who.starts_with("registry elect on host ") && said.ends_with(since), "{said}");
        for other in ["", "registry elect on host a, process 1", "a, since 2026-01-01T00:00:00Z", "\u{ff}"] {
            assert_eq!(said_since(other.as_bytes()), None, "{other}");
        }
    }
}

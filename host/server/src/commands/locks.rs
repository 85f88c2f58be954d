//! `registry locks`.

use std::collections::BTreeMap;

use clap::Args;
use registry_api::is_queue_entry;
use registry_host::Entry;
use serde_json::json;

use super::below;
use super::lock::said_since;
use crate::context::{Context, check_key};
use crate::exit::{Done, OK};
use crate::output::{Format, json, table, text};

/// Shows who holds each lock, who waits for it, since when, and with which fencing token
///
/// The locks of all programs are shown, and leaderships as well, which are locks. The first of each queue holds it.
/// Since when, 'registry lock' and 'registry elect' write into the values of their own entries; of others the value is
/// shown as it is. A token is the holder's, or what it will be.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry locks
  registry locks /lock/backup --output json")]
pub(crate) struct Locks {
    /// A lock's key, or one above several
    #[arg(default_value = "/")]
    key: String,
}

const HEADING: [&str; 6] = ["LOCK", "STATE", "TOKEN", "SESSION", "SINCE", "WHO"];

impl Locks {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("locks", &self.key)?;
        let work = context.session(async |registry, output| {
            let mut rows = Vec::new();
            for (lock, queue) in queues(below(registry, &self.key).await?) {
                for (place, entry) in queue.iter().enumerate() {
                    let state = if place == 0 { "held" } else { "waiting" };
                    let session = entry.ephemeral.map(|session| session.to_string());
                    let (since, who) = match said_since(&entry.value) {
                        Some((who, since)) => (Some(since), who.to_owned()),
                        None => (None, text::escaped(&entry.value).to_string()),
                    };
                    if output.format == Format::Json {
                        let object = json!({
                            "lock": lock, "state": state, "place": place, "token": entry.created.get(), "since": since,
                            "entry": json::entry(entry),
                        });
                        output.line("", object)?;
                        continue;
                    }
                    rows.push(vec![
                        text::name(&lock),
                        state.to_owned(),
                        entry.created.to_string(),
                        session.unwrap_or_default(),
                        since.unwrap_or("?").to_owned(),
                        who,
                    ]);
                }
            }
            if output.format == Format::Text {
                let lines = table::lines(&HEADING, rows, output);
                lines.into_iter().try_for_each(|line| output.line(line, ()))?;
            }
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

/// The queues of all locks, each in its order.
fn queues(entries: Vec<Entry>) -> BTreeMap<String, Vec<Entry>> {
    let mut queues: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries.into_iter().filter(is_queued) {
        let lock = entry.key().parent().map(|lock| lock.as_str().to_owned());
        if let Some(lock) = lock.filter(|lock| lock != "/") {
            queues.entry(lock).or_default().push(entry);
        }
    }
    queues.values_mut().for_each(|queue| queue.sort_by_key(|entry| entry.created));
    queues
}

/// Whether an entry stands in a lock's queue, as far as its name tells, or its value if this program has put it.
fn is_queued(entry: &Entry) -> bool {
    let Some(session) = entry.ephemeral.map(|session| session.to_string()) else { return false };
    let name = entry.key.rsplit('/').next().unwrap_or_default();
    // A name of a session's digits alone must be its owner's: other names may be made of such letters as well.
    let own = is_queue_entry(name) && (name.contains('-') || name == session);
    // Curator's, and kazoo's in its form.
    let numbered = name
        .rsplit_once("-lock-")
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()));
    own || numbered || said_since(&entry.value).is_some()
}

#[cfg(test)]
mod tests {
    use registry_host::SessionId;

    use super::*;

    #[test]
    fn queue_entries_are_told_from_other_ephemerals() {
        let of = |key: &str, session: Option<u64>| Entry::new(key, "", 1.into(), 1.into(), session.map(SessionId));
        for queued in ["/l/ab-1", "/l/ab", "/l/_c_0b8f-lock-0000000001", "/l/u-lock-1"] {
            assert!(is_queued(&of(queued, Some(0xab))), "{queued}");
            assert!(!is_queued(&of(queued, None)), "{queued}");
        }
        for other in ["/nodes/10.0.0.7:1234", "/nodes/cafe", "/nodes/wed-lock-", "/nodes/a-lock-b"] {
            assert!(!is_queued(&of(other, Some(0xab))), "{other}");
        }
    }
}

//! `registry locks`.

use std::collections::BTreeMap;

use clap::Args;
use registry_host::{Entry, plugin::Metadata};
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
            let entries = below(registry, &self.key).await?;
            for (lock, queue) in queues(entries, registry.plugin().metadata()) {
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
fn queues(entries: Vec<Entry>, plugin: &Metadata) -> BTreeMap<String, Vec<Entry>> {
    let mut queues: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| is_queued(entry, plugin)) {
        let lock = entry.key().parent().map(|lock| lock.as_str().to_owned());
        if let Some(lock) = lock.filter(|lock| lock != "/") {
            queues.entry(lock).or_default().push(entry);
        }
    }
    queues.values_mut().for_each(|queue| queue.sort_by_key(|entry| entry.created));
    queues
}

/// Whether an entry stands in a lock's queue: its name tells, or its value if this program has put it.
fn is_queued(entry: &Entry, plugin: &Metadata) -> bool {
    plugin.is_queue_entry(entry) || (entry.is_ephemeral() && said_since(&entry.value).is_some())
}

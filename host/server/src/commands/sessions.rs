//! `registry sessions`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;

use super::below;
use crate::context::{Context, check_key};
use crate::exit::{Done, OK};
use crate::output::{Format, table, text};

/// How many of a session's entries stand in the table.
const SHOWN: usize = 8;

/// Shows the sessions that own something, and what
///
/// Whatever goes with a session is counted: ephemeral entries and places in the queues of locks. Sessions that own
/// nothing below the key are not seen. In the JSON output all entries of each are named.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry sessions
  registry sessions /nodes/worker --output json")]
pub(crate) struct Sessions {
    /// The key below which they own something
    #[arg(default_value = "/")]
    key: String,
}

impl Sessions {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("sessions", &self.key)?;
        let work = context.session(async |registry, output| {
            let mut sessions: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for entry in below(registry, &self.key).await? {
                if let Some(session) = entry.ephemeral {
                    sessions.entry(session.to_string()).or_default().push(entry.key);
                }
            }
            match output.format {
                Format::Json => sessions.iter().try_for_each(|(session, entries)| {
                    output.line("", json!({"session": session, "entries": entries}))
                })?,
                Format::Text => {
                    let rows = sessions.into_iter().map(|(session, entries)| {
                        let mut shown: Vec<_> = entries.iter().take(SHOWN).map(|key| text::name(key)).collect();
                        shown.extend((entries.len() > SHOWN).then(|| format!("and {} more", entries.len() - SHOWN)));
                        vec![session, entries.len().to_string(), shown.join(" ")]
                    });
                    let lines = table::lines(&["SESSION", "ENTRIES", "KEYS"], rows.collect(), output);
                    lines.into_iter().try_for_each(|line| output.line(line, ()))?;
                }
            }
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

//! `registry stat`.

use clap::Args;
use registry_host::{ErrorKind, Registry, Result};
use serde_json::json;

use super::no_such_entry;
use crate::context::{Context, check_key};
use crate::exit::{Done, OK};
use crate::output::fields;

/// Tells of an entry: versions, owner, number of children, size of the value
///
/// The version is that of the last write, created the one that made the entry: it stays for as long as the entry lives,
/// and is the fencing token of an entry in a lock's queue. Exits with 1 if there is no such entry.
#[derive(Args)]
#[command(after_help = "Example:\n  registry stat /nodes/worker/default/10.0.0.7:1234")]
pub(crate) struct Stat {
    /// The entry's key
    key: String,
}

impl Stat {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("stat", &self.key)?;
        let work = context.session(async |registry, output| {
            let Some(entry) = registry.get(&self.key).await? else {
                return Err(no_such_entry(registry, "stat", &self.key).into());
            };
            let children = children(registry, &self.key).await?;
            let session = entry.ephemeral.map(|session| session.to_string());
            let (bytes, is_text) = (entry.value.len(), std::str::from_utf8(&entry.value).is_ok());
            let text = [
                ("key", self.key.clone()),
                ("version", entry.version.to_string()),
                ("created", entry.created.to_string()),
                ("ephemeral", session.as_ref().map_or("no".to_owned(), |session| format!("of session {session}"))),
                ("children", children.to_string()),
                ("value", format!("{bytes} bytes{}", if is_text { "" } else { ", no text" })),
            ];
            let object = json!({
                "key": self.key, "version": entry.version.get(), "created": entry.created.get(), "ephemeral": session,
                "children": children, "value_bytes": bytes, "value_is_text": is_text,
            });
            output.line(fields::lines(&text, output).join("\n"), object)?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

/// How many children an entry has that was there just now.
async fn children(registry: &Registry, key: &str) -> Result<usize> {
    match registry.children(key).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        children => Ok(children?.len()),
    }
}

//! `registry delete`.

use clap::Args;
use registry_host::Version;
use serde_json::json;

use super::Expected;
use crate::context::{Context, check_key};
use crate::exit::{Done, OK};

/// Deletes an entry and prints the number of deleted entries
///
/// A missing entry is no failure: 0 are deleted. An entry with children is deleted only with --recursive, else the
/// command exits with 1.
#[derive(Args)]
#[command(after_help = "Example:\n  registry delete /config --recursive")]
pub(crate) struct Delete {
    /// The entry's key
    key: String,
    /// Deletes all entries below it as well
    #[arg(long)]
    recursive: bool,
    /// Deletes only if the entry is at this version, else exits with 1
    #[arg(long, value_name = "N")]
    if_version: Option<Version>,
}

impl Delete {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("delete", &self.key)?;
        let work = context.session(async |registry, output| {
            let mut delete =
                if self.recursive { registry.delete_recursive(&self.key) } else { registry.delete(&self.key) };
            if let Some(version) = self.if_version {
                delete = delete.if_version(version);
            }
            let deleted = match (delete.await, self.if_version) {
                (Err(error), Some(version)) => {
                    return Err(Expected::Version(version).explain(registry, &self.key, error).await.into());
                }
                (deleted, _) => deleted?,
            };
            output.line(deleted, json!({"key": self.key, "deleted": deleted}))?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

//! `registry export`.

use clap::Args;

use super::below;
use crate::context::{Context, check_key};
use crate::exit::{Done, OK};
use crate::output::json;

/// Prints an entry and all below it for 'registry import', an object a line
///
/// Each line has the key and the value, as text or as "value_base64", and what else is known of the entry. Ephemeral
/// entries are left out: they are their sessions', and would stay for good if they were imported.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry export /config > config.jsonl
  registry --target old export | registry --target new import --dry-run")]
pub(crate) struct Export {
    /// The key to begin at
    #[arg(default_value = "/")]
    key: String,
}

impl Export {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("export", &self.key)?;
        let work = context.session(async |registry, output| {
            let (ephemeral, persistent): (Vec<_>, Vec<_>) =
                below(registry, &self.key).await?.into_iter().partition(|entry| entry.is_ephemeral());
            for entry in &persistent {
                output.object(json::entry(entry))?;
                output.flush_much().await?;
            }
            output.flush().await?;
            if !ephemeral.is_empty() {
                tracing::warn!("{} ephemeral entries are left out", ephemeral.len());
            }
            Ok(OK)
        });
        work.await
    }
}

//! `registry list`.

use clap::Args;

use super::below;
use crate::context::{Context, check_key};
use crate::exit::{Done, OK};
use crate::output::{json, text};

/// Lists an entry and all below it, a line each, sorted by key
///
/// Prints nothing if there are none. In the JSON output each line is the whole entry. With / everything is listed, each
/// entry at the top with what is below it at a moment of its own.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry list /nodes --values
  registry ls /")]
pub(crate) struct List {
    /// The key to begin at; / for all
    key: String,
    /// Adds the value after a tab, escaped so that it stays on its line
    #[arg(long)]
    values: bool,
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("list", &self.key)?;
        let work = context.session(async |registry, output| {
            for entry in below(registry, &self.key).await? {
                output.line(text::listed(&entry, self.values), json::entry(&entry))?;
                output.flush_much().await?;
            }
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

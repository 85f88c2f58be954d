//! `registry get`.

use clap::Args;

use super::no_such_entry;
use crate::context::{Context, check_key};
use crate::exit::{Done, OK};
use crate::output::{Format, json};

/// Reads the value of an entry
///
/// The value's bytes are written as they are; a newline is added only on a terminal. Exits with 1 if there is no such
/// entry.
#[derive(Args)]
#[command(after_help = "Example:\n  registry get /nodes/worker/default/10.0.0.7:1234")]
pub(crate) struct Get {
    /// The entry's key, such as /config/limits
    key: String,
}

impl Get {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("get", &self.key)?;
        let work = context.session(async |registry, output| {
            let Some(entry) = registry.get(&self.key).await? else {
                return Err(no_such_entry(registry, "get", &self.key).into());
            };
            match output.format {
                Format::Json => output.line("", json::entry(&entry))?,
                Format::Text => {
                    output.bytes(&entry.value);
                    if output.is_terminal() && !entry.value.ends_with(b"\n") {
                        output.bytes(b"\n");
                    }
                }
            }
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

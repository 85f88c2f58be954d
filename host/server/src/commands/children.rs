//! `registry children`.

use clap::Args;
use registry_host::Key;
use serde_json::json;

use crate::context::{Context, check_key};
use crate::exit::{Done, OK};

/// Names the direct children of a key, a line each, sorted
///
/// Exits with 1 if neither the key nor anything below it exists.
#[derive(Args)]
#[command(after_help = "Example:\n  registry children /nodes/worker/default")]
pub(crate) struct Children {
    /// The key; / for the top
    key: String,
}

impl Children {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("children", &self.key)?;
        let work = context.session(async |registry, output| {
            for name in registry.children(&self.key).await? {
                output.line(&name, json!({"name": name, "key": Key::from_checked(&self.key).child(&name)}))?;
                output.flush_much().await?;
            }
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

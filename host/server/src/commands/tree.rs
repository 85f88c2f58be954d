//! `registry tree`.

use std::collections::BTreeMap;

use clap::Args;
use registry_host::{Entry, Key};
use serde_json::json;

use super::below;
use crate::context::{Context, check_key};
use crate::exit::{Done, Failure, OK};
use crate::output::{Output, json, text};

/// Draws an entry and all below it as a tree
///
/// Each entry stands below its parent, sorted by name; what goes with a session is marked with that. In the JSON output
/// each is an object with its depth, in the same order. Exits with 1 if there is nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry tree
  registry tree /nodes --values")]
pub(crate) struct Tree {
    /// The key to begin at
    #[arg(default_value = "/")]
    key: String,
    /// Adds the values, escaped so that each stays on its line
    #[arg(long)]
    values: bool,
}

/// A key, and what is below it.
#[derive(Default)]
struct Node {
    /// None for the root, and for a key that others have put something below without making it an entry.
    entry: Option<Entry>,
    below: BTreeMap<String, Node>,
}

impl Tree {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("tree", &self.key)?;
        let work = context.session(async |registry, output| {
            let entries = below(registry, &self.key).await?;
            if entries.is_empty() {
                // It says that there is nothing, but for an empty root and what this user may not read.
                registry.children(&self.key).await?;
            }
            let mut root = Node::default();
            entries.into_iter().for_each(|entry| root.put(&self.key, entry));
            self.draw(&root, &self.key, &self.key, 0, "", output).await?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }

    /// Draws a node and what is below it, each line of that begun so.
    async fn draw(
        &self,
        node: &Node,
        key: &str,
        name: &str,
        depth: usize,
        begin: &str,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let mut line = text::name(name);
        if let Some(entry) = &node.entry {
            if let Some(session) = entry.ephemeral {
                line.push_str(&format!(" (session {session})"));
            }
            if self.values && !entry.value.is_empty() {
                line.push_str(&format!("  {}", text::escaped(&entry.value)));
            }
        }
        let object = json!({"key": key, "depth": depth, "entry": node.entry.as_ref().map(json::entry)});
        output.line(line, object)?;
        output.flush_much().await?;
        let last = node.below.len().saturating_sub(1);
        for (at, (name, below)) in node.below.iter().enumerate() {
            let (branch, trunk) = if at == last { ("└── ", "    ") } else { ("├── ", "│   ") };
            if output.format == crate::output::Format::Text {
                output.bytes(begin.as_bytes());
                output.bytes(branch.as_bytes());
            }
            let key = Key::from_checked(key).child(name);
            Box::pin(self.draw(below, &key, name, depth + 1, &format!("{begin}{trunk}"), output)).await?;
        }
        Ok(())
    }
}

impl Node {
    /// Puts an entry where it belongs below this node, which has that key.
    fn put(&mut self, key: &str, entry: Entry) {
        let names = entry.key.strip_prefix(key).unwrap_or_default().split('/').filter(|name| !name.is_empty());
        let node = names.fold(&mut *self, |node, name| node.below.entry(name.to_owned()).or_default());
        node.entry = Some(entry.clone());
    }
}

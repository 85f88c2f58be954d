//! `registry completions`.

use clap::Args;
use clap_complete::Shell;

use crate::completing;
use crate::context::Context;
use crate::exit::{Done, OK};

/// Prints a script that completes commands, options and keys in a shell
///
/// The script asks this program, which asks the registry that the line so far names: for keys, ids of tasks, addresses
/// of servers. One that doesn't answer within a second, or the line's --timeout, completes nothing.
#[derive(Args)]
#[command(after_help = "\
Example:
  registry completions bash \\
    > ~/.local/share/bash-completion/completions/registry")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let script = completing::script(&self.shell.to_string()).unwrap_or_default();
        context.output.bytes(&script);
        context.output.flush().await?;
        Ok(OK)
    }
}

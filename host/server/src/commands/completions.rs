//! `registry completions`.

use clap::Args;
use clap_complete::Shell;

use crate::context::Context;
use crate::exit::{Done, OK};

/// Prints a script that completes this program's commands and options in a shell
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
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut (context.definition)(), "registry", &mut script);
        context.output.bytes(&script);
        context.output.flush().await?;
        Ok(OK)
    }
}

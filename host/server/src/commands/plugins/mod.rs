//! `registry plugins`.

mod installed;
mod show;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::exit::Done;

pub(crate) use verify::child_to_verify;

/// Lists every plugin that is found, the refused ones with the reason
///
/// Each is loaded in a process of its own, so that one which dies on loading gets its line as well. Of several of one
/// name the first is used. Exits with 4 if none can be loaded.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry plugins
  registry plugins show etcd
  registry plugins verify ./libregistry_mine.so")]
pub(crate) struct Plugins {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Lists every plugin that is found, as without a command
    #[command(visible_alias = "ls", after_help = "Example:\n  registry plugins list")]
    List,
    /// Shows what a plugin says of itself, and its configuration keys
    #[command(after_help = "Example:\n  registry plugins show etcd")]
    Show {
        /// The plugin's name, as registry.type selects it
        #[arg(value_name = "TYPE")]
        name: String,
    },
    /// Tells whether a file is a plugin that can be loaded, and if not why
    ///
    /// Exits with 4 if it is refused.
    #[command(after_help = "Example:\n  registry plugins verify target/debug/libregistry_mine.so")]
    Verify {
        /// The file
        file: PathBuf,
    },
}

impl Plugins {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        match self.command {
            None | Some(Command::List) => installed::run(context).await,
            Some(Command::Show { name }) => show::run(&name, context).await,
            Some(Command::Verify { file }) => verify::run(&file, context).await,
        }
    }
}

//! The commands, one to a file.

mod children;
mod completions;
mod config;
mod conformance;
mod delete;
mod get;
mod list;
mod lock;
pub(crate) mod plugins;
mod put;
mod servers;
mod status;
mod txn;
mod watch;

use clap::Subcommand;
use registry_host::{Error, ErrorKind};

use crate::context::Context;
use crate::exit::Done;
use crate::standalone;

/// What is to be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    Get(get::Get),
    Put(put::Put),
    Delete(delete::Delete),
    Children(children::Children),
    List(list::List),
    Watch(watch::Watch),
    Lock(lock::Lock),
    Txn(txn::Txn),
    Status(status::Status),
    Servers(servers::Servers),
    Plugins(plugins::Plugins),
    Config(config::Config),
    Conformance(conformance::Conformance),
    Standalone(standalone::Standalone),
    Completions(completions::Completions),
}

impl Command {
    pub(crate) async fn run(self, context: &mut Context) -> Done {
        match self {
            Command::Get(get) => get.run(context).await,
            Command::Put(put) => put.run(context).await,
            Command::Delete(delete) => delete.run(context).await,
            Command::Children(children) => children.run(context).await,
            Command::List(list) => list.run(context).await,
            Command::Watch(watch) => watch.run(context).await,
            Command::Lock(lock) => lock.run(context).await,
            Command::Txn(txn) => txn.run(context).await,
            Command::Status(status) => status.run(context).await,
            Command::Servers(servers) => servers.run(context).await,
            Command::Plugins(plugins) => plugins.run(context).await,
            Command::Config(config) => config.run(context).await,
            Command::Conformance(conformance) => conformance.run(context).await,
            Command::Standalone(standalone) => standalone.run(context).await,
            Command::Completions(completions) => completions.run(context).await,
        }
    }
}

/// A duration of the command line, written as in the configuration.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    registry_api::config::duration(text)
}

/// What a single write was conditional on.
enum Expected {
    Absent,
    Version(u64),
}

impl Expected {
    /// A failed condition in the words of the command line; any other error as it is.
    fn explain(self, error: Error) -> Error {
        match self {
            _ if error.kind() != ErrorKind::ConditionFailed => error,
            Expected::Absent => error.with_cause_text("there is such an entry already"),
            Expected::Version(version) => error.with_cause_text(format!("the entry is not at version {version}")),
        }
    }
}

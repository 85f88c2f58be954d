//! The commands, one to a file.

mod children;
mod completions;
mod config;
mod conformance;
mod delete;
mod get;
mod list;
pub(crate) mod lock;
pub(crate) mod plugins;
mod put;
mod servers;
mod status;
mod txn;
mod watch;

use clap::Subcommand;
use registry_host::{Error, ErrorKind, Registry};

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
    registry_config::duration::parse(text)
}

/// What a single write was conditional on.
enum Expected {
    Absent,
    Version(u64),
}

impl Expected {
    /// A failed condition in the words of the command line, with what is there instead; any other error as it is.
    async fn explain(self, registry: &Registry, key: &str, error: Error) -> Error {
        if error.kind() != ErrorKind::ConditionFailed {
            return error;
        }
        let found = found_version(registry, key).await;
        error.with_cause_text(match (self, found) {
            (Expected::Absent, Some(Some(found))) => format!("there is such an entry already, at version {found}"),
            (Expected::Absent, _) => "there was such an entry already".to_owned(),
            (Expected::Version(version), found) => not_at(version, found),
        })
    }
}

/// The version of an entry that failed a condition, or that there is none; nothing if the registry doesn't tell.
async fn found_version(registry: &Registry, key: &str) -> Option<Option<u64>> {
    registry.get(key).await.ok().map(|entry| entry.map(|entry| entry.version))
}

/// What is wrong with an entry that should be at a version.
fn not_at(version: u64, found: Option<Option<u64>>) -> String {
    match found {
        Some(Some(found)) if found != version => format!("the entry is at version {found}, not at version {version}"),
        Some(None) => format!("there is no such entry, at version {version} or any other"),
        _ => format!("the entry was not at version {version}"),
    }
}

//! The commands, one to a file.

mod below;
mod children;
mod completions;
mod config;
mod config_centre;
mod conformance;
mod delete;
mod edit;
mod export;
mod get;
mod import;
mod list;
pub(crate) mod lock;
mod locks;
mod man;
mod master;
mod page;
pub(crate) mod plugins;
mod put;
mod servers;
mod services;
mod sessions;
mod stat;
mod status;
mod tasks;
mod tree;
mod txn;
mod watch;
mod worker;

use clap::Subcommand;
use registry_host::{Error, ErrorKind, Registry, Version};

use self::below::below;
use crate::context::Context;
use crate::exit::Done;
use crate::standalone;

/// What is to be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    Get(get::Get),
    #[command(visible_alias = "set")]
    Put(put::Put),
    #[command(visible_alias = "rm")]
    Delete(delete::Delete),
    Children(children::Children),
    #[command(visible_alias = "ls")]
    List(list::List),
    Tree(tree::Tree),
    Stat(stat::Stat),
    Edit(edit::Edit),
    Watch(watch::Watch),
    Lock(lock::Lock),
    Elect(lock::Elect),
    Locks(locks::Locks),
    Sessions(sessions::Sessions),
    Txn(txn::Txn),
    Export(export::Export),
    Import(import::Import),
    Status(status::Status),
    Servers(servers::Servers),
    Services(services::Services),
    ConfigCentre(config_centre::ConfigCentreCommand),
    Plugins(plugins::Plugins),
    Config(config::Config),
    Conformance(conformance::Conformance),
    Standalone(standalone::Standalone),
    Master(master::Master),
    Worker(worker::Worker),
    Page(page::Page),
    Submit(tasks::Submit),
    Tasks(tasks::Tasks),
    Logs(tasks::Logs),
    Cancel(tasks::Cancel),
    Retry(tasks::Retry),
    Drain(tasks::Drain),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    pub(crate) async fn run(self, context: &mut Context) -> Done {
        match self {
            Command::Get(get) => get.run(context).await,
            Command::Put(put) => put.run(context).await,
            Command::Delete(delete) => delete.run(context).await,
            Command::Children(children) => children.run(context).await,
            Command::List(list) => list.run(context).await,
            Command::Tree(tree) => tree.run(context).await,
            Command::Stat(stat) => stat.run(context).await,
            Command::Edit(edit) => edit.run(context).await,
            Command::Watch(watch) => watch.run(context).await,
            Command::Lock(lock) => lock.run(context).await,
            Command::Elect(elect) => elect.run(context).await,
            Command::Locks(locks) => locks.run(context).await,
            Command::Sessions(sessions) => sessions.run(context).await,
            Command::Txn(txn) => txn.run(context).await,
            Command::Export(export) => export.run(context).await,
            Command::Import(import) => import.run(context).await,
            Command::Status(status) => status.run(context).await,
            Command::Servers(servers) => servers.run(context).await,
            Command::Services(services) => services.run(context).await,
            Command::ConfigCentre(centre) => centre.run(context).await,
            Command::Plugins(plugins) => plugins.run(context).await,
            Command::Config(config) => config.run(context).await,
            Command::Conformance(conformance) => conformance.run(context).await,
            Command::Worker(worker) => worker.run(context).await,
            Command::Standalone(standalone) => standalone.run(context).await,
            Command::Master(master) => master.run(context).await,
            Command::Page(page) => page.run(context).await,
            Command::Submit(submit) => submit.run(context).await,
            Command::Tasks(tasks) => tasks.run(context).await,
            Command::Logs(logs) => logs.run(context).await,
            Command::Cancel(cancel) => cancel.run(context).await,
            Command::Retry(retry) => retry.run(context).await,
            Command::Drain(drain) => drain.run(context).await,
            Command::Completions(completions) => completions.run(context).await,
            Command::Man(man) => man.run(context).await,
        }
    }
}

/// The error of a command that needs an entry which is not there.
fn no_such_entry(registry: &Registry, operation: &str, key: &str) -> Error {
    let mut missing = Error::new(ErrorKind::NotFound, "there is no such entry");
    if registry.plugin().name() == "memory" {
        // The default, and a riddle right after putting the entry.
        missing = missing.with_cause_text("registry.type is memory, which ends with each command");
    }
    missing.or_operation(operation).or_key(key).with_key_in_message()
}

/// What a single write was conditional on.
enum Expected {
    Absent,
    Version(Version),
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

/// The version of an entry that failed a condition, or that there is none; empty if the registry doesn't tell.
async fn found_version(registry: &Registry, key: &str) -> Option<Option<Version>> {
    registry.get(key).await.ok().map(|entry| entry.map(|entry| entry.version))
}

/// What is wrong with an entry that should be at a version.
fn not_at(version: Version, found: Option<Option<Version>>) -> String {
    match found {
        Some(Some(found)) if found != version => format!("the entry is at version {found}, not at version {version}"),
        Some(None) => format!("there is no such entry, at version {version} or any other"),
        _ => format!("the entry was not at version {version}"),
    }
}

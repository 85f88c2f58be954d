//! What a shell completes: commands and options, and what the registry tells: keys, tasks and servers.
//!
//! The shell runs this program for each word that is completed, with [`VARIABLE`] set. Nothing may be written then but
//! the words: a registry that is away, or a configuration that is wrong, completes nothing.

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use registry_cluster::{Cluster, MemberFilter};
use registry_host::{Plugin, Registry, Result, Settings, plugin};
use registry_tasks::store::Store;
use tokio::time::{Instant, timeout};

use crate::cli;
use crate::context::Context;
use crate::exit::USAGE;
use crate::options::Options;
use crate::output::{Format, Output};

/// Names the shell that asks. It doesn't begin as the variables that configure the registry do.
const VARIABLE: &str = "_REGISTRY_COMPLETE";

/// How long the registry may take, unless the line has a --timeout: a shell that waits seems to hang.
const PATIENCE: Duration = Duration::from_secs(1);

/// No shell shows more.
const MOST: usize = 500;

/// The script by which a shell asks this program, which it finds on its path.
pub(crate) fn script(shell: &str) -> Option<Vec<u8>> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    shells.completer(shell)?.write_registration(VARIABLE, "registry", "registry", "registry", &mut script).ok()?;
    if shell == "zsh" {
        // Loaded by its name it is called as well, for the first word that is completed.
        script.extend(b"[[ $funcstack[1] != _registry ]] || _clap_dynamic_completer_registry \"$@\"\n");
    }
    Some(script)
}

/// Answers a shell, if one asks.
pub(crate) fn answer() -> Option<ExitCode> {
    let folder = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(|| with_candidates(cli::definition(), true)).var(VARIABLE);
    match asked.try_complete(std::env::args_os(), folder.as_deref()) {
        Ok(false) => None,
        Ok(true) => Some(ExitCode::SUCCESS),
        Err(_) => Some(ExitCode::from(USAGE)),
    }
}

/// `in_tree`: whether the command's keys are those of entries. The config centre has others.
fn with_candidates(command: clap::Command, in_tree: bool) -> clap::Command {
    let in_tree = in_tree && command.get_name() != "config-centre";
    let command = command.mut_args(|argument| {
        let find: fn(&str) -> Vec<String> = match (argument.get_id().as_str(), argument.is_positional()) {
            ("key", true) if in_tree => keys,
            ("id", true) => tasks,
            ("address", true) => servers,
            ("registry_type", _) => types,
            ("set", _) => settings,
            _ if argument.get_value_names().is_some_and(|names| names == ["TYPE"]) => types,
            _ => return argument,
        };
        argument.add(ArgValueCompleter::new(move |word: &OsStr| candidates(word, find)))
    });
    command.mut_subcommands(|below| with_candidates(below, in_tree))
}

/// The words that begin as the given one does. Those that a shell would not take as they are stay out: nobody who may
/// write a key is to have it run by somebody else's shell.
fn candidates(word: &OsStr, find: fn(&str) -> Vec<String>) -> Vec<CompletionCandidate> {
    let Some(word) = word.to_str() else { return Vec::new() };
    let is_plain = |found: &String| found.chars().all(|c| c.is_alphanumeric() || "/._-:@+,%=".contains(c));
    let found = find(word).into_iter().filter(|found| found.starts_with(word) && is_plain(found));
    found.take(MOST).map(CompletionCandidate::new).collect()
}

fn keys(word: &str) -> Vec<String> {
    ask(async |registry, _| {
        let Some((above, _)) = word.rsplit_once('/') else { return Ok(vec!["/".to_owned()]) };
        let below = async |above: &str| -> Result<Vec<String>> {
            let names = registry.children(if above.is_empty() { "/" } else { above }).await?;
            Ok(names.into_iter().map(|name| format!("{above}/{name}")).collect())
        };
        let mut keys = below(above).await?;
        keys.retain(|key| key.starts_with(word));
        if let [only] = &keys[..] {
            // Alone it would be followed by a space, though there may be more below.
            let more = below(only).await?;
            keys.extend(more);
        }
        Ok(keys)
    })
}

fn tasks(_: &str) -> Vec<String> {
    ask(async |registry, _| {
        let stored = Store::new(registry.clone()).list().await?;
        Ok(stored.into_iter().flatten().map(|stored| stored.record.id.to_string()).collect())
    })
}

fn servers(_: &str) -> Vec<String> {
    ask(async |registry, settings| {
        let cluster = Cluster::open(registry.clone(), registry_cluster::Options::of(settings)?).await?;
        let members = cluster.members(MemberFilter::All).now();
        let mut addresses: Vec<_> = members.iter().map(|member| member.address.clone()).collect();
        addresses.extend(cluster.marked_dead().await?.into_iter().map(|(_, address)| address));
        addresses.sort();
        addresses.dedup();
        Ok(addresses)
    })
}

fn types(_: &str) -> Vec<String> {
    let Some(settings) = context().and_then(|context| context.settings().ok()) else { return Vec::new() };
    let mut names: Vec<_> = plugin::installed(settings.plugin_dirs()).into_iter().map(|file| file.name).collect();
    names.sort();
    names.dedup();
    names
}

fn settings(_: &str) -> Vec<String> {
    let known = || -> Option<Vec<String>> {
        let settings = context()?.settings().ok()?;
        let name = settings.registry_type();
        let plugin = Plugin::named(name, settings.plugin_dirs(), settings.plugin_sha256(name)).ok()?;
        let keys = &plugin.metadata().keys;
        let mut known: Vec<_> = settings.merged(keys).ok()?.into_iter().map(|setting| setting.key).collect();
        known.extend(keys.iter().map(|key| format!("registry.{name}.{}", key.name)));
        for section in settings.host_sections() {
            known.extend((section.keys)().iter().map(|key| format!("registry.{}.{}", section.name, key.name)));
        }
        known.sort();
        known.dedup();
        Some(known.into_iter().map(|key| key + "=").collect())
    };
    known().unwrap_or_default()
}

/// What the line that is completed says of the registry.
fn context() -> Option<Context> {
    let mut line: Vec<_> = std::env::args_os().skip_while(|argument| argument != "--").skip(1).collect();
    // The word that is completed says nothing yet. Shells that don't tell which it is put it last.
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
    let index = index.unwrap_or(line.len().checked_sub(1)?);
    if index < line.len() {
        line.remove(index);
    }
    let matches = cli::definition().ignore_errors(true).try_get_matches_from(line).ok()?;
    let options = Options::gather(&matches).ok()?.or_environment();
    let output = Output::new(Format::Text);
    Some(Context { begun: Instant::now(), options, output, at_root: false, definition: cli::definition })
}

/// Asks a registry that is opened for this alone; an empty answer if it fails or takes too long.
fn ask(question: impl AsyncFnOnce(&Registry, &Settings) -> Result<Vec<String>>) -> Vec<String> {
    let Some(context) = context() else { return Vec::new() };
    let Ok(settings) = context.settings() else { return Vec::new() };
    let patience = context.options.timeout.unwrap_or(PATIENCE);
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() else {
        return Vec::new();
    };
    let answer = runtime.block_on(async {
        let asked = async {
            let registry = Registry::opening(settings.clone()).within(patience).await?;
            let answer = question(&registry, &settings).await;
            // What owns nothing may stay until its timeout, but needn't.
            registry.close().await.and(answer)
        };
        timeout(patience, asked).await
    });
    runtime.shutdown_background();
    answer.ok().and_then(Result::ok).unwrap_or_default()
}

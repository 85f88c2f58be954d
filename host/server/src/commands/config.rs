//! `registry config`.

use clap::{Args, Subcommand};
use futures_util::FutureExt as _;
use registry_host::{ErrorKind, Plugin, Registry, Settings, Source};
use registry_tasks::settings::{SECTIONS, unknown};
use serde_json::json;

use crate::context::Context;
use crate::exit::{Done, OK};
use crate::output::{Output, live};

/// Looks into the configuration
#[derive(Args)]
#[command(after_help = "Example:\n  registry --config registry.yaml config check")]
pub(crate) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the merged configuration, secrets hidden, with the source of each value
    ///
    /// The plugin then checks its own keys, as far as it can without a server: none is waited for. So does every other
    /// installed plugin that something is written for, so that nothing is wrong on the day it is chosen. Exits with 2
    /// if anything is wrong.
    #[command(after_help = "Example:\n  registry --config registry.yaml config check")]
    Check,
}

impl Config {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        match self.command {
            Command::Check => check(context).await,
        }
    }
}

async fn check(context: &mut Context) -> Done {
    let settings = context.settings()?;
    let registry_type = settings.registry_type();
    // The plugin says which of its keys are secret.
    let plugin = Plugin::named(registry_type, settings.plugin_dirs(), settings.plugin_sha256(registry_type))?;
    let keys = &plugin.metadata().keys;
    let mut merged = settings.merged(keys)?;
    for section in settings.host_sections() {
        merged.extend((section.check)(&settings)?);
    }
    for setting in registry_tasks::settings::written(&settings)? {
        // What a server's part in its cluster is made of is among them already.
        if !merged.iter().any(|other| other.key == setting.key) {
            merged.push(setting);
        }
    }
    unknown(&settings, &SECTIONS)?.iter().for_each(|unknown| tracing::warn!("{unknown}"));
    let widest = merged.iter().map(|setting| setting.key.chars().count() + setting.value.chars().count()).max();
    let widest = widest.unwrap_or_default().min(WIDEST);
    for setting in &merged {
        let written = format!("{} = {}", setting.key, setting.value.escape_debug());
        let source = source(&setting.source, &context.output);
        let width = widest + 3;
        let columns = if context.output.is_terminal() { live::size().0 } else { usize::MAX };
        let text = match width + 4 + setting.source.to_string().chars().count() > columns {
            true => format!("{written}\n    {source}"),
            false => format!("{written:width$}  {source}"),
        };
        let object = json!({"key": setting.key, "value": setting.value, "source": setting.source.to_string()});
        context.output.line(text, object)?;
    }
    context.output.flush().await?;
    let others = settings.unselected(keys);
    let chosen = settings.clone();
    let done = judge(plugin, settings).await?;
    for other in others {
        let settings = chosen.of_backend(&other)?;
        match Plugin::named(&other, settings.plugin_dirs(), settings.plugin_sha256(&other)) {
            Ok(plugin) => drop(judge(plugin, settings).await?),
            Err(error) => tracing::warn!(%error, "what is written for {other} is not checked"),
        }
    }
    Ok(done)
}

/// Lets the plugin say what it thinks of its section.
async fn judge(plugin: Plugin, settings: Settings) -> Done {
    // A plugin refuses its configuration before it tries to connect, which it has no time for in a single poll.
    match Registry::connect(plugin, settings).now_or_never() {
        Some(Err(error)) if error.kind() == ErrorKind::InvalidConfig => Err(error.into()),
        Some(Ok(registry)) => Ok(registry.close().await.map(|()| OK)?),
        Some(Err(_)) | None => Ok(OK),
    }
}

/// One long value must not push the sources of all others out of sight.
const WIDEST: usize = 80;

fn source(source: &Source, output: &Output) -> String {
    output.faint(format!("# {source}"))
}

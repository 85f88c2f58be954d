//! `registry config-centre`.

use std::ffi::OsString;

use clap::{Args, Subcommand};
use registry_discovery::{ConfigCentre, ConfigChange, DEFAULT_GROUP, Discovery};
use registry_host::{Error, ErrorKind, Version};
use serde_json::json;

use super::Expected;
use super::put::content;
use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::output::{Output, text};

/// Reads, publishes and follows what the config centre says, where Dubbo's processes look for rules
///
/// It stands below registry.discovery.config-root; registry.namespace doesn't apply to it. Dubbo's own processes have a
/// config centre on ZooKeeper. On etcd and in memory it is an extension, which only this product reads.
#[derive(Args)]
#[command(after_help = "\
Example:
  registry config-centre put demo.EchoService::.configurators < rule.yaml")]
pub(crate) struct ConfigCentreCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints what is there; exits with 1 if there is nothing
    #[command(after_help = "Example:\n  registry config-centre get demo.EchoService::.configurators")]
    Get {
        #[command(flatten)]
        place: Place,
    },
    /// Publishes, and prints the version
    ///
    /// Without a content standard input is read, unless it is a terminal.
    #[command(after_help = "\
Examples:
  registry config-centre put demo.EchoService::.configurators < rule.yaml
  registry config-centre put limits tasks=100 --group shop --if-version 7")]
    Put {
        #[command(flatten)]
        place: Place,
        /// The content, '' for an empty one; - or none to read it from standard input
        content: Option<OsString>,
        /// Publishes only if there is nothing yet, else exits with 1
        #[arg(long, conflicts_with = "if_version")]
        if_absent: bool,
        /// Publishes only if what is there is at this version, else exits with 1
        #[arg(long, value_name = "N")]
        if_version: Option<Version>,
    },
    /// Prints what is there, then 'synced', then every change, until Ctrl-C or SIGTERM
    ///
    /// A line each: what happened (added, changed, deleted, synced), the version and the content with tabs between, the
    /// content escaped so that it stays on its line.
    #[command(after_help = "Example:\n  registry config-centre watch shop.tag-router")]
    Watch {
        #[command(flatten)]
        place: Place,
        /// Ends once what is there has been told
        #[arg(long)]
        until_synced: bool,
    },
}

#[derive(Args)]
struct Place {
    /// The key, such as demo.EchoService::.condition-router
    key: String,
    /// The group
    #[arg(long, value_name = "G", default_value = DEFAULT_GROUP)]
    group: String,
}

impl ConfigCentreCommand {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let options = context.discovery()?;
        let (Command::Get { place } | Command::Put { place, .. } | Command::Watch { place, .. }) = &self.command;
        // Before anything is opened.
        ConfigCentre::check(&place.group, &place.key)?;
        match self.command {
            Command::Get { place } => {
                let work = context.session(async |registry, output| {
                    let centre = Discovery::on(registry.clone(), options).config_centre();
                    let Some(found) = centre.get(&place.group, &place.key).await? else {
                        let missing = Error::new(ErrorKind::NotFound, "there is no such key in the config centre");
                        return Err(missing.or_operation("config-centre get").or_key(&place.key).into());
                    };
                    output.line(&found.content, place.object(None, Some(found.version), Some(&found.content)))?;
                    output.flush().await?;
                    Ok(OK)
                });
                work.await
            }
            Command::Put { place, content: given, if_absent, if_version } => {
                let content = content("config-centre put", &place.key, given).await?;
                let Ok(content) = String::from_utf8(content) else {
                    return Err(Failure::Usage(format!("{}: the content is not UTF-8 text", place.key)));
                };
                let work = context.session(async |registry, output| {
                    let centre = Discovery::on(registry.clone(), options).config_centre();
                    let (group, key) = (&*place.group, &*place.key);
                    let published = match (if_absent, if_version) {
                        (true, _) => centre.publish_if_absent(group, key, &content).await,
                        (_, Some(version)) => centre.publish_if_version(group, key, &content, version).await,
                        _ => centre.publish(group, key, &content).await,
                    };
                    let version = match published {
                        Ok(version) => version,
                        Err(error) => {
                            let expected = if_version.map_or(Expected::Absent, Expected::Version);
                            return Err(expected.explain(registry, &centre.key(group, key)?, error).await.into());
                        }
                    };
                    output.line(version, place.object(None, Some(version), None))?;
                    output.flush().await?;
                    Ok(OK)
                });
                work.await
            }
            Command::Watch { place, until_synced } => {
                let work = context.standing(async |registry, output, signals| {
                    let centre = Discovery::on(registry.clone(), options).config_centre();
                    tokio::select! {
                        done = watch(&centre, &place, until_synced, output) => done,
                        _ = signals.next() => Ok(OK),
                    }
                });
                work.await
            }
        }
    }
}

async fn watch(centre: &ConfigCentre, place: &Place, until_synced: bool, output: &mut Output) -> Done {
    let mut changes = centre.listen(&place.group, &place.key).await?;
    loop {
        let Some(change) = changes.next().await else {
            return Err(Error::new(ErrorKind::Closed, "the watch has ended, the registry was closed").into());
        };
        let change = change?;
        let (event, entry) = match &change {
            ConfigChange::Added(entry) => ("added", entry),
            ConfigChange::Changed(entry) => ("changed", entry),
            ConfigChange::Deleted(entry) => ("deleted", entry),
            _ => {
                output.line("synced", place.object(Some("synced"), None, None))?;
                output.flush().await?;
                if until_synced {
                    return Ok(OK);
                }
                continue;
            }
        };
        let line = format!("{event}\t{}\t{}", entry.version, text::escaped(entry.content.as_bytes()));
        output.line(line, place.object(Some(event), Some(entry.version), Some(&entry.content)))?;
        output.flush().await?;
    }
}

impl Place {
    fn object(&self, event: Option<&str>, version: Option<Version>, content: Option<&str>) -> serde_json::Value {
        let mut object = json!({"group": self.group, "key": self.key});
        let more = [
            ("event", event.map(Into::into)),
            ("version", version.map(|version| version.get().into())),
            ("content", content.map(Into::into)),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                object[name] = value;
            }
        }
        object
    }
}

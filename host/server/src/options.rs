//! The options that every command takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgMatches, Args, FromArgMatches};

use crate::output::Format;

// The options that every command takes, before its name or after it. A doc comment would become every command's help.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Options {
    /// The configuration, a .yaml, .properties, .toml or .json file [default: $REGISTRY_CONFIG, else none]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Takes the registry that the file names so, below 'targets' [default: $REGISTRY_TARGET, else none]
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// The backend: the same as --set registry.type=TYPE
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) registry_type: Option<String>,
    /// The registry as Dubbo writes it: zookeeper://h1:2181?backup=h2:2181, or etcdv3://h1:2379
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The servers, as the backend's plugin takes them: 10.0.0.1:2379,10.0.0.2:2379
    #[arg(long, value_name = "SERVERS")]
    pub(crate) endpoints: Option<String>,
    /// A prefix of every key: the same as --set registry.namespace=NAMESPACE
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Sets a key over file and environment, such as registry.type=etcd; may be repeated
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub(crate) set: Vec<String>,
    /// Looks for plugins in this directory before all others; may be repeated
    #[arg(long, value_name = "DIR", action = ArgAction::Append)]
    pub(crate) plugin_dir: Vec<PathBuf>,
    /// Gives up after this long, opening the registry included: with 3, or with 1 if only a lock was waited for
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// The form of the output: lines of text, or a JSON object a line, errors included [default: text]
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Logs more on standard error, -vv and -vvv more still; else $RUST_LOG says what
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Options {
    /// Those that stand before the command's name and those after it; where only one can count, the later does.
    pub(crate) fn gather(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut options = Options::from_arg_matches(matches)?;
        if let Some((_, below)) = matches.subcommand() {
            let later = Options::gather(below)?;
            options.config = later.config.or(options.config);
            options.target = later.target.or(options.target);
            options.registry_type = later.registry_type.or(options.registry_type);
            options.url = later.url.or(options.url);
            options.endpoints = later.endpoints.or(options.endpoints);
            options.namespace = later.namespace.or(options.namespace);
            options.output = later.output.or(options.output);
            options.timeout = later.timeout.or(options.timeout);
            options.set.extend(later.set);
            options.plugin_dir.extend(later.plugin_dir);
            options.verbose = options.verbose.saturating_add(later.verbose);
        }
        Ok(options)
    }

    /// The same, with what the environment says where the command line is silent.
    pub(crate) fn or_environment(mut self) -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if self.config.is_none() {
            self.config = variable("REGISTRY_CONFIG").map(PathBuf::from);
        }
        if self.target.is_none() {
            self.target = variable("REGISTRY_TARGET").map(|name| name.to_string_lossy().into_owned());
        }
        self
    }
}

/// A duration of the command line, written as in the configuration.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    registry_config::duration::parse(text)
}

//! The command line.

use std::ffi::OsStr;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::exit::USAGE;
use crate::options::Options;
use crate::output::Format;

/// What is built, and by what, to tell two programs apart.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\ncommit   {}\nABI      {}\nrustc    {}",
        env!("CARGO_PKG_VERSION"),
        env!("BUILT_FROM_COMMIT"),
        registry_host::plugin::api_version(),
        env!("BUILT_BY_RUSTC").trim_start_matches("rustc ")
    )
});

const ABOUT: &str =
    "Reads, writes, watches and locks entries of the coordination registry that the configuration names";

const AFTER_HELP: &str = "\
Configuration:
  The file that --config or $REGISTRY_CONFIG names; over it the environment
  (REGISTRY_TYPE, REGISTRY_NAMESPACE, REGISTRY_ETCD_ENDPOINTS and so on); over
  that every --set, and --type, --endpoints and --namespace. No file is read
  unasked. 'registry config check' shows what comes of it, 'registry plugins'
  what --type may be. Secrets belong in the file or the environment: everyone
  sees a command line.
  One file may name several registries: --target prod takes what stands below
  targets.prod, over what stands below registry for all of them:
    targets:
      prod: {type: etcd, etcd: {endpoints: '10.0.0.1:2379,10.0.0.2:2379'}}
      test: {type: zookeeper, zookeeper: {connect-string: '10.0.1.1:2181'}}
  Unless it is set registry.type is memory, which lives within one process: good
  for trying host servers and 'registry standalone', but of one command the next
  sees nothing, so a warning says so.
  ${NAME} and ${NAME:default} in a value stand for an environment variable, or
  for another key.

Waiting:
  A server that is silent is waited for as long as the configuration of its
  plugin says, and a call as long as registry.operation-timeout. --timeout ends
  both together: 'registry --timeout 2s get /a' has an answer in about 2 s. If
  opening takes longer than a second, a line on standard error says what is
  tried and why it failed so far. Commands that stay (watch, put --ephemeral,
  standalone, servers --watch, the command under a lock) are limited only until
  they have begun.

Exit codes:
  0   done
  1   the answer is no: no such entry, a condition failed, the entry has
      children or is ephemeral, the lock was not acquired
  2   wrong usage or configuration, or input beyond the limits
  3   the registry is unavailable, or refuses the user
  4   no plugin could be loaded
  74  standard output can't be written
  75  a lock that was held was lost
  76  the entry of put --ephemeral was deleted or replaced by somebody else

Example:
  registry --type etcd --endpoints 127.0.0.1:2379 put /a hello";

#[derive(Parser)]
#[command(name = "registry", version = VERSION.as_str(), about = ABOUT, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The whole command line, the global options at every level.
pub(crate) fn definition() -> clap::Command {
    with_options(Cli::command())
}

// Clap's own `global` would let a `--set` after the command's name silently replace those before it.
fn with_options(command: clap::Command) -> clap::Command {
    // After 'submit' --timeout is the task's.
    let is_taken = command.get_arguments().any(|argument| argument.get_long() == Some("timeout"));
    let command = Options::augment_args(command).mut_subcommands(with_options);
    match is_taken {
        true => command.mut_arg("timeout", |argument| argument.long("give-up-after")),
        false => command,
    }
}

/// A command line that has been read.
pub(crate) struct Invocation {
    pub(crate) options: Options,
    pub(crate) command: Command,
}

impl Invocation {
    /// Reads the command line of this process.
    ///
    /// # Errors
    ///
    /// What is to be said instead of running a command.
    pub(crate) fn parse() -> Result<Self, Refused> {
        let read = || {
            let matches = definition().try_get_matches()?;
            let options = Options::gather(&matches)?.or_environment();
            Ok(Invocation { options, command: Cli::from_arg_matches(&matches)?.command })
        };
        let refused = |error| {
            let help = help_of(std::env::args().skip(1));
            Refused { format: asked_format(), message: one_line(&error, &help), error }
        };
        read().map_err(refused)
    }
}

/// A command line that runs nothing: a wrong one, or one that asks for help.
pub(crate) struct Refused {
    pub(crate) format: Format,
    pub(crate) message: String,
    error: clap::Error,
}

impl Refused {
    /// Prints what was asked for; `None` if the command line is wrong.
    pub(crate) fn answer(&self) -> Option<ExitCode> {
        let code = match self.error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ExitCode::from(USAGE),
            _ => return None,
        };
        // A reader that is gone has seen enough of the help.
        let _ = self.error.print();
        Some(code)
    }
}

/// The form of output that a command line which can't be read asks for all the same.
fn asked_format() -> Format {
    let arguments: Vec<_> = std::env::args_os().collect();
    let json =
        arguments.iter().any(|argument| ["--output=json", "-ojson", "-o=json"].map(OsStr::new).contains(&&**argument))
            || arguments.windows(2).any(|pair| (pair[0] == "--output" || pair[0] == "-o") && pair[1] == "json");
    if json { Format::Json } else { Format::Text }
}

/// What shows the help of the command that the arguments name, as far as they name one.
fn help_of(arguments: impl Iterator<Item = String>) -> String {
    let (mut command, mut path) = (definition(), "registry".to_owned());
    for argument in arguments.take_while(|argument| argument != "--") {
        if let Some(named) = command.find_subcommand(&argument).cloned() {
            path = format!("{path} {}", named.get_name());
            command = named;
        }
    }
    path + " --help"
}

/// Clap's several lines as one.
fn one_line(error: &clap::Error, help: &str) -> String {
    let text = error.render().to_string();
    let words = text.split("\n\nUsage:").next().and_then(|text| text.split("\n\nFor more information").next());
    let words = words.unwrap_or_default().trim_start_matches("error: ");
    let mut message = String::new();
    for line in words.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !message.is_empty() {
            message.push_str(if message.ends_with(':') { " " } else { "; " });
        }
        message.push_str(line);
    }
    message.push_str("; see ");
    message + help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        definition().debug_assert();
    }

    #[test]
    fn an_error_points_at_the_help_of_its_own_command() {
        for (line, help) in [
            ("", "registry --help"),
            ("bogus", "registry --help"),
            ("--output json get --bogus", "registry get --help"),
            ("plugins verify", "registry plugins verify --help"),
            ("lock --try -- get", "registry lock --help"),
        ] {
            assert_eq!(help_of(line.split_whitespace().map(str::to_owned)), help, "{line}");
        }
    }

    #[test]
    fn options_count_before_and_after_the_command() {
        let line = "registry --set registry.a=1 --output text get /k --set registry.b=2 --output json -v";
        let matches = definition().try_get_matches_from(line.split(' ')).unwrap();
        let options = Options::gather(&matches).unwrap();
        assert_eq!(options.set, ["registry.a=1", "registry.b=2"]);
        assert_eq!((options.output, options.verbose), (Some(Format::Json), 1));
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        /// Whether all lines fit that are not a paragraph's, which is laid out for each terminal.
        fn fits(command: &clap::Command) -> bool {
            let texts = [command.get_long_about(), command.get_after_help()].map(|text| text.map(ToString::to_string));
            let mut texts = texts.into_iter().flatten().filter(|text| text.contains("\n "));
            texts.all(|text| text.lines().all(|line| line.chars().count() <= 80))
        }
        fn check(command: &mut clap::Command, path: &str) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{path} has no example:\n{help}");
            assert!(help.contains("--config"), "{path} does not take the global options");
            assert!(fits(command), "{path} has a line that a terminal of 80 columns breaks:\n{help}");
            for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
                let path = format!("{path} {}", below.get_name());
                check(below, &path);
            }
        }
        let mut command = definition();
        command.build();
        check(&mut command, "registry");
    }
}

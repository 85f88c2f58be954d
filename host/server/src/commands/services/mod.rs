//! `registry services`.

mod row;
mod watching;

use clap::Args;
use registry_discovery::{Discovery, Listed, Options};
use registry_host::{Error, ErrorKind, Registry};

use self::row::Row;
use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::output::{Format, Output, table};

/// Shows who provides and consumes services, as Dubbo's processes in Go and Java see it
///
/// For every provider, consumer and rule the service, where it is, the protocol, the application, and whether it goes
/// with its session (ephemeral) or stays (persistent). Instances of applications stand below them. An entry that can't
/// be read as a URL shows why: one such can empty the list of a Dubbo consumer in Java. Exits with 1 if there is
/// nothing of an interface or application of that name.
///
/// Services stand below registry.discovery.root, and instances below registry.discovery.instances-root;
/// registry.namespace doesn't apply to them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry services
  registry services demo.EchoService --output json
  registry --url 'zookeeper://h1:2181?backup=h2:2181' services --watch")]
pub(crate) struct Services {
    /// An interface or an application [default: all]
    name: Option<String>,
    /// Goes on: a line for every change, until Ctrl-C or SIGTERM
    #[arg(long)]
    watch: bool,
}

impl Services {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let options = context.discovery()?;
        if self.watch {
            return watching::run(context, options, self.name).await;
        }
        let work = context.session(async |registry, output| {
            let discovery = discovery(registry, options);
            let mut listed = discovery.listed().await?;
            if let Some(name) = &self.name {
                listed.retain(|listed| listed.is_of(name));
                if listed.is_empty() {
                    return Err(unknown(registry, name));
                }
            }
            show(&listed, output)?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

/// Looks at services on a registry that a command has opened.
fn discovery(registry: &Registry, options: Options) -> Discovery {
    Discovery::on(registry.clone(), options)
}

fn show(listed: &[Listed], output: &mut Output) -> Result<(), Failure> {
    let rows = listed.iter().map(Row::of);
    match output.format {
        Format::Json => rows.into_iter().try_for_each(|row| output.line("", row.object(None))),
        Format::Text => {
            let lines = table::lines(&row::HEADING, rows.map(|row| row.columns()).collect(), output);
            lines.into_iter().try_for_each(|line| output.line(line, ()))
        }
    }
}

fn unknown(registry: &Registry, name: &str) -> Failure {
    let mut error = Error::new(ErrorKind::NotFound, format!("there is no interface and no application {name:?}"));
    if registry.plugin().name() == "memory" {
        error = error.with_cause_text("registry.type is memory, which ends with each command");
    }
    error.or_operation("services").into()
}

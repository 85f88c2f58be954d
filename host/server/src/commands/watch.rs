//! `registry watch`.

use clap::{Args, ValueEnum};
use futures_util::FutureExt as _;
use registry_host::{Error, ErrorKind, Event, Registry};

use crate::context::{Context, check_key};
use crate::exit::{Done, OK};
use crate::output::{Output, json, text};

/// Prints what is there, then 'synced', then every change, until Ctrl-C or SIGTERM
///
/// A line each, written at once: what happened (put, delete, synced), the key, the version and the value with tabs between,
/// the value escaped so that it stays on its line; of a deleted entry its last version and value. The JSON output also says
/// whether an entry is new. The key need not exist yet. After a break the watch goes on by itself, and says 'synced' again.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry watch /nodes/worker
  registry watch /config/limits --scope node --output json
  registry watch /nodes --until-synced")]
pub(crate) struct Watch {
    /// The key
    key: String,
    /// What is watched: the key's own entry, its direct children, or it and all below
    #[arg(long, value_enum, default_value = "subtree")]
    scope: Scope,
    /// Ends after so many puts and deletes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Ends once all that is there has been told
    #[arg(long)]
    until_synced: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scope {
    Node,
    Children,
    Subtree,
}

impl From<Scope> for registry_host::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Node => registry_host::Scope::Node,
            Scope::Children => registry_host::Scope::Children,
            Scope::Subtree => registry_host::Scope::Subtree,
        }
    }
}

impl Watch {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("watch", &self.key)?;
        let work = context.standing(async |registry, output, signals| {
            tokio::select! {
                done = self.tell(registry, output) => done,
                // It is how a watch without an end of its own is meant to end.
                _ = signals.next() => Ok(OK),
            }
        });
        work.await
    }

    async fn tell(&self, registry: &Registry, output: &mut Output) -> Done {
        let mut watch = registry.watch(&self.key, self.scope.into()).await?;
        let mut left = self.count;
        loop {
            // All that is ready goes out together, and at once.
            let next = match watch.next().now_or_never() {
                Some(next) => next,
                None => {
                    output.flush().await?;
                    watch.next().await
                }
            };
            let Some(event) = next else {
                let over = Error::new(ErrorKind::Closed, "the watch is over, the registry was closed");
                return Err(over.with_operation("watch").with_key(&self.key).into());
            };
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    output.flush().await?;
                    return Err(error.into());
                }
            };
            output.line(text::event(&event), json::event(&event))?;
            output.flush_much().await?;
            let last = match event {
                Event::Synced => self.until_synced,
                _ => left.as_mut().is_some_and(|left| {
                    *left -= 1;
                    *left == 0
                }),
            };
            if last {
                output.flush().await?;
                return Ok(OK);
            }
        }
    }
}

//! `registry watch`.

mod exec;

use std::time::SystemTime;

use clap::{Args, ValueEnum};
use futures_util::FutureExt as _;
use registry_host::{Error, ErrorKind, Event, Registry};

use self::exec::{Exec, Ran};
use crate::context::{Context, check_key};
use crate::exit::{Done, Failure, OK};
use crate::output::{Output, json, text};
use crate::signals::Signals;

/// Prints what is there, then 'synced', then every change, until Ctrl-C or SIGTERM
///
/// A line each, written at once: what happened (put, delete, synced), the key, the version and the value with tabs
/// between. The value is escaped so that it stays on its line. A deleted entry has its last version and value. The JSON
/// output also says whether an entry is new. The key need not exist yet. After a break the watch goes on by itself, and
/// says 'synced' again.
///
/// With --exec a shell command is run for each put and delete instead, one after the other. It finds the value on its
/// standard input, and what has happened in REGISTRY_EVENT_TYPE (put or delete), REGISTRY_EVENT_KEY and
/// REGISTRY_EVENT_VERSION. Changes that come meanwhile wait; of several of one key the last is told. A command that
/// fails is warned of, and the watch goes on. With Ctrl-C or SIGTERM the command is ended as well.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry watch /nodes/worker
  registry watch /config/limits --scope node --output json
  registry watch /nodes --until-synced
  registry watch /config --exec 'systemctl reload app' --no-initial")]
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
    /// Passes over what is there, and begins with the first change
    #[arg(long, conflicts_with = "until_synced")]
    no_initial: bool,
    /// Puts the moment at which it came before each event, in UTC
    #[arg(long)]
    timestamps: bool,
    /// Runs this with sh for each put and delete, instead of printing them
    #[arg(long, value_name = "COMMAND", conflicts_with = "timestamps")]
    exec: Option<String>,
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
        let work = context.standing(async |registry, output, signals| self.tell(registry, output, signals).await);
        work.await
    }

    async fn tell(&self, registry: &Registry, output: &mut Output, signals: &mut Signals) -> Done {
        let watching = registry.watch(&self.key, self.scope.into());
        let mut watch = tokio::select! {
            watch = watching => watch?,
            // It is how a watch without an end of its own is meant to end.
            _ = signals.next() => return Ok(OK),
        };
        let exec = self.exec.as_deref().map(Exec::new);
        let mut left = self.count;
        let mut initial = self.no_initial;
        loop {
            // All that is ready goes out together, and at once.
            let next = match watch.next().now_or_never() {
                Some(next) => next,
                None => tokio::select! {
                    next = async {
                        output.flush().await?;
                        Ok::<_, Failure>(watch.next().await)
                    } => next?,
                    _ = signals.next() => return Ok(OK),
                },
            };
            let Some(event) = next else {
                let over = Error::new(ErrorKind::Closed, "the watch has ended, the registry was closed");
                return Err(over.or_operation("watch").or_key(&self.key).into());
            };
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    output.flush().await?;
                    return Err(error.into());
                }
            };
            if initial {
                initial = !matches!(event, Event::Synced);
                continue;
            }
            match &exec {
                Some(exec) => match exec.run(&event, signals).await? {
                    Ran::Through => {}
                    Ran::Ended => return Ok(OK),
                },
                None => self.print(&event, output)?,
            }
            if !written(output.flush_much(), signals).await? {
                return Ok(OK);
            }
            let last = match event {
                Event::Synced => self.until_synced,
                _ => left.as_mut().is_some_and(|left| {
                    *left -= 1;
                    *left == 0
                }),
            };
            if last {
                written(output.flush(), signals).await?;
                return Ok(OK);
            }
        }
    }

    fn print(&self, event: &Event, output: &mut Output) -> Result<(), Failure> {
        if !self.timestamps {
            return output.line(text::event(event), json::event(event));
        }
        let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let line = format!("{now}\t{}", text::event(event));
        output.line(line, json::Timed { time: now, event: json::event(event) })
    }
}

/// Waits until something is written, unless a signal comes before: a reader that does not read must not keep the watch.
async fn written(writing: impl Future<Output = Result<(), Failure>>, signals: &mut Signals) -> Result<bool, Failure> {
    tokio::select! {
        written = writing => written.map(|()| true),
        _ = signals.next() => Ok(false),
    }
}

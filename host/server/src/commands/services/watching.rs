//! `registry services --watch`.

use registry_discovery::{ListedChange, Options};
use registry_host::{Error, ErrorKind, Registry};
use serde_json::json;

use super::{discovery, row::Row};
use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::output::Output;

pub(super) async fn run(context: &mut Context, options: Options, name: Option<String>) -> Done {
    let work = context.standing(async |registry, output, signals| {
        tokio::select! {
            done = watch(registry, options, name.as_deref(), output) => done,
            // It is how a watch is meant to end.
            _ = signals.next() => Ok(OK),
        }
    });
    work.await
}

async fn watch(registry: &Registry, options: Options, name: Option<&str>, output: &mut Output) -> Done {
    let discovery = discovery(registry, options);
    let mut changes = discovery.listed_changes().await?;
    loop {
        let change = changes.next().await.ok_or_else(over)??;
        let (event, listed) = match &change {
            ListedChange::Joined(listed) => ("joined", listed),
            ListedChange::Changed(listed) => ("changed", listed),
            ListedChange::Left(listed) => ("left", listed),
            _ => {
                output.line("synced", json!({"event": "synced"}))?;
                output.flush().await?;
                continue;
            }
        };
        if name.is_none_or(|name| listed.is_of(name)) {
            let row = Row::of(listed);
            output.line(row.line(event), row.object(Some(event)))?;
            output.flush().await?;
        }
    }
}

fn over() -> Failure {
    Error::new(ErrorKind::Closed, "the watch has ended, the registry was closed").into()
}

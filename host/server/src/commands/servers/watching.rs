//! `registry servers --watch`.

use std::{future::pending, time::Duration};

use registry_cluster::{Change, Changes, Cluster, DEAD_SERVERS, MemberFilter, Options, marked};
use registry_host::{Error, ErrorKind, Event, Registry, Scope, Watch};
use tokio::time::{MissedTickBehavior, interval};

use super::row::{self, Marked, Row};
use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::output::live::{self, Canvas};
use crate::output::{Format, Output};

pub(super) async fn run(context: &mut Context) -> Done {
    let work = context.standing(async |registry, output, signals| {
        tokio::select! {
            done = watch(registry, output) => done,
            // It is how a watch is meant to end.
            _ = signals.next() => Ok(OK),
        }
    });
    work.await
}

async fn watch(registry: &Registry, output: &mut Output) -> Done {
    let cluster = Cluster::open(registry.clone(), Options::default()).await?;
    let mut board = Board {
        changes: cluster.members(MemberFilter::All).changes(),
        marks: or_unseen(registry.watch(DEAD_SERVERS, Scope::Children).await)?,
        marked: Marked::new(),
    };
    if output.format == Format::Text && output.is_terminal() {
        return draw(&cluster, board, output).await;
    }
    loop {
        let (event, row) = board.next().await?;
        output.line(row.line(event), row.object(Some(event)))?;
        output.flush().await?;
    }
}

/// Draws a table whenever something has changed, and every second: it tells how long ago things were.
async fn draw(cluster: &Cluster, mut board: Board, output: &mut Output) -> Done {
    let mut canvas = Canvas::new();
    let mut clock = interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (columns, rows) = live::size();
        let shown = Row::all(&cluster.members(MemberFilter::All).now(), &board.marked);
        let shown = shown.iter().map(|row| (row.columns(), row.is_well())).collect();
        let mut lines = live::table(&row::heading(), shown, columns, output);
        live::shorten(&mut lines, rows.saturating_sub(2));
        canvas.draw(lines, output)?;
        output.flush().await?;
        // Beats come one by one: each second all at once are enough.
        clock.tick().await;
        while let Ok(next) = tokio::time::timeout(Duration::ZERO, board.next()).await {
            next?;
        }
    }
}

/// Who is there and who is marked as dead, as it changes.
struct Board {
    changes: Changes,
    /// `None` if this user may not see them.
    marks: Option<Watch>,
    marked: Marked,
}

impl Board {
    /// The next change, and the server that it is about.
    async fn next(&mut self) -> Result<(&'static str, Row), Failure> {
        loop {
            tokio::select! {
                change = self.changes.next() => {
                    let change = change.ok_or_else(over)?;
                    let event = match change {
                        Change::Joined(_) => "joined",
                        Change::Left(_) => "left",
                        _ => "changed",
                    };
                    return Ok((event, Row::of(change.member(), &self.marked)));
                }
                event = told(&mut self.marks) => {
                    let Some(event) = or_unseen(event.ok_or_else(over)?)? else {
                        self.marks = None;
                        continue;
                    };
                    let Some((role, address)) = event.key().and_then(|key| marked(key.rsplit('/').next()?)) else { continue };
                    let row = Row::marked(role, &address);
                    match event {
                        Event::Put { .. } => {
                            self.marked.insert((role, address));
                            return Ok(("marked", row));
                        }
                        _ => {
                            self.marked.remove(&(role, address));
                            return Ok(("unmarked", row));
                        }
                    }
                }
            }
        }
    }
}

/// The next event of a watch, if there is one.
async fn told(marks: &mut Option<Watch>) -> Option<Result<Event, Error>> {
    match marks {
        Some(watch) => watch.next().await,
        None => pending().await,
    }
}

/// Goes on without the marks where this user may not see them.
fn or_unseen<T>(marks: Result<T, Error>) -> Result<Option<T>, Error> {
    match marks {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            tracing::warn!(%error, "which servers are marked as dead can't be seen by this user");
            Ok(None)
        }
        marks => marks.map(Some),
    }
}

fn over() -> Failure {
    Error::new(ErrorKind::Closed, "the watch has ended, the registry was closed").into()
}

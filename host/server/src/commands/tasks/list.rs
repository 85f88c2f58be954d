//! `registry tasks`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use registry_host::{Error, ErrorKind, Event, Registry};
use registry_tasks::client::{Client, Why};
use registry_tasks::record::{Record, State, TaskId, now};
use registry_tasks::store::{no_such_task, read};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::row::{self, Task};
use super::{client, id, servers};
use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::output::live::{self, Canvas};
use crate::output::{Format, Output, table};

/// Shows tasks: how each stands, where, since when, and why it waits
///
/// States: waiting, sent (a worker was chosen), accepted, running, succeeded, failed, cancelled, timed-out, lost (its
/// worker is gone, it is tried again) and unknown (it may have run or not, or its record can't be read). All is read
/// from the registry, so it is shown without a master, too.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry tasks
  registry tasks --state running --group gpu
  registry tasks backup-7
  registry tasks --watch --output json")]
pub(crate) struct Tasks {
    /// This one alone, with its attempts; exits with 1 if there is none
    #[arg(value_parser = id)]
    id: Option<TaskId>,
    /// Those that stand so
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Those of this group
    #[arg(long)]
    group: Option<String>,
    /// Goes on until Ctrl-C or SIGTERM: on a terminal as a live table, else with a line for every change
    #[arg(long)]
    watch: bool,
}

fn state(name: &str) -> Result<State, String> {
    let names = State::ALL.map(State::name);
    let found = State::ALL.into_iter().find(|state| state.name() == name);
    found.ok_or_else(|| format!("accepted: {}", names.join(", ")))
}

impl Tasks {
    pub(in crate::commands) async fn run(self, context: &mut Context) -> Done {
        let servers = servers(context)?;
        if self.watch {
            let work = context.standing(async |registry, output, signals| {
                let client = client(registry, &servers).await?;
                let draws = output.format == Format::Text && output.is_terminal();
                let follow = async {
                    match draws {
                        true => self.draw(&client, output).await,
                        false => self.follow(&client, output).await,
                    }
                };
                tokio::select! {
                    done = follow => done,
                    // It is how a live table is meant to end.
                    ending = signals.next() => Ok(if draws { OK } else { ending.code() }),
                }
            });
            return work.await;
        }
        let work = context.session(async |registry, output| {
            let client = client(registry, &servers).await?;
            match &self.id {
                Some(id) => one(&client, registry, id, output).await?,
                None => self.all(&client, output).await?,
            }
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }

    async fn all(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let mut tasks = client.store().list().await?;
        let why = Why::of(client.cluster(), records(&tasks));
        tasks.retain(|task| self.is_wanted(task));
        // The oldest first, those that can't be read last.
        tasks.sort_by_cached_key(|task| {
            let submitted = task.as_ref().map_or(i64::MAX, |stored| stored.record.submitted);
            (submitted, row::id(task).to_owned())
        });
        match output.format {
            Format::Json => tasks.iter().try_for_each(|task| output.line("", row::object(task, &why)))?,
            Format::Text => {
                let rows = tasks.iter().map(|task| row::columns(task, &why)).collect();
                let lines = table::lines(&row::HEADING, rows, output);
                lines.into_iter().try_for_each(|line| output.line(line, ()))?;
            }
        }
        Ok(())
    }

    fn is_wanted(&self, task: &Task) -> bool {
        let group = task.as_ref().ok().map(|stored| &stored.record.spec.group);
        self.id.as_ref().is_none_or(|id| row::id(task) == id.as_str())
            && self.state.is_none_or(|state| row::state(task) == state)
            && self.group.as_ref().is_none_or(|wanted| group == Some(wanted))
    }

    /// Draws a table of what was asked for whenever something has changed, and every second: it tells how long ago
    /// things were. What has not ended comes first, then what has changed last.
    async fn draw(&self, client: &Client, output: &mut Output) -> Done {
        let mut watch = client.store().watch(self.id.as_ref()).await?;
        let mut known: BTreeMap<String, Task> = BTreeMap::new();
        let mut canvas = Canvas::new();
        let mut clock = interval(Duration::from_secs(1));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while let Ok(event) = timeout(Duration::ZERO, watch.next()).await {
                let Some(event) = event else { return Ok(OK) };
                match event? {
                    Event::Put { entry, .. } => drop(read(&entry).map(|task| known.insert(entry.key, task))),
                    Event::Delete { last } => drop(known.remove(&last.key)),
                    _ => {}
                }
            }
            let all = known.values().filter_map(|task| task.as_ref().ok()).map(|stored| &stored.record);
            let why = Why::of(client.cluster(), all);
            let mut tasks: Vec<_> = known.values().filter(|task| self.is_wanted(task)).collect();
            tasks.sort_by_cached_key(|task| match task {
                Ok(stored) => (stored.record.state.has_ended(), Reverse(stored.record.since), row::id(task).to_owned()),
                Err(_) => (true, Reverse(0), row::id(task).to_owned()),
            });
            let (columns, rows) = live::size();
            // More than there is room for need not be laid out.
            let shown = tasks.iter().take(rows).map(|task| (row::columns(task, &why), is_well(row::state(task))));
            let mut lines = live::table(&row::HEADING, shown.collect(), columns, output);
            let hidden = tasks.len().saturating_sub(rows);
            live::shorten(&mut lines, rows.saturating_sub(3));
            lines.extend((hidden > 0).then(|| format!("… and {hidden} more tasks")));
            canvas.draw(lines, output)?;
            output.flush().await?;
            clock.tick().await;
        }
    }

    async fn follow(&self, client: &Client, output: &mut Output) -> Done {
        let mut watch = client.store().watch(self.id.as_ref()).await?;
        let mut known: BTreeMap<String, Task> = BTreeMap::new();
        while let Some(event) = watch.next().await {
            match event? {
                Event::Put { entry, .. } => {
                    let Some(task) = read(&entry) else { continue };
                    if self.is_wanted(&task) {
                        let tasks = known.values().filter_map(|task| task.as_ref().ok());
                        let why = Why::of(client.cluster(), tasks.map(|stored| &stored.record));
                        output.line(row::columns(&task, &why).join("\t").trim_end(), row::object(&task, &why))?;
                    }
                    known.insert(entry.key, task);
                }
                Event::Delete { last } => {
                    known.remove(&last.key);
                }
                _ => {}
            }
            output.flush().await?;
        }
        Ok(OK)
    }
}

/// Whether nobody need look at it.
fn is_well(state: State) -> bool {
    !matches!(state, State::Failed | State::TimedOut | State::Lost | State::Unknown)
}

async fn one(client: &Client, registry: &Registry, id: &TaskId, output: &mut Output) -> Result<(), Failure> {
    let entry = registry.get(&id.key()).await?;
    let task = entry.as_ref().and_then(read).ok_or_else(|| no_such_task(id))?;
    let all = match row::state(&task).is_queued() {
        // Whether there is room is seen by what the others have.
        true => client.store().list().await?,
        false => Vec::new(),
    };
    let why = Why::of(client.cluster(), records(&all));
    match (&task, output.format) {
        (_, Format::Json) => output.line("", row::object(&task, &why)),
        (Ok(stored), Format::Text) => {
            let lines = row::details(&stored.record, why.it_waits(&stored.record, now()));
            lines.into_iter().try_for_each(|line| output.line(line, ()))
        }
        (Err(unreadable), Format::Text) => {
            output.line(format_args!("id         {}\nstate      {}", unreadable.id, State::Unknown), ())?;
            output.flush().await?;
            let error = Error::new(ErrorKind::Other, &unreadable.why).or_key(id.key()).with_key_in_message();
            Err(Failure::Coded(crate::exit::NO, error))
        }
    }
}

fn records(tasks: &[Task]) -> impl Iterator<Item = &Record> {
    tasks.iter().filter_map(|task| task.as_ref().ok()).map(|stored| &stored.record)
}

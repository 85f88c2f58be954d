//! `registry logs`.

use clap::Args;
use registry_host::Result;
use registry_tasks::client::{self, Client};
use registry_tasks::record::{State, TaskId};

use super::{client, id, servers};
use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::output::Output;

/// Prints what a task's command has written
///
/// It comes from the worker, both streams as they were written. If the worker is gone, the end of it is printed that
/// the record keeps, 4 kB, with a note on standard error. Exits with 1 if there is no such task or attempt, or nothing
/// is left of its output.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry logs backup-7
  registry logs backup-7 --follow
  registry logs backup-7 --attempt 1 --tail 20")]
pub(crate) struct Logs {
    /// The task
    #[arg(value_parser = id)]
    id: TaskId,
    /// Goes on until the task has ended, over all attempts that come; waits for it to begin
    #[arg(short, long)]
    follow: bool,
    /// That attempt, from 1 [default: the last one that was begun]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
    /// The last lines alone
    #[arg(long, value_name = "N")]
    tail: Option<u64>,
}

impl Logs {
    pub(in crate::commands) async fn run(self, context: &mut Context) -> Done {
        let servers = servers(context)?;
        let work = context.standing(async |registry, output, signals| {
            let client = client(registry, &servers).await?;
            let printing = async {
                match self.follow && self.attempt.is_none() {
                    true => follow(&client, &self.id, self.tail, output).await,
                    false => print(&client, &self.id, self.attempt, self.tail, self.follow, output).await,
                }
            };
            tokio::select! {
                printed = printing => printed.map(|()| OK),
                ending = signals.next() => Ok(ending.code()),
            }
        });
        work.await
    }
}

/// Prints the output of a task until it has ended, attempt by attempt.
pub(super) async fn follow(
    client: &Client,
    id: &TaskId,
    mut tail: Option<u64>,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut printed = 0;
    loop {
        let is_news = |record: &registry_tasks::record::Record| {
            record.state.has_ended() || record.attempt > printed && record.state.is_underway()
        };
        let record = client.wait(id, is_news).await?.record;
        let ran = record.exit_code.is_some() || record.started.is_some() || record.state.is_underway();
        if record.attempt > printed && ran {
            match print(client, id, Some(record.attempt), tail.take(), true, output).await {
                Ok(()) => {}
                // What follows says how it ended.
                Err(Failure::Registry(error)) => tracing::warn!(%error, "its output can't be followed"),
                Err(failure) => return Err(failure),
            }
            printed = record.attempt;
        }
        if record.state.has_ended() {
            return match record.state {
                State::Unknown | State::TimedOut | State::Cancelled if printed == 0 => {
                    tracing::warn!("the task {id} is {}", record.state);
                    Ok(())
                }
                _ => Ok(()),
            };
        }
    }
}

/// Prints the output of one attempt.
async fn print(
    client: &Client,
    id: &TaskId,
    attempt: Option<u32>,
    tail: Option<u64>,
    follow: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    match client.output(id, attempt, tail, follow).await? {
        client::Output::Worker(mut followed) => {
            while let Some(bytes) = followed.next().await? {
                output.bytes(&bytes);
                output.flush().await?;
            }
        }
        client::Output::Tail { tail: end, why } => {
            tracing::warn!("only the end of the output is left: {why}");
            let lines: Vec<&str> = end.split_inclusive('\n').collect();
            let most = tail.and_then(|lines| usize::try_from(lines).ok()).unwrap_or(usize::MAX);
            lines[lines.len().saturating_sub(most)..].iter().for_each(|line| output.bytes(line.as_bytes()));
            output.flush().await?;
        }
    }
    Ok(())
}

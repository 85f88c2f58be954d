//! `registry submit`.

use std::time::Duration;

use clap::Args;
use registry_cluster::group_name;
use registry_host::{Error, ErrorKind};
use registry_tasks::client::Client;
use registry_tasks::record::{PRIORITIES, Record, Spec, State, TaskId};

use super::{client, id, logs, servers};
use crate::context::Context;
use crate::exit::{Done, Failure, NO, OK};
use crate::options::duration;
use crate::output::Output;
use crate::traces::Traces;

/// Has a command run on a worker
///
/// The command is run as it is, without a shell, with nothing in its environment but PATH, REGISTRY_TASK_ID,
/// REGISTRY_TASK_ATTEMPT and what --env gives, in a directory of its own. It is run at least once: if its worker is
/// gone, it is run again elsewhere, unless --at-most-once is given. Prints the task's id.
///
/// With --wait the exit code is the command's own, 128 + n if signal n ended it, 126 or 127 if it can't be run. It is 1
/// if the task was cancelled, has timed out or is unknown. If this command is ended, the task goes on.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry submit -- ./backup.sh --full
  registry submit --wait -- make test
  registry submit --group gpu --priority high --timeout 2h -- train.py
  registry submit --id nightly-2026-12-01 --retries 3 -- ./nightly.sh")]
pub(crate) struct Submit {
    /// The workers that it is for
    #[arg(long, value_name = "GROUP", default_value = "default", value_parser = group)]
    group: String,
    /// highest, high, medium, low or lowest, or 1 to 5 with 1 first
    #[arg(long, value_name = "PRIORITY", default_value = "medium", value_parser = priority)]
    priority: u8,
    /// How long the command may run
    #[arg(id = "task_timeout", long = "timeout", value_name = "DURATION", value_parser = some_duration)]
    timeout: Option<Duration>,
    /// How long it may wait for a worker
    #[arg(long, value_name = "DURATION", value_parser = some_duration)]
    queue_timeout: Option<Duration>,
    /// How often it is run again if it fails
    #[arg(long, value_name = "N", default_value = "0")]
    retries: u32,
    /// Rather doesn't run it at all than twice: it is unknown if its worker is gone
    #[arg(long, conflicts_with = "retries")]
    at_most_once: bool,
    /// The task's id: submitting it twice is submitting it once [default: one that is new]
    #[arg(long, value_name = "ID", value_parser = id)]
    id: Option<TaskId>,
    /// A variable of the command's environment; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// The directory on the worker to run it in
    #[arg(long, value_name = "DIR")]
    dir: Option<String>,
    /// Waits until it has ended
    #[arg(long)]
    wait: bool,
    /// Prints what it writes, and waits until it has ended
    #[arg(long)]
    follow: bool,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Submit {
    pub(in crate::commands) async fn run(self, context: &mut Context) -> Done {
        let servers = servers(context)?;
        let millis = |limit: Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let spec = Spec {
            group: self.group,
            priority: self.priority,
            env: self.env.into_iter().collect(),
            dir: self.dir,
            timeout: self.timeout.map(millis),
            queue_timeout: self.queue_timeout.map(millis),
            retries: self.retries,
            at_most_once: self.at_most_once,
            ..Spec::new(self.command)
        };
        // Before anything is opened.
        spec.check()?;
        let id = self.id.unwrap_or_else(TaskId::random);
        let work = context.standing(async |registry, output, signals| {
            let _traces = Traces::begin(&servers, "submit")?;
            let client = client(registry, &servers).await?;
            let working = async {
                submit(&client, &id, &spec, output).await?;
                match (self.follow, self.wait) {
                    (true, _) => {
                        logs::follow(&client, &id, None, output).await?;
                        wait(&client, &id).await
                    }
                    (false, true) => wait(&client, &id).await,
                    (false, false) => Ok(OK),
                }
            };
            tokio::select! {
                done = working => done,
                ending = signals.next() => Ok(ending.code()),
            }
        });
        work.await
    }
}

async fn submit(client: &Client, id: &TaskId, spec: &Spec, output: &mut Output) -> Result<(), Failure> {
    let submitted = client.submit(id, spec).await?;
    let record = &submitted.record;
    if submitted.existed && record.spec != *spec {
        tracing::warn!("the task {id} was submitted before, otherwise: that stands");
    }
    if client.cluster().workers(&spec.group).now().is_empty() && record.state.is_queued() {
        tracing::warn!("there is no worker in the group {:?}: the task waits for one", spec.group);
    }
    let object = serde_json::json!({"id": id, "state": record.state, "existed": submitted.existed});
    output.line(format_args!("submitted {id}"), object)?;
    output.flush().await
}

/// Waits until a task has ended; gives its code.
async fn wait(client: &Client, id: &TaskId) -> Done {
    let record = client.wait(id, |record| record.state.has_ended()).await?.record;
    match (record.state, record.exit_code) {
        (State::Succeeded, _) => Ok(OK),
        (State::Failed, Some(code)) => {
            // That it can't be run is said by nobody else.
            if let (126 | 127, Some(why)) = (code, &record.why) {
                tracing::warn!("{why}");
            }
            Ok(u8::try_from(code).ok().filter(|code| *code != OK).unwrap_or(NO))
        }
        _ => Err(Failure::Coded(NO, ended_otherwise(&record))),
    }
}

fn ended_otherwise(record: &Record) -> Error {
    let error = Error::new(ErrorKind::ConditionFailed, format!("the task {} is {}", record.id, record.state));
    record.why.iter().fold(error, |error, why| error.with_cause_text(why))
}

fn group(name: &str) -> Result<String, String> {
    group_name(name).map_err(|error| error.message().to_owned())
}

fn priority(text: &str) -> Result<u8, String> {
    let named = PRIORITIES.iter().zip(1..).find(|(name, _)| **name == text.to_lowercase()).map(|(_, number)| number);
    let numbered = || text.parse().ok().filter(|number| (1..=5).contains(number));
    named.or_else(numbered).ok_or_else(|| format!("accepted: {}, or 1 to 5", PRIORITIES.join(", ")))
}

fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("accepted: NAME=VALUE")?;
    if name.is_empty() {
        return Err("accepted: NAME=VALUE, with a name".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

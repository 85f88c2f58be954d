//! `registry cancel`, `retry` and `drain`.

use std::time::Duration;

use clap::Args;
use registry_cluster::Server;
use registry_tasks::record::{self, TaskId};

use super::row::of_record;
use super::{client, id, servers};
use crate::context::Context;
use crate::exit::{Done, OK};
use crate::options::duration;

/// Cancels a task
///
/// One that waits is cancelled at once. The command of one that runs gets the signal, and SIGKILL after the grace; the
/// task is cancelled when all that it has started has ended. This doesn't wait for it: 'registry tasks' shows it. If
/// the command ends by itself before the signal comes, its own result stands. Exits with 1 if there is no such task or
/// it has ended.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry cancel backup-7
  registry cancel backup-7 --signal INT --grace 1m")]
pub(crate) struct Cancel {
    /// The task
    #[arg(value_parser = id)]
    id: TaskId,
    /// The signal that is sent first, by name or number
    #[arg(long, value_name = "SIGNAL", default_value = "TERM", value_parser = signal)]
    signal: i32,
    /// How long the command has from then until it is killed
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    grace: Duration,
}

/// Queues a task again that has ended
///
/// It is another attempt of the same task. Exits with 1 if there is no such task or it has not ended.
#[derive(Args)]
#[command(after_help = "Example:\n  registry retry backup-7")]
pub(crate) struct Retry {
    /// The task
    #[arg(value_parser = id)]
    id: TaskId,
}

/// Has a worker finish what it runs, and leave
///
/// It is given nothing more. What runs after worker.drain-deadline is ended and handed back. This doesn't wait for it.
/// Exits with 1 if there is no worker at the address.
#[derive(Args)]
#[command(after_help = "Example:\n  registry drain 10.0.0.7:1234")]
pub(crate) struct Drain {
    /// Where it is, host:port
    address: String,
}

impl Cancel {
    pub(in crate::commands) async fn run(self, context: &mut Context) -> Done {
        let servers = servers(context)?;
        let work = context.session(async |registry, output| {
            let grace = u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX);
            let cancel = record::Cancel { signal: self.signal, grace };
            let task = client(registry, &servers).await?.cancel(&self.id, cancel).await?;
            let text = match task.state.has_ended() {
                true => format!("the task {} is {}", task.id, task.state),
                false => format!("the task {} is told to end", task.id),
            };
            output.line(text, of_record(&task, task.why.clone()))?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

impl Retry {
    pub(in crate::commands) async fn run(self, context: &mut Context) -> Done {
        let servers = servers(context)?;
        let work = context.session(async |registry, output| {
            let task = client(registry, &servers).await?.retry(&self.id).await?;
            let text = format_args!("the task {} waits for attempt {}", task.id, task.attempt);
            output.line(text, of_record(&task, task.why.clone()))?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

impl Drain {
    pub(in crate::commands) async fn run(self, context: &mut Context) -> Done {
        // Before anything is opened.
        Server::master(&self.address)?;
        let servers = servers(context)?;
        let work = context.session(async |registry, output| {
            client(registry, &servers).await?.drain(&self.address).await?;
            let object = serde_json::json!({"address": self.address, "draining": true});
            output.line(format_args!("the worker {} drains", self.address), object)?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

/// A signal by its name, with or without SIG, or by its number.
fn signal(text: &str) -> Result<i32, String> {
    use rustix::process::Signal;
    const NAMES: [(&str, Signal); 9] = [
        ("HUP", Signal::HUP),
        ("INT", Signal::INT),
        ("QUIT", Signal::QUIT),
        ("ABRT", Signal::ABORT),
        ("KILL", Signal::KILL),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("ALRM", Signal::ALARM),
        ("TERM", Signal::TERM),
    ];
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let named = NAMES.iter().find(|(known, _)| *known == name).map(|(_, signal)| signal.as_raw());
    let numbered = || text.parse().ok().filter(|number| (1..=64).contains(number));
    let accepted = || format!("accepted: {}, or 1 to 64", NAMES.map(|(name, _)| name).join(", "));
    named.or_else(numbered).ok_or_else(accepted)
}

//! Small tasks to watch.

use std::time::Duration;

use registry_tasks::client::Client;
use registry_tasks::record::{Spec, TaskId};
use tokio::time::{MissedTickBehavior, interval};

/// How often one is submitted.
const PERIOD: Duration = Duration::from_secs(5);

/// What they do, in turn: one says something, one takes its time, one says things over time, and one fails.
const COMMANDS: [&[&str]; 4] = [
    &["echo", "hello from a task"],
    &["sleep", "3"],
    &["sh", "-c", "for part in one two three; do echo part $part; sleep 1; done"],
    &["sh", "-c", "echo this one fails on purpose >&2; exit 3"],
];

/// Submits one after the other, for as long as it is polled.
pub(super) async fn submit_all(client: Client) {
    let mut clock = interval(PERIOD);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for command in COMMANDS.iter().cycle() {
        clock.tick().await;
        let spec = Spec::new(command.iter().copied());
        if let Err(error) = client.submit(&TaskId::random(), &spec).await {
            tracing::info!(%error, "the sample task was not submitted, another follows");
        }
    }
}

//! A task as it is shown.

use std::time::{Duration, UNIX_EPOCH};

use registry_tasks::client::Why;
use registry_tasks::record::{Record, State, Unreadable, now};
use registry_tasks::store::Stored;
use serde_json::{Value, json};

use crate::output::text;

/// How much of a command is shown in a table, in characters.
const COMMAND: usize = 40;

/// What stands above the columns.
pub(super) const HEADING: [&str; 8] = ["ID", "STATE", "ATTEMPT", "GROUP", "WORKER", "SINCE", "COMMAND", "WHY"];

/// A task, or a record that can't be read.
pub(super) type Task = Result<Stored, Unreadable>;

/// How it stands; one that can't be read is unknown.
pub(super) fn state(task: &Task) -> State {
    task.as_ref().map_or(State::Unknown, |stored| stored.record.state)
}

/// Its name.
pub(super) fn id(task: &Task) -> &str {
    match task {
        Ok(stored) => stored.record.id.as_str(),
        Err(unreadable) => &unreadable.id,
    }
}

/// Its cells in a table.
pub(super) fn columns(task: &Task, why: &Why) -> Vec<String> {
    let record = match task {
        Ok(stored) => &stored.record,
        Err(Unreadable { id, why }) => {
            let unknown = [text::name(id), State::Unknown.to_string()].into_iter();
            return unknown.chain(["-"; 5].map(str::to_owned)).chain([text::name(why)]).collect();
        }
    };
    let age = Duration::from_secs(u64::try_from((now() - record.since).max(0) / 1_000).unwrap_or_default());
    vec![
        record.id.to_string(),
        record.state.to_string(),
        record.attempt.to_string(),
        text::name(&record.spec.group),
        record.worker.as_ref().map_or("-".to_owned(), |worker| text::name(&worker.address)),
        humantime::format_duration(age).to_string(),
        shortened(&record.spec.command.join(" ")),
        why.it_waits(record, now()).map(|why| text::name(&why)).unwrap_or_default(),
    ]
}

/// As an object.
pub(super) fn object(task: &Task, why: &Why) -> Value {
    match task {
        Ok(stored) => of_record(&stored.record, why.it_waits(&stored.record, now())),
        Err(Unreadable { id, why }) => json!({
            "id": id, "state": State::Unknown, "attempt": null, "worker": null, "exitCode": null, "why": why, "since": null,
        }),
    }
}

/// A task as an object.
pub(super) fn of_record(record: &Record, why: Option<String>) -> Value {
    json!({
        "id": record.id,
        "state": record.state,
        "attempt": record.attempt,
        "worker": record.worker.as_ref().map(|worker| &worker.address),
        "exitCode": record.exit_code,
        "why": why,
        "since": time(record.since),
        "submitted": time(record.submitted),
        "started": record.started.and_then(time),
        "ended": record.ended.and_then(time),
        "group": record.spec.group,
        "priority": record.spec.priority,
        "atMostOnce": record.spec.at_most_once,
        "command": record.spec.command,
        "earlier": record.earlier.iter().map(|earlier| json!({
            "attempt": earlier.attempt,
            "worker": earlier.worker.as_ref().map(|worker| &worker.address),
            "state": earlier.state,
            "exitCode": earlier.exit_code,
            "why": earlier.why,
            "superseded": earlier.superseded,
        })).collect::<Vec<_>>(),
    })
}

/// All that is known of a task, a line each.
pub(super) fn details(record: &Record, why: Option<String>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<10} {value}"));
    line("id", record.id.to_string());
    line("state", record.state.to_string());
    line("attempt", record.attempt.to_string());
    if let Some(worker) = &record.worker {
        line("worker", text::name(&worker.address));
    }
    line("since", time(record.since).unwrap_or_default());
    if let Some(why) = why {
        line("why", text::name(&why));
    }
    if let Some(code) = record.exit_code {
        line("exit code", code.to_string());
    }
    line("submitted", time(record.submitted).unwrap_or_default());
    line("group", text::name(&record.spec.group));
    line("priority", record.spec.priority.to_string());
    line("command", text::name(&record.spec.command.join(" ")));
    for earlier in &record.earlier {
        let worker = earlier.worker.as_ref().map(|worker| format!(" at {}", text::name(&worker.address)));
        let why = earlier.why.as_ref().map(|why| format!(": {}", text::name(why)));
        let (worker, why) = (worker.unwrap_or_default(), why.unwrap_or_default());
        let superseded = if earlier.superseded { ", a result that came late" } else { "" };
        line("earlier", format!("attempt {}{worker} {}{superseded}{why}", earlier.attempt, earlier.state));
    }
    lines
}

fn time(millis: i64) -> Option<String> {
    let since = Duration::from_millis(u64::try_from(millis).ok()?);
    // What is later than any calendar has it was edited by hand.
    let latest = Duration::from_secs(253_402_300_799);
    (since <= latest).then(|| humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string())
}

fn shortened(command: &str) -> String {
    let command = text::name(command);
    match command.char_indices().nth(COMMAND) {
        Some((at, _)) => format!("{}…", &command[..at]),
        None => command,
    }
}

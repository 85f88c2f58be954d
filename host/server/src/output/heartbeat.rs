//! What a server says of itself: as cells of a table, and as part of an object.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use registry_cluster::{Heartbeat, Member};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::Value;

use super::text;

/// What stands above the [cells](Said::cells).
pub(crate) const HEADING: [&str; 8] = ["STATUS", "CPU", "MEMORY", "LOAD", "BEAT", "UP", "PROCESS", "REASON"];

/// What is known of a server from its heartbeat.
#[derive(Serialize)]
pub(crate) struct Said<'a> {
    status: &'static str,
    /// Why the status is not normal, or why there is no heartbeat that can be read.
    reason: Option<String>,
    /// How long ago it was written, by the writer's clock; negative if that is ahead of ours.
    age_ms: Option<i64>,
    #[serde(serialize_with = "object")]
    heartbeat: Option<&'a Heartbeat>,
}

impl<'a> Said<'a> {
    /// What a member says, or that it is gone.
    pub(crate) fn of(member: Option<&'a Member>) -> Self {
        let heartbeat = member.and_then(|member| member.heartbeat.as_ref().ok());
        let age = heartbeat.and_then(|heartbeat| heartbeat.reported()).map(Age::of);
        Said {
            status: match member {
                None => "gone",
                Some(member) if member.is_silent() => "starting",
                Some(member) => member.status().map_or("unreadable", |status| status.name()),
            },
            reason: member.and_then(reason),
            age_ms: age.map(Age::milliseconds),
            heartbeat,
        }
    }

    /// A cell for each of the [`HEADING`]; what else is known of the server stands behind its status.
    pub(crate) fn cells(&self, also: &str) -> Vec<String> {
        let unknown = || "?".to_owned();
        let mut cells = vec![format!("{}{also}", self.status)];
        match self.heartbeat {
            Some(heartbeat) => cells.extend([
                measured(heartbeat.cpu_usage, |share| format!("{:.0}%", share * 100.0)),
                measured(heartbeat.memory_usage, |share| format!("{:.0}%", share * 100.0)),
                measured(heartbeat.load_average, |load| format!("{load:.2}")),
                heartbeat.reported().map(Age::of).map_or_else(unknown, Age::text),
                heartbeat.started().map(Age::of).map_or_else(unknown, Age::uptime),
                heartbeat.process_id.to_string(),
            ]),
            None => cells.resize_with(HEADING.len() - 1, unknown),
        }
        cells.push(self.reason.as_deref().map(text::one_line).unwrap_or_default());
        cells
    }
}

/// A figure's cell; a server that could not measure it says so by one below 0.
fn measured(figure: f64, cell: impl FnOnce(f64) -> String) -> String {
    if figure < 0.0 { "-".to_owned() } else { cell(figure) }
}

/// The heartbeat with its times as moments, and null for what could not be measured.
fn object<S: Serializer>(heartbeat: &Option<&Heartbeat>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(heartbeat) = heartbeat else { return serializer.serialize_none() };
    let mut object = serde_json::to_value(heartbeat).map_err(S::Error::custom)?;
    for (name, moment) in [("startupTime", heartbeat.started()), ("reportTime", heartbeat.reported())] {
        let since = moment.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
        if let Some(since) = since {
            object[name] = milliseconds(since).into();
        }
    }
    for name in ["cpuUsage", "memoryUsage", "loadAverage", "availablePhysicalMemorySize", "diskAvailable"] {
        if object[name].as_f64().is_some_and(|figure| figure < 0.0) {
            object[name] = Value::Null;
        }
    }
    object.serialize(serializer)
}

/// How long ago something was that a server wrote down by its own clock.
#[derive(Clone, Copy)]
enum Age {
    Past(Duration),
    /// That clock is ahead of ours.
    Ahead(Duration),
}

impl Age {
    fn of(moment: SystemTime) -> Self {
        match SystemTime::now().duration_since(moment) {
            Ok(past) => Age::Past(past),
            Err(error) => Age::Ahead(error.duration()),
        }
    }

    fn milliseconds(self) -> i64 {
        match self {
            Age::Past(past) => milliseconds(past),
            Age::Ahead(ahead) => -milliseconds(ahead),
        }
    }

    fn text(self) -> String {
        match self {
            Age::Past(past) => format!("{:.1}s", past.as_secs_f64()),
            Age::Ahead(ahead) if ahead < Duration::from_millis(50) => "0.0s".to_owned(),
            Age::Ahead(ahead) => format!("{:.1}s ahead", ahead.as_secs_f64()),
        }
    }

    fn uptime(self) -> String {
        let (Age::Past(time) | Age::Ahead(time)) = self;
        let whole = humantime::format_duration(Duration::from_secs(time.as_secs()));
        match self {
            Age::Ahead(ahead) if ahead >= Duration::from_secs(1) => format!("{whole} ahead"),
            _ => whole.to_string(),
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Why a member is not normal, as far as it tells.
pub(crate) fn reason(member: &Member) -> Option<String> {
    match &member.heartbeat {
        Ok(heartbeat) => heartbeat.cause(),
        Err(unreadable) => Some(unreadable.to_string()),
    }
}

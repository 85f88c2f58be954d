//! What a server says of itself: as cells of a table, and as part of an object.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use registry_cluster::{Heartbeat, Member};
use serde::Serialize;

use super::text;

/// What stands above the [cells](Said::cells).
pub(crate) const HEADING: [&str; 7] = ["STATUS", "CPU", "MEMORY", "LOAD", "BEAT", "UP", "PROCESS"];

/// What is known of a server from its heartbeat.
#[derive(Serialize)]
pub(crate) struct Said<'a> {
    status: &'static str,
    /// Why the heartbeat can't be read.
    reason: Option<String>,
    /// How long ago it was written, by the writer's clock.
    age_ms: Option<u64>,
    heartbeat: Option<&'a Heartbeat>,
}

impl<'a> Said<'a> {
    /// What a member says, or that it is gone.
    pub(crate) fn of(member: Option<&'a Member>) -> Self {
        let heartbeat = member.and_then(|member| member.heartbeat.as_ref().ok());
        let age = heartbeat.and_then(|heartbeat| since(heartbeat.report_time));
        Said {
            status: member.map_or("gone", |member| member.status().map_or("unreadable", |status| status.name())),
            reason: member.and_then(|member| member.heartbeat.as_ref().err()).map(ToString::to_string),
            age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            heartbeat,
        }
    }

    /// A cell for each of the [`HEADING`]; what else is known of the server stands behind its status.
    pub(crate) fn cells(&self, also: &str) -> Vec<String> {
        let unknown = || "?".to_owned();
        let status = format!("{}{also}", self.status);
        let mut cells = vec![match &self.reason {
            Some(reason) => format!("{status}: {}", text::one_line(reason)),
            None => status,
        }];
        match self.heartbeat {
            Some(heartbeat) => cells.extend([
                format!("{:.0}%", heartbeat.cpu_usage * 100.0),
                format!("{:.0}%", heartbeat.memory_usage * 100.0),
                format!("{:.2}", heartbeat.load_average),
                since(heartbeat.report_time).map_or_else(unknown, |ago| format!("{:.1}s ago", ago.as_secs_f64())),
                since(heartbeat.startup_time).map_or_else(unknown, |up| {
                    humantime::format_duration(Duration::from_secs(up.as_secs())).to_string()
                }),
                heartbeat.process_id.to_string(),
            ]),
            None => cells.resize_with(HEADING.len(), unknown),
        }
        cells
    }
}

/// How long ago a moment was, in ms since 1970, that a server wrote down; its clock may be ahead of ours.
fn since(moment: i64) -> Option<Duration> {
    let moment = u64::try_from(moment).ok().filter(|moment| *moment > 0)?;
    let moment = UNIX_EPOCH.checked_add(Duration::from_millis(moment))?;
    Some(SystemTime::now().duration_since(moment).unwrap_or_default())
}

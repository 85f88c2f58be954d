//! A server's report of itself: the value of its entry.

mod json;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    HeartbeatFormat, Limits, Status,
    compat::dolphinscheduler::{self, dates},
};

/// What stands for a figure that a server could not measure.
pub(crate) const UNKNOWN: f64 = -1.0;

/// A heartbeat, as DolphinScheduler writes it: JSON with these names in camelCase.
///
/// # Behavior
///
/// What a heartbeat doesn't have is 0, and what nobody here knows is passed over. A figure below 0 is one that the
/// server could not measure. The older formats, 10, 13 or 14 fields with commas between, are read as well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Heartbeat {
    /// When the server started, in ms since 1970.
    #[serde(deserialize_with = "or_default")]
    pub startup_time: i64,
    /// When this was written, in ms since 1970.
    #[serde(deserialize_with = "or_default")]
    pub report_time: i64,
    /// How much of all processors is in use, 0 to 1.
    #[serde(deserialize_with = "or_default")]
    pub cpu_usage: f64,
    /// How much of the memory is in use, 0 to 1.
    #[serde(deserialize_with = "or_default")]
    pub memory_usage: f64,
    /// The load average over a minute.
    #[serde(deserialize_with = "or_default")]
    pub load_average: f64,
    /// How much memory is available, in GB.
    #[serde(deserialize_with = "or_default")]
    pub available_physical_memory_size: f64,
    /// The load average above which the server is abnormal.
    #[serde(deserialize_with = "or_default")]
    pub max_cpuload_avg: f64,
    /// The available memory below which the server is abnormal, in GB.
    #[serde(deserialize_with = "or_default")]
    pub reserved_memory: f64,
    /// The server's process.
    #[serde(deserialize_with = "or_default")]
    pub process_id: i64,
    /// How much room is left on its disk, in GB.
    #[serde(deserialize_with = "or_default")]
    pub disk_available: f64,
    /// A worker's status; a master's follows from the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_status: Option<Status>,
    /// How much work a worker is to get, beside others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_host_weight: Option<i32>,
    /// How many tasks wait at a worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_waiting_task_count: Option<i32>,
    /// How many tasks a worker executes at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_exec_thread_count: Option<i32>,
    /// Whether the server leaves a record of its incarnation by itself, as those of this crate do and
    /// DolphinScheduler's don't: one that has none any more is over.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub keeps_record: bool,
    /// Whether the server finishes what it has and leaves.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub draining: bool,
    /// How it was written, or is to be.
    #[serde(skip)]
    pub format: HeartbeatFormat,
    /// Whether both its times are dates without a zone: then they are in ms since 1970 on a clock of the server's time
    /// zone. [`started`](Self::started) and [`reported`](Self::reported) take that for this machine's.
    #[serde(skip)]
    pub has_dates: bool,
}

/// Why a server's value is not a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    reason: String,
    is_absent: bool,
}

impl Heartbeat {
    /// Reads a value, in whichever form it is.
    ///
    /// # Errors
    ///
    /// Why it can't be read, in one sentence.
    pub fn read(value: &[u8]) -> Result<Self, Unreadable> {
        let refused = |reason: String| Err(Unreadable { reason, is_absent: false });
        let Ok(text) = std::str::from_utf8(value) else { return refused("the heartbeat is not text".to_owned()) };
        let text = text.trim();
        match text.chars().next() {
            None => Err(Unreadable { reason: "no heartbeat yet".to_owned(), is_absent: true }),
            Some('{') => {
                let read = serde_json::from_str(text);
                read.or_else(|error| refused(format!("the heartbeat is not JSON that can be read: {error}")))
            }
            Some(_) => dolphinscheduler::read(text).or_else(refused),
        }
    }

    /// The value to be written, in its [format](Self::format).
    pub fn write(&self) -> Vec<u8> {
        match self.format {
            HeartbeatFormat::Fields10 | HeartbeatFormat::Fields13 => dolphinscheduler::write(self).into_bytes(),
            _ => json::write(self),
        }
    }

    /// When the server started, by its own clock; `None` if it doesn't say.
    pub fn started(&self) -> Option<SystemTime> {
        self.moment(self.startup_time)
    }

    /// When this was written, by the server's own clock; none if it doesn't say.
    pub fn reported(&self) -> Option<SystemTime> {
        self.moment(self.report_time)
    }

    fn moment(&self, time: i64) -> Option<SystemTime> {
        let time = if self.has_dates { dates::moment(time) } else { time };
        let time = u64::try_from(time).ok().filter(|time| *time > 0)?;
        UNIX_EPOCH.checked_add(Duration::from_millis(time))
    }

    /// The server's status: what it says, or else what follows from its figures.
    pub fn status(&self) -> Status {
        if self.draining {
            return Status::Draining;
        }
        self.server_status.unwrap_or_else(|| {
            let limits = Limits { max_cpu_load_avg: self.max_cpuload_avg, reserved_memory: self.reserved_memory };
            // Who doesn't say what is too much is never abnormal.
            let within =
                self.max_cpuload_avg <= 0.0 || limits.hold(self.load_average, self.available_physical_memory_size);
            let (waiting, threads) = (self.worker_waiting_task_count, self.worker_exec_thread_count);
            Status::of(within, waiting.unwrap_or_default(), threads.unwrap_or(i32::MAX))
        })
    }

    /// Whether it tells how its machine was found: a server that says nothing of that, or that what it says is unknown
    /// (below 0), is no less burdened for it.
    pub fn is_measured(&self) -> bool {
        let figures = [self.cpu_usage, self.memory_usage, self.load_average];
        // No machine has neither memory in use nor any available.
        figures.iter().all(|figure| *figure >= 0.0)
            && (self.memory_usage > 0.0 || self.available_physical_memory_size > 0.0)
    }

    /// Why its server is not normal, such as `load 9.1 > 4, memory 0.2 GB < 0.3`; `None` if it is, or doesn't say why
    /// not.
    pub fn cause(&self) -> Option<String> {
        match self.status() {
            Status::Normal | Status::Draining => None,
            Status::Abnormal => {
                let limits = Limits { max_cpu_load_avg: self.max_cpuload_avg, reserved_memory: self.reserved_memory };
                limits.exceeded(self.load_average, self.available_physical_memory_size)
            }
            Status::Busy => {
                let (waiting, threads) = (self.worker_waiting_task_count?, self.worker_exec_thread_count?);
                (waiting > threads).then(|| format!("{waiting} waiting tasks > {threads}"))
            }
        }
    }

    /// Whether this heartbeat says something that those who choose servers by it have not heard yet.
    ///
    /// Figures that moved by less than a twentieth, and the time of the report, are no news.
    pub fn is_news_after(&self, last: &Heartbeat) -> bool {
        const SHARE: f64 = 0.05;
        // The load is of all processors, and its limit is usually twice their number.
        let load = SHARE * self.max_cpuload_avg.max(1.0);
        let memory = SHARE * self.available_physical_memory_size.max(last.available_physical_memory_size).max(1.0);
        let disk = SHARE * self.disk_available.max(last.disk_available).max(1.0);
        let moved = |now: f64, before: f64, by: f64| (now - before).abs() >= by;
        let fixed = |beat: &Heartbeat| Heartbeat {
            report_time: 0,
            cpu_usage: 0.0,
            memory_usage: 0.0,
            load_average: 0.0,
            available_physical_memory_size: 0.0,
            disk_available: 0.0,
            ..beat.clone()
        };
        fixed(self) != fixed(last)
            || self.status() != last.status()
            || moved(self.cpu_usage, last.cpu_usage, SHARE)
            || moved(self.memory_usage, last.memory_usage, SHARE)
            || moved(self.load_average, last.load_average, load)
            || moved(self.available_physical_memory_size, last.available_physical_memory_size, memory)
            || moved(self.disk_available, last.disk_available, disk)
    }
}

impl Unreadable {
    /// Whether there is nothing to be read yet: DolphinScheduler's servers register with an empty value, and write
    /// their first heartbeat one interval later.
    pub fn is_absent(&self) -> bool {
        self.is_absent
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Unreadable {}

/// Reads null as what is not there.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

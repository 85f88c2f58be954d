//! The formats before JSON: 10, 13 or 14 fields with commas between.
//!
//! DolphinScheduler splits them with Java's `String.split`, for which commas at the end count for nothing. One there
//! says that the server [keeps a record](Heartbeat::keeps_record), for which these formats have no field.

use std::str::FromStr;
use std::time::UNIX_EPOCH;

use registry_config::quoted;

use super::{HeartbeatFormat, dates};
use crate::{Heartbeat, Status, heartbeat::UNKNOWN};

/// The names of the fields, in their order.
const FIELDS: [&str; 14] = [
    "cpuUsage",
    "memoryUsage",
    "loadAverage",
    "availablePhysicalMemorySize",
    "maxCpuloadAvg",
    "reservedMemory",
    "startupTime",
    "reportTime",
    "serverStatus",
    "processId",
    "workerHostWeight",
    "workerExecThreadCount",
    "workerWaitingTaskCount",
    "diskAvailable",
];

/// Reads any of them; else says why it can't be.
pub(crate) fn read(text: &str) -> Result<Heartbeat, String> {
    let fields = text.trim_end_matches(',');
    let keeps_record = fields.len() < text.len();
    let fields = Fields(fields.split(',').map(str::trim).collect());
    let count = fields.0.len();
    let Some(format) = HeartbeatFormat::ALL.into_iter().find(|format| format.fields() == Some(count)) else {
        return Err(format!("the heartbeat is not JSON and has {count} fields; accepted: 10, 13 or 14"));
    };
    let (started, reported) = (fields.moment(6)?, fields.moment(7)?);
    let mut heartbeat = Heartbeat {
        format,
        keeps_record,
        cpu_usage: fields.figure(0)?,
        memory_usage: fields.figure(1)?,
        load_average: fields.figure(2)?,
        available_physical_memory_size: fields.figure(3)?,
        max_cpuload_avg: fields.figure(4)?,
        reserved_memory: fields.figure(5)?,
        startup_time: started.shown,
        report_time: reported.shown,
        has_dates: started.is_date && reported.is_date,
        server_status: Some(fields.status(8)?),
        process_id: fields.number(9)?,
        ..Heartbeat::default()
    };
    if count > 10 {
        heartbeat.worker_host_weight = Some(fields.number(10)?);
        heartbeat.worker_exec_thread_count = Some(fields.number(11)?);
        heartbeat.worker_waiting_task_count = Some(fields.number(12)?);
    }
    if count > 13 {
        heartbeat.disk_available = fields.figure(13)?;
    }
    Ok(heartbeat)
}

/// Writes 10 or 13 fields.
pub(crate) fn write(heartbeat: &Heartbeat) -> String {
    let ten = heartbeat.format.has_dates();
    let time = |time: i64| if ten { dates::written(time) } else { time.to_string() };
    let status = match heartbeat.status() {
        // Release 1.3 knows no third status, and would give a busy worker still more to do.
        Status::Busy | Status::Draining if ten => Status::Abnormal,
        status => status,
    };
    let mut fields: Vec<String> = [
        heartbeat.cpu_usage,
        heartbeat.memory_usage,
        heartbeat.load_average,
        heartbeat.available_physical_memory_size,
        heartbeat.max_cpuload_avg,
        heartbeat.reserved_memory,
    ]
    .map(|figure| format!("{:?}", if figure.is_finite() { figure } else { UNKNOWN }))
    .into();
    fields.extend([time(heartbeat.startup_time), time(heartbeat.report_time)]);
    fields.extend([status.code().to_string(), heartbeat.process_id.to_string()]);
    if !ten {
        let counts =
            [heartbeat.worker_host_weight, heartbeat.worker_exec_thread_count, heartbeat.worker_waiting_task_count];
        fields.extend(counts.map(|count| count.unwrap_or_default().to_string()));
    }
    if heartbeat.keeps_record {
        fields.push(String::new());
    }
    fields.join(",")
}

/// A time as it was written.
struct Moment {
    /// In ms since 1970; of a date, on the clock that showed it.
    shown: i64,
    is_date: bool,
}

struct Fields<'a>(Vec<&'a str>);

impl Fields<'_> {
    fn number<N: FromStr>(&self, at: usize) -> Result<N, String> {
        self.0[at].parse().map_err(|_| self.refused(at, "a whole number"))
    }

    fn figure(&self, at: usize) -> Result<f64, String> {
        let figure = self.0[at].parse().ok().filter(|figure: &f64| figure.is_finite());
        figure.ok_or_else(|| self.refused(at, "a number"))
    }

    fn status(&self, at: usize) -> Result<Status, String> {
        Status::from_code(self.number(at)?).ok_or_else(|| self.refused(at, "0, 1 or 2"))
    }

    /// Milliseconds since 1970, or a date as the oldest format has it.
    fn moment(&self, at: usize) -> Result<Moment, String> {
        if let Ok(milliseconds) = self.0[at].parse() {
            return Ok(Moment { shown: milliseconds, is_date: false });
        }
        let date = humantime::parse_rfc3339_weak(self.0[at]).ok();
        let since = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
        let shown = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        shown
            .map(|shown| Moment { shown, is_date: true })
            .ok_or_else(|| self.refused(at, "milliseconds since 1970, or a date such as 2026-01-31 08:00:00"))
    }

    fn refused(&self, at: usize, accepted: &str) -> String {
        format!("the heartbeat's {} is {}; accepted: {accepted}", FIELDS[at], quoted(FIELDS[at], self.0[at]))
    }
}

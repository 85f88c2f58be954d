//! The forms before JSON: ten fields, or fourteen for a worker, with commas between.

use std::str::FromStr;
use std::time::UNIX_EPOCH;

use registry_api::config::quoted;

use super::Heartbeat;
use crate::Status;

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

/// Reads either form; else says why it can't be.
pub(super) fn read(text: &str) -> Result<Heartbeat, String> {
    let fields = Fields(text.split(',').map(str::trim).collect());
    let count = fields.0.len();
    if count != 10 && count != 14 {
        return Err(format!("the heartbeat is no JSON and has {count} fields; accepted: 10 or 14"));
    }
    let mut heartbeat = Heartbeat {
        cpu_usage: fields.figure(0)?,
        memory_usage: fields.figure(1)?,
        load_average: fields.figure(2)?,
        available_physical_memory_size: fields.figure(3)?,
        max_cpuload_avg: fields.figure(4)?,
        reserved_memory: fields.figure(5)?,
        startup_time: fields.moment(6)?,
        report_time: fields.moment(7)?,
        server_status: Some(fields.status(8)?),
        process_id: fields.number(9)?,
        ..Heartbeat::default()
    };
    if count == 14 {
        heartbeat.worker_host_weight = Some(fields.number(10)?);
        heartbeat.worker_exec_thread_count = Some(fields.number(11)?);
        heartbeat.worker_waiting_task_count = Some(fields.number(12)?);
        heartbeat.disk_available = fields.figure(13)?;
    }
    Ok(heartbeat)
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

    /// Milliseconds since 1970, or a date as the oldest form has it, which doesn't say where: it is taken for UTC.
    fn moment(&self, at: usize) -> Result<i64, String> {
        if let Ok(milliseconds) = self.0[at].parse() {
            return Ok(milliseconds);
        }
        let date = humantime::parse_rfc3339_weak(self.0[at]).ok();
        let since = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
        since
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .ok_or_else(|| self.refused(at, "milliseconds since 1970, or a date such as 2026-01-31 08:00:00"))
    }

    fn refused(&self, at: usize, accepted: &str) -> String {
        format!("the heartbeat's {} is {}; accepted: {accepted}", FIELDS[at], quoted(FIELDS[at], self.0[at]))
    }
}

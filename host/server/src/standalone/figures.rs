//! What a server tells of itself and its process.

use std::net::SocketAddr;
use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use registry_host::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// A server's report, the value of its entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    /// Where the server is.
    pub(super) address: String,
    /// Its process.
    pub(super) pid: u32,
    /// When it started.
    pub(super) started: String,
    /// When this was written.
    pub(super) reported: String,
    /// How much of one processor its process uses.
    pub(super) cpu_percent: f32,
    /// How much memory its process holds.
    pub(super) memory_bytes: u64,
    /// The machine's load average over a minute.
    pub(super) load_1m: f64,
}

/// Measures this process.
pub(super) struct Figures {
    system: System,
    address: String,
    started: String,
}

impl Figures {
    /// # Errors
    ///
    /// If the system can't be asked.
    pub(super) fn new(address: SocketAddr) -> Result<Self, Error> {
        let refused = |error| Error::new(ErrorKind::Other, "the system's figures can't be read").with_cause(&error);
        Ok(Figures {
            system: System::new().map_err(refused)?,
            address: address.to_string(),
            started: format_rfc3339_millis(SystemTime::now()).to_string(),
        })
    }

    /// How things are now; the processor's use since the call before.
    pub(super) fn report(&mut self) -> Report {
        let pid = std::process::id();
        let process = Pid::from_u32(pid);
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[process]), false, what);
        let process = self.system.process(process);
        Report {
            address: self.address.clone(),
            pid,
            started: self.started.clone(),
            reported: format_rfc3339_millis(SystemTime::now()).to_string(),
            cpu_percent: process.map_or(0.0, |process| process.cpu_usage()),
            memory_bytes: process.map_or(0, |process| process.memory()),
            load_1m: System::load_average().map_or(0.0, |load| load.one),
        }
    }
}

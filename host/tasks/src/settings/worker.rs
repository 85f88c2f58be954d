//! `worker.*`.

use std::path::PathBuf;
use std::time::Duration;

use registry_config::{config, value};
use registry_host::{Result, Settings};
use serde::Deserialize;

use super::{Listening, read};

config! {
    /// How a worker runs tasks, `worker.*`.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct WorkerSettings {
        /// The port that masters and clients find it at; 0 is any that is free.
        pub listen_port: u16 = "1234",
        /// The address that it listens at.
        pub listen_address: String = "127.0.0.1",
        /// What others are told, host or host:port; where it listens without this.
        pub address: Option<String>,
        /// The port of `/metrics`, `/healthz` and `/readyz`, at the same address; they are not served without this.
        pub http_port: Option<u16>,
        /// What happens to a task that comes while as many run as may: a master finds another worker, or it waits here.
        pub task_execute_threads_full_policy: FullPolicy = "REJECT",
        /// What happens to the tasks of a worker whose session is lost.
        pub cut_off: CutOff = "stop",
        /// How long a worker that drains waits for its tasks until it ends them.
        pub drain_deadline: Duration = "30s",
        /// Where output, and results that are not recorded yet, are kept; a folder of its address below the
        /// temporary one without this; on port 0 the first there that no other worker uses.
        pub data_dir: Option<PathBuf>,
        /// How much of an attempt's output is kept, in bytes.
        pub output_limit: u64 = "10000000",
    }
}

/// What happens to a task that comes while as many run as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FullPolicy {
    /// It is refused, and another worker is found.
    Reject,
    /// It is accepted, and waits here.
    Continue,
}

value!(FullPolicy, "REJECT or CONTINUE");

/// What happens to the tasks of a worker whose session is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutOff {
    /// They are ended before others may start them.
    Stop,
    /// They go on, and may run a second time elsewhere.
    Continue,
}

value!(CutOff, "stop or continue");

impl WorkerSettings {
    /// Reads the section.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted.
    pub fn of(settings: &Settings) -> Result<Self> {
        read(settings, "worker", |worker: &Self, _| worker.listening().map(drop))
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if that is not an address.
    pub fn listening(&self) -> Result<Listening> {
        Listening::of("worker", &self.listen_address, self.listen_port, self.address.as_deref(), "worker")
    }
}

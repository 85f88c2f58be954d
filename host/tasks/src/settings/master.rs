//! `master.*`.

use std::time::Duration;

use registry_config::{Secret, config};
use registry_host::{Error, ErrorKind, Result, Settings};

use super::{Listening, read};
use crate::master::webhook;

config! {
    /// How a master hands tasks out, `master.*`.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct MasterSettings {
        /// The port that clients and workers find it at; 0 is any that is free.
        pub listen_port: u16 = "5678",
        /// The address that it listens at.
        pub listen_address: String = "127.0.0.1",
        /// What others are told, host or host:port; where it listens without this.
        pub address: Option<String>,
        /// The port of `/metrics`, `/healthz` and `/readyz`, at the same address; they are not served without this.
        pub http_port: Option<u16>,
        /// How many tasks it sends at once that are not accepted yet.
        pub exec_threads: u32 = "100",
        /// How long the worker that a task was sent to is asked before another gets it.
        pub dispatch_timeout: Duration = "5m",
        /// How many tasks there may be, those that have ended included; more are refused.
        pub max_tasks: u32 = "10000",
        /// What happens to tasks that have ended.
        pub task: TaskSettings,
        /// Who is alerted when something has ended that should not have.
        pub alert: AlertSettings,
    }
}

config! {
    /// Who is alerted when something has ended that should not have, `master.alert.*`.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct AlertSettings {
        /// What is run, by sh, for each server that is gone and each task that has failed or is unknown.
        pub command: Option<String>,
        /// An address that the same is posted to as JSON, http or https.
        pub webhook: Option<Secret>,
        /// How long the command, and each of at most five tries of the webhook, may take.
        pub timeout: Duration = "30s",
    }
}

config! {
    /// What happens to tasks that have ended, `master.task.*`.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct TaskSettings {
        /// How long the record of a task stays that has ended.
        pub retention: Duration = "1d",
    }
}

impl MasterSettings {
    /// Reads the section.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted.
    pub fn of(settings: &Settings) -> Result<Self> {
        read(settings, "master", Self::check)
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if that is not an address.
    pub fn listening(&self) -> Result<Listening> {
        Listening::of("master", &self.listen_address, self.listen_port, self.address.as_deref(), "master")
    }

    fn check(&self, prefix: &str) -> Result<()> {
        self.listening()?;
        if let Some(url) = &self.alert.webhook {
            webhook(url)?;
        }
        for (name, number) in [("exec-threads", self.exec_threads), ("max-tasks", self.max_tasks)] {
            if number == 0 {
                let message = "\"0\" is too little; accepted: 1 and more";
                return Err(Error::new(ErrorKind::InvalidConfig, message).or_key(format!("{prefix}.{name}")));
            }
        }
        Ok(())
    }
}

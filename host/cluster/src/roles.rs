//! What DolphinScheduler's own sections `master` and `worker` say of a server of that role.

#[cfg(test)]
mod tests;

use std::time::Duration;

use registry_config::{duration, from_value};
use registry_host::{DisconnectStrategy, Error, ErrorKind, Result, Setting, Settings};
use serde::{Deserialize, Deserializer, de};

use crate::{Figures, Role, balance::Selector};

/// The keys that both roles have, by their names in all its releases.
const BOTH: [&str; 11] = [
    "max-heartbeat-interval",
    "heartbeat-interval",
    "max-cpu-load-avg",
    "reserved-memory",
    "registry-disconnect-strategy.strategy",
    "registry-disconnect-strategy.max-waiting-time",
    "server-load-protection.enabled",
    "server-load-protection.max-system-cpu-usage-percentage-thresholds",
    "server-load-protection.max-jvm-cpu-usage-percentage-thresholds",
    "server-load-protection.max-system-memory-usage-percentage-thresholds",
    "server-load-protection.max-disk-usage-percentage-thresholds",
];

fn keys(role: Role) -> Vec<&'static str> {
    let own: &[&str] = match role {
        Role::Master => &["host-selector", "worker-load-balancer-configuration-properties.type"],
        Role::Worker => &["host-weight", "exec-threads", "groups"],
    };
    [&BOTH[..], own].concat()
}

/// What the section of a role says, and `registry.cluster` doesn't.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RoleOptions {
    /// `max-heartbeat-interval`, in older releases `heartbeat-interval`.
    pub max_heartbeat_interval: Option<Duration>,
    /// `max-cpu-load-avg`.
    pub max_cpu_load_avg: Option<f64>,
    /// `reserved-memory`.
    pub reserved_memory: Option<f64>,
    /// `host-weight`, of a worker.
    pub host_weight: Option<i32>,
    /// `exec-threads`, of a worker.
    pub exec_threads: Option<i32>,
    /// `groups`, of a worker: for its host to register it in.
    pub groups: Option<Vec<String>>,
    /// `host-selector`, in newer releases `worker-load-balancer-configuration-properties.type`, of a master.
    pub host_selector: Option<Selector>,
    /// `registry-disconnect-strategy`, where `registry.disconnect-strategy` isn't written.
    pub disconnect_strategy: Option<DisconnectStrategy>,
    /// `server-load-protection`, where it is written and not switched off.
    pub load_protection: Option<LoadProtection>,
}

/// From which use of its machine on a worker is busy, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoadProtection {
    /// Of all processors.
    pub max_cpu_usage: f64,
    /// Of the memory.
    pub max_memory_usage: f64,
    /// Of the disk of the root directory.
    pub max_disk_usage: f64,
}

impl LoadProtection {
    /// Whether the machine is used more than it may be.
    pub fn is_exceeded(&self, figures: &Figures) -> bool {
        figures.cpu_usage > self.max_cpu_usage
            || figures.memory_usage > self.max_memory_usage
            || figures.disk_usage > self.max_disk_usage
    }
}

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Written {
    #[serde(with = "duration::option")]
    max_heartbeat_interval: Option<Duration>,
    #[serde(deserialize_with = "seconds_or_words")]
    heartbeat_interval: Option<Duration>,
    max_cpu_load_avg: Option<f64>,
    reserved_memory: Option<f64>,
    host_weight: Option<i32>,
    exec_threads: Option<i32>,
    groups: Option<Vec<String>>,
    host_selector: Option<Selector>,
    worker_load_balancer_configuration_properties: LoadBalancer,
    registry_disconnect_strategy: Disconnect,
    server_load_protection: Option<Protection>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LoadBalancer {
    #[serde(rename = "type")]
    selector: Option<Selector>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Disconnect {
    strategy: Option<Strategy>,
    #[serde(with = "duration::option")]
    max_waiting_time: Option<Duration>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Strategy {
    Stop,
    Waiting,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Protection {
    enabled: bool,
    max_system_cpu_usage_percentage_thresholds: f64,
    /// There is no JVM; read so that it is no mistake.
    max_jvm_cpu_usage_percentage_thresholds: f64,
    max_system_memory_usage_percentage_thresholds: f64,
    max_disk_usage_percentage_thresholds: f64,
}

impl Default for Protection {
    fn default() -> Self {
        Protection {
            enabled: true,
            max_system_cpu_usage_percentage_thresholds: 0.7,
            max_jvm_cpu_usage_percentage_thresholds: 0.7,
            max_system_memory_usage_percentage_thresholds: 0.7,
            max_disk_usage_percentage_thresholds: 0.7,
        }
    }
}

/// In releases 2.0.x `heartbeat-interval: 10` is ten seconds, and no server beats every few milliseconds.
fn seconds_or_words<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    match text.trim().parse() {
        Ok(seconds @ 1..100) => Ok(Some(Duration::from_secs(seconds))),
        _ => words(&text).map(Some),
    }
}

fn words<E: de::Error>(text: &str) -> std::result::Result<Duration, E> {
    duration::deserialize(de::value::StrDeserializer::new(text))
}

impl RoleOptions {
    /// Reads the section of a role; warns of keys that are nearly known.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted.
    pub(crate) fn of(settings: &Settings, role: Role) -> Result<Self> {
        let section = settings.section_beside(role.name(), &keys(role))?;
        section.near_misses().iter().for_each(|near_miss| tracing::warn!("{near_miss}"));
        let read = from_value::<Written>(section.json(), section.prefix()).map_err(Error::from);
        let read = read.and_then(|written| written.checked(settings, section.prefix()));
        read.map_err(|error| section.locate(error))
    }

    /// What the sections of both roles say, each key with its source.
    pub(crate) fn written(settings: &Settings) -> Result<Vec<Setting>> {
        let sections = Role::ALL.into_iter().map(|role| settings.merged_beside(role.name(), &keys(role)));
        Ok(sections.collect::<Result<Vec<_>>>()?.concat())
    }
}

impl Written {
    fn checked(self, settings: &Settings, prefix: &str) -> Result<RoleOptions> {
        let refused = |name: &str, what: String| {
            Err(Error::new(ErrorKind::InvalidConfig, what).with_key(format!("{prefix}.{name}")))
        };
        for (name, interval) in [
            ("max-heartbeat-interval", self.max_heartbeat_interval),
            ("heartbeat-interval", self.heartbeat_interval),
            ("registry-disconnect-strategy.max-waiting-time", self.registry_disconnect_strategy.max_waiting_time),
        ] {
            if interval.is_some_and(|interval| interval.is_zero()) {
                return refused(name, "\"0s\" must be longer than nothing".to_owned());
            }
        }
        if let Some(memory) = self.reserved_memory.filter(|memory| *memory < 0.0) {
            return refused(
                "reserved-memory",
                format!("\"{memory}\" is no amount of memory; accepted: GB, 0 and more"),
            );
        }
        for (name, number) in [("host-weight", self.host_weight), ("exec-threads", self.exec_threads)] {
            if let Some(number) = number.filter(|number| *number < 1) {
                return refused(name, format!("\"{number}\" is too little; accepted: 1 and more"));
            }
        }
        if let Some(protection) = &self.server_load_protection {
            for (name, share) in [
                ("max-system-cpu-usage-percentage-thresholds", protection.max_system_cpu_usage_percentage_thresholds),
                ("max-jvm-cpu-usage-percentage-thresholds", protection.max_jvm_cpu_usage_percentage_thresholds),
                (
                    "max-system-memory-usage-percentage-thresholds",
                    protection.max_system_memory_usage_percentage_thresholds,
                ),
                ("max-disk-usage-percentage-thresholds", protection.max_disk_usage_percentage_thresholds),
            ] {
                if !(0.0..=1.0).contains(&share) {
                    return refused(
                        &format!("server-load-protection.{name}"),
                        format!("\"{share}\" is no share; accepted: 0 to 1"),
                    );
                }
            }
        }
        if self.max_heartbeat_interval.is_some() && self.max_cpu_load_avg.is_some_and(|load| load > 0.0 && load <= 1.0)
        {
            tracing::warn!(
                "{prefix}.max-cpu-load-avg is read as a load average, as DolphinScheduler did before 3.2; with a share of the \
                 processors, as in 3.2, the server is abnormal most of the time"
            );
        }
        let at_most = self.registry_disconnect_strategy.max_waiting_time.unwrap_or(Duration::from_secs(100));
        let disconnect_strategy = self.registry_disconnect_strategy.strategy.map(|strategy| match strategy {
            Strategy::Stop => settings.stop_strategy(),
            Strategy::Waiting => DisconnectStrategy::Wait { at_most },
        });
        Ok(RoleOptions {
            max_heartbeat_interval: self.max_heartbeat_interval.or(self.heartbeat_interval),
            max_cpu_load_avg: self.max_cpu_load_avg,
            reserved_memory: self.reserved_memory,
            host_weight: self.host_weight,
            exec_threads: self.exec_threads,
            groups: self.groups.filter(|groups| !groups.is_empty()),
            host_selector: self.worker_load_balancer_configuration_properties.selector.or(self.host_selector),
            disconnect_strategy: disconnect_strategy.filter(|_| !settings.is_written("disconnect-strategy")),
            load_protection: self.server_load_protection.filter(|protection| protection.enabled).map(|protection| {
                LoadProtection {
                    max_cpu_usage: protection.max_system_cpu_usage_percentage_thresholds,
                    max_memory_usage: protection.max_system_memory_usage_percentage_thresholds,
                    max_disk_usage: protection.max_disk_usage_percentage_thresholds,
                }
            }),
        })
    }
}

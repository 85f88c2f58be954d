//! What DolphinScheduler's own sections `master` and `worker` say of a server of that role.

#[cfg(test)]
mod tests;

use std::time::Duration;

use registry_config::{ConfigKey, Section, Value, config, duration, from_value, value};
use registry_host::{DisconnectStrategy, Error, ErrorKind, Result, Setting, Settings};
use serde::{Deserialize, Deserializer, de};

use crate::{Figures, Role, balance::Selector};

/// The keys that servers of one role have alone.
const OF_ONE_ROLE: [(Role, &str); 5] = [
    (Role::Master, "host-selector"),
    (Role::Master, "worker-load-balancer-configuration-properties.type"),
    (Role::Worker, "host-weight"),
    (Role::Worker, "exec-threads"),
    (Role::Worker, "groups"),
];

/// The keys of a role's section that are read here.
fn keys(role: Role) -> Vec<ConfigKey> {
    let of_the_other = |key: &ConfigKey| OF_ONE_ROLE.iter().any(|(its, name)| *its != role && *name == key.name);
    Written::keys().into_iter().filter(|key| !of_the_other(key)).collect()
}

fn names(keys: &[ConfigKey]) -> Vec<&str> {
    keys.iter().map(|key| &*key.name).collect()
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

config! {
    /// The section as it is written.
    struct Written {
        /// How often a server of the role beats.
        max_heartbeat_interval: Option<Duration>,
        /// The same in older releases; a bare number below 100 is seconds, as in 2.0.
        #[alias_of = "max-heartbeat-interval"]
        heartbeat_interval: Option<SecondsOrWords>,
        /// The load average above which the server is abnormal; 0 and less is twice the processors.
        max_cpu_load_avg: Option<f64>,
        /// The available memory, in GB, below which the server is abnormal.
        reserved_memory: Option<f64>,
        /// How much work a worker gets beside others.
        host_weight: Option<i32>,
        /// How many tasks a worker executes at once.
        exec_threads: Option<i32>,
        /// The worker's groups, for its host to register it in.
        groups: Option<Vec<String>>,
        /// How a worker is chosen.
        host_selector: Option<Selector>,
        /// The same in newer releases.
        worker_load_balancer_configuration_properties: LoadBalancer,
        /// What a server does without a session.
        registry_disconnect_strategy: Disconnect,
        /// From which use of its machine on a worker is busy.
        server_load_protection: Option<Protection>,
    }
}

config! {
    /// How a worker is chosen, in newer releases.
    struct LoadBalancer {
        /// How a worker is chosen, in newer releases.
        #[alias_of = "host-selector"]
        r#type: Option<Selector>,
    }
}

config! {
    /// What a server does without a session.
    struct Disconnect {
        /// What a server does without a session.
        strategy: Option<Strategy>,
        /// How long it waits at most; 100s if nothing is written.
        max_waiting_time: Option<Duration>,
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Strategy {
    Stop,
    Waiting,
}

value!(Strategy, "stop or waiting");

config! {
    /// From which use of its machine on a worker is busy.
    struct Protection {
        /// Whether a worker is ever busy.
        enabled: bool = "true",
        /// The share of all processors, from 0 to 1, above which a worker is busy.
        max_system_cpu_usage_percentage_thresholds: f64 = "0.7",
        /// Without effect: there is no JVM.
        max_jvm_cpu_usage_percentage_thresholds: f64 = "0.7",
        /// The share of the memory above which a worker is busy.
        max_system_memory_usage_percentage_thresholds: f64 = "0.7",
        /// The share of the root directory's disk above which a worker is busy.
        max_disk_usage_percentage_thresholds: f64 = "0.7",
    }
}

/// In releases 2.0.x `heartbeat-interval: 10` is ten seconds, and no server beats every few milliseconds.
struct SecondsOrWords(Duration);

impl Value for SecondsOrWords {
    const KIND: &'static str = "duration";

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = match text.trim().parse() {
            Ok(seconds @ 1..100) => Ok(Duration::from_secs(seconds)),
            _ => duration::parse(&text).map_err(de::Error::custom),
        };
        duration.map(SecondsOrWords)
    }
}

impl RoleOptions {
    /// The keys of a role's section that are read here; a host has others of its own.
    pub fn keys(role: Role) -> Vec<ConfigKey> {
        keys(role)
    }

    /// Reads the section of a role; warns of keys that are nearly known.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted.
    pub(crate) fn of(settings: &Settings, role: Role) -> Result<Self> {
        let section = settings.section_beside(role.name(), &names(&keys(role)))?;
        section.near_misses().iter().for_each(|near_miss| tracing::warn!("{near_miss}"));
        let read = from_value::<Written>(section.json(), section.prefix()).map_err(Error::from);
        let read = read.and_then(|written| written.checked(settings, section.prefix()));
        read.map_err(|error| section.locate(error))
    }

    /// What the sections of both roles say, each key with its source.
    pub(crate) fn written(settings: &Settings) -> Result<Vec<Setting>> {
        let sections = Role::ALL.into_iter().map(|role| settings.merged_beside(role.name(), &names(&keys(role))));
        Ok(sections.collect::<Result<Vec<_>>>()?.concat())
    }
}

impl Written {
    fn checked(self, settings: &Settings, prefix: &str) -> Result<RoleOptions> {
        let refused = |name: &str, what: String| {
            Err(Error::new(ErrorKind::InvalidConfig, what).or_key(format!("{prefix}.{name}")))
        };
        let heartbeat_interval = self.heartbeat_interval.map(|SecondsOrWords(interval)| interval);
        for (name, interval) in [
            ("max-heartbeat-interval", self.max_heartbeat_interval),
            ("heartbeat-interval", heartbeat_interval),
            ("registry-disconnect-strategy.max-waiting-time", self.registry_disconnect_strategy.max_waiting_time),
        ] {
            if interval.is_some_and(|interval| interval.is_zero()) {
                return refused(name, "\"0s\" must be longer than nothing".to_owned());
            }
        }
        if let Some(memory) = self.reserved_memory.filter(|memory| *memory < 0.0) {
            return refused(
                "reserved-memory",
                format!("\"{memory}\" is not an amount of memory; accepted: GB, 0 and more"),
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
                        format!("\"{share}\" is not a share; accepted: 0 to 1"),
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
            max_heartbeat_interval: self.max_heartbeat_interval.or(heartbeat_interval),
            max_cpu_load_avg: self.max_cpu_load_avg,
            reserved_memory: self.reserved_memory,
            host_weight: self.host_weight,
            exec_threads: self.exec_threads,
            groups: self.groups.filter(|groups| !groups.is_empty()),
            host_selector: self.worker_load_balancer_configuration_properties.r#type.or(self.host_selector),
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

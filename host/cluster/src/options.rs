//! `registry.cluster.*`, and the sections of the roles: how a server takes part.

use std::path::Path;
use std::time::Duration;

use registry_config::{Section, config, from_value};
use registry_host::{Error, ErrorKind, HostSection, Result, Setting, Settings};

use crate::{HeartbeatFormat, Limits, Role, RoleOptions, balance::Selector, gauge, server::DEFAULT_GROUP};

/// `registry.cluster` and the sections of the roles, for the
/// [builder](registry_host::SettingsBuilder::section) of the settings; [`load`] registers it by itself.
pub const SECTION: HostSection = HostSection {
    name: "cluster",
    keys: <Options as Section>::keys,
    check: |settings| {
        Options::of(settings)?;
        Options::written_for_roles(settings)
    },
};

/// Reads a file and lays the environment of this process over it, as [`Settings::load`], with `registry.cluster` in it.
///
/// # Errors
///
/// `InvalidConfig` names the key, the value, where it is written and what is accepted.
pub fn load(path: impl AsRef<Path>) -> Result<Settings> {
    Settings::builder().section(SECTION).file(path.as_ref()).process_environment().build()
}

config! {
    /// How a server takes part in its cluster, `registry.cluster.*`; the names are DolphinScheduler's where it has
    /// them.
    ///
    /// What isn't written there may stand in DolphinScheduler's own section of the server's role, `master` or `worker`,
    /// beside `registry`: see [`of_role`](Options::of_role).
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct Options {
        /// How often a server beats; at once when its status changes.
        pub max_heartbeat_interval: Duration = "10s",
        /// How long a beat that says nothing new is left unwritten; without it every one is written.
        pub max_unchanged_interval: Option<Duration>,
        /// What servers of old releases of DolphinScheduler can read, as long as there are any.
        pub heartbeat_format: HeartbeatFormat = "json",
        /// The load average above which a server is abnormal; 0 and less is twice the processors.
        pub max_cpu_load_avg: f64 = "-1",
        /// The available memory, in GB, below which a server is abnormal.
        pub reserved_memory: f64 = "0.3",
        /// How much work a worker gets beside others.
        pub host_weight: i32 = "100",
        /// How many tasks a worker executes at once.
        pub exec_threads: i32 = "100",
        /// How a worker is chosen.
        pub host_selector: Selector = "lower-weight",
        /// How long a server may be gone before another takes over for it.
        pub failover_grace: Duration = "0s",
        /// How long the dead mark of a server stays that doesn't come back; 0s is for ever.
        pub dead_mark_retention: Duration = "7d",
    } and {
        /// What the section `master` says.
        pub master: RoleOptions,
        /// What the section `worker` says.
        pub worker: RoleOptions,
    }
}

impl Options {
    /// Reads `registry.cluster` of a configuration, and its sections `master` and `worker`.
    ///
    /// # Behavior
    ///
    /// Keys of these two that are not read here are the application's own; one that is a letter or two off a known
    /// one is warned of in the log.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted. So do settings that were
    /// built without [`SECTION`].
    pub fn of(settings: &Settings) -> Result<Self> {
        let section = settings.host_section(SECTION.name)?;
        let read = from_value::<Options>(section.json(), section.prefix());
        let read = read.map_err(Error::from).and_then(|options| options.checked(section.prefix()));
        let mut options = read.map_err(|error| section.locate(error))?;
        let written = |name: &str| section.origin(&format!("{}.{name}", section.prefix())).is_some();
        for (role, said) in [(Role::Master, &mut options.master), (Role::Worker, &mut options.worker)] {
            *said = RoleOptions::of(settings, role)?;
            said.max_heartbeat_interval.take_if(|_| written("max-heartbeat-interval"));
            said.max_cpu_load_avg.take_if(|_| written("max-cpu-load-avg"));
            said.reserved_memory.take_if(|_| written("reserved-memory"));
            said.host_weight.take_if(|_| written("host-weight"));
            said.exec_threads.take_if(|_| written("exec-threads"));
            said.host_selector.take_if(|_| written("host-selector"));
        }
        Ok(options)
    }

    /// The keys of the sections `master` and `worker` that are read here and written, each with its source.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if one of them is not a map of keys.
    pub fn written_for_roles(settings: &Settings) -> Result<Vec<Setting>> {
        RoleOptions::written(settings)
    }

    /// How a server of this role takes part: what its section says goes over the rest.
    pub fn of_role(&self, role: Role) -> Options {
        let said = self.said_of(role);
        Options {
            max_heartbeat_interval: said.max_heartbeat_interval.unwrap_or(self.max_heartbeat_interval),
            max_cpu_load_avg: said.max_cpu_load_avg.unwrap_or(self.max_cpu_load_avg),
            reserved_memory: said.reserved_memory.unwrap_or(self.reserved_memory),
            host_weight: said.host_weight.unwrap_or(self.host_weight),
            exec_threads: said.exec_threads.unwrap_or(self.exec_threads),
            host_selector: said.host_selector.unwrap_or(self.host_selector),
            ..self.clone()
        }
    }

    /// The groups that `worker.groups` names, else `default`: for a host to register its worker in.
    pub fn groups(&self) -> Vec<String> {
        self.worker.groups.clone().unwrap_or_else(|| vec![DEFAULT_GROUP.to_owned()])
    }

    pub(crate) fn said_of(&self, role: Role) -> &RoleOptions {
        match role {
            Role::Master => &self.master,
            Role::Worker => &self.worker,
        }
    }

    /// What the server's machine may be burdened with.
    pub fn limits(&self) -> Limits {
        let usual = 2.0 * gauge::processors() as f64;
        let max_cpu_load_avg = if self.max_cpu_load_avg <= 0.0 { usual } else { self.max_cpu_load_avg };
        Limits { max_cpu_load_avg, reserved_memory: self.reserved_memory }
    }

    fn checked(self, prefix: &str) -> Result<Self> {
        let refused = |name: &str, what: String| {
            Err(Error::new(ErrorKind::InvalidConfig, what).or_key(format!("{prefix}.{name}")))
        };
        if self.max_heartbeat_interval.is_zero() {
            return refused("max-heartbeat-interval", "\"0s\" must be longer than nothing".to_owned());
        }
        if self.reserved_memory < 0.0 {
            let memory = self.reserved_memory;
            return refused(
                "reserved-memory",
                format!("\"{memory}\" is not an amount of memory; accepted: GB, 0 and more"),
            );
        }
        for (name, number) in [("host-weight", self.host_weight), ("exec-threads", self.exec_threads)] {
            if number < 1 {
                return refused(name, format!("\"{number}\" is too little; accepted: 1 and more"));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(assignments: &[&str]) -> Result<Options> {
        let builder = assignments.iter().fold(Settings::builder().section(SECTION), |builder, set| builder.set(*set));
        Options::of(&builder.build()?)
    }

    #[test]
    fn nothing_written_gives_the_defaults() {
        let options = read(&[]).unwrap();
        assert_eq!(options, Options::default());
        assert_eq!(options.limits().max_cpu_load_avg, 2.0 * gauge::processors() as f64);
        assert_eq!(options.limits().reserved_memory, 0.3);
        assert_eq!(options.groups(), ["default"]);
        for usual in ["0", "-1", "-2.5"] {
            let options = read(&[&format!("registry.cluster.max-cpu-load-avg={usual}")]).unwrap();
            assert_eq!(options.limits().max_cpu_load_avg, 2.0 * gauge::processors() as f64, "{usual}");
        }
    }

    #[test]
    fn keys_have_dolphinschedulers_names() {
        let options = read(&[
            "registry.cluster.max-heartbeat-interval=2s",
            "registry.cluster.maxCpuLoadAvg=7.5",
            "registry.cluster.host-selector=lower_weight",
            "registry.cluster.host-weight=5",
            "registry.cluster.failover-grace=1m",
            "registry.cluster.max-unchanged-interval=30s",
            "registry.cluster.heartbeatFormat=dolphinscheduler-1.3",
            "registry.cluster.dead-mark-retention=1day",
        ]);
        let options = options.unwrap();
        assert_eq!(options.max_heartbeat_interval, Duration::from_secs(2));
        assert_eq!((options.limits().max_cpu_load_avg, options.host_weight), (7.5, 5));
        assert_eq!(options.host_selector, Selector::LowerWeight);
        assert_eq!(options.failover_grace, Duration::from_secs(60));
        assert_eq!(options.dead_mark_retention, Duration::from_secs(86_400));
        assert_eq!(options.max_unchanged_interval, Some(Duration::from_secs(30)));
        assert_eq!(options.heartbeat_format, HeartbeatFormat::Fields10);
        let later = read(&["registry.cluster.heartbeat-format=dolphinscheduler-2.0"]).unwrap();
        assert_eq!(later.heartbeat_format, HeartbeatFormat::Fields13);
    }

    #[test]
    fn a_wrong_value_is_refused_with_key_and_place() {
        for (set, says) in [
            ("max-heartbeat-interval=10", "has no unit"),
            ("max-heartbeat-interval=0s", "longer than nothing"),
            ("max-cpu-load-avg=high", "accepted: a number"),
            ("reserved-memory=-1", "GB"),
            ("host-weight=0", "accepted: 1 and more"),
            ("exec-threads=many", "accepted: a whole number"),
            ("host-selector=best", "lower-weight"),
            ("heartbeat-format=1.3", "dolphinscheduler-1.3"),
            ("host-wait=5", "host-weight"),
        ] {
            let refused = read(&[&format!("registry.cluster.{set}")]).expect_err(set);
            assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
            let (key, told) = (set.split('=').next().unwrap(), refused.to_string());
            assert!(told.starts_with(&format!("registry.cluster.{key}")), "{told}");
            assert!(told.contains(says) && told.contains("(--set)"), "{told}");
        }
    }
}

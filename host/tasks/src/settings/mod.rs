//! The sections `master`, `worker` and `servers` of a configuration, which stand beside `registry`.
//!
//! Names and defaults are DolphinScheduler's where it has them. What a server's part in its cluster is made of, such as
//! `max-cpu-load-avg`, stands in the same sections and is read by [`registry_cluster::Options`].

mod foreign;
mod listening;
mod master;
mod servers;
mod worker;

use registry_cluster::{Role, RoleOptions};
use registry_config::{Section, from_value};
use registry_host::{Error, Result, Setting, Settings, SettingsBuilder};

pub use self::{
    listening::Listening,
    master::{AlertSettings, MasterSettings, TaskSettings},
    servers::{ServersSettings, TlsFiles},
    worker::{CutOff, FullPolicy, WorkerSettings},
};

/// The names of the sections.
pub const SECTIONS: [&str; 3] = ["master", "worker", "servers"];

/// Lets `--set` set keys of the sections.
pub fn register(builder: SettingsBuilder) -> SettingsBuilder {
    SECTIONS.into_iter().fold(builder, SettingsBuilder::beside)
}

/// All that is known of a section.
fn known(section: &str) -> Vec<String> {
    let keys = match section {
        "master" => [MasterSettings::keys(), RoleOptions::keys(Role::Master)].concat(),
        "worker" => [WorkerSettings::keys(), RoleOptions::keys(Role::Worker)].concat(),
        _ => ServersSettings::keys(),
    };
    keys.into_iter().map(|key| key.name.to_string()).collect()
}

/// The keys of all sections that are written, each with its source.
///
/// # Errors
///
/// `InvalidConfig` names the key, the value, where it is written and what is accepted.
pub fn written(settings: &Settings) -> Result<Vec<Setting>> {
    MasterSettings::of(settings)?;
    WorkerSettings::of(settings)?;
    ServersSettings::of(settings)?;
    let mut written = Vec::new();
    for section in SECTIONS {
        let known = known(section);
        written.extend(settings.merged_beside(section, &known.iter().map(String::as_str).collect::<Vec<_>>())?);
    }
    Ok(written)
}

/// What nobody knows in the sections: a sentence for each key.
///
/// # Behavior
///
/// What DolphinScheduler knows and means nothing here is none of it: one line in the log names that.
///
/// # Errors
///
/// As [`written`].
pub fn unknown(settings: &Settings, sections: &[&str]) -> Result<Vec<String>> {
    let mut unknown = Vec::new();
    for section in sections {
        let known = known(section);
        let read = settings.section_beside(section, &known.iter().map(String::as_str).collect::<Vec<_>>())?;
        let (foreign, others): (Vec<_>, Vec<_>) =
            read.unknown().iter().cloned().partition(|sentence| foreign::is_dolphinschedulers(section, sentence));
        if !foreign.is_empty() {
            let keys: Vec<&str> = foreign.iter().filter_map(|sentence| sentence.split(' ').next()).collect();
            tracing::info!(keys = keys.join(", "), "these keys of DolphinScheduler's mean nothing here");
        }
        unknown.extend(others);
    }
    Ok(unknown)
}

/// Reads what is ours of a section.
fn read<T: Section>(settings: &Settings, name: &str, check: impl FnOnce(&T, &str) -> Result<()>) -> Result<T> {
    let keys = T::keys();
    let known: Vec<&str> = keys.iter().map(|key| &*key.name).collect();
    let section = settings.section_beside(name, &known)?;
    let read = from_value::<T>(section.json(), section.prefix()).map_err(Error::from);
    let read = read.and_then(|read| check(&read, section.prefix()).map(|()| read));
    read.map_err(|error| section.locate(error))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(assignments: &[&str]) -> Result<Settings> {
        let builder = register(Settings::builder().section(registry_cluster::SECTION));
        assignments.iter().fold(builder.set("registry.type=memory"), |builder, set| builder.set(*set)).build()
    }

    #[test]
    fn nothing_written_gives_dolphinschedulers_defaults() {
        let settings = settings(&[]).unwrap();
        let master = MasterSettings::of(&settings).unwrap();
        assert_eq!((master.listen_port, master.exec_threads), (5678, 100));
        assert_eq!(master.dispatch_timeout, Duration::from_secs(300));
        assert_eq!(WorkerSettings::of(&settings).unwrap().listen_port, 1234);
        assert_eq!(written(&settings).unwrap().len(), 0);
    }

    #[test]
    fn a_wrong_value_is_refused_with_key_and_place() {
        for (set, says) in [
            ("master.listen-port=high", "accepted: a whole number"),
            ("master.dispatchTimeout=5", "has no unit"),
            ("master.exec-threads=0", "accepted: 1 and more"),
            ("master.max-tasks=0", "accepted: 1 and more"),
            ("master.listen-address=here", "accepted: an address"),
            ("worker.task-execute-threads-full-policy=WAIT", "accepted: reject, continue"),
            ("master.alert.webhook=ftp://s3cret", "accepted: an address such as https://host/path"),
            ("master.alert.webhook=https://s3cret@host/", "accepted: an address such as https://host/path"),
            ("worker.http-port=70000", "accepted: "),
            ("worker.cut-off=maybe", "accepted: stop, continue"),
            ("servers.tls.cert-file=a.pem", "servers.tls.key-file"),
        ] {
            let refused = settings(&[set]).and_then(|settings| written(&settings)).expect_err(set).to_string();
            assert!(refused.contains(says) && refused.contains("(--set)"), "{set}: {refused}");
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn what_nobody_knows_is_named() {
        let settings = settings(&["worker.exec-threads=7", "worker.host-weight=1", "worker.colour=red"]).unwrap();
        let unknown = unknown(&settings, &SECTIONS).unwrap();
        assert!(matches!(&unknown[..], [one] if one.starts_with("worker.colour (--set)")), "{unknown:?}");
    }

    #[test]
    fn what_dolphinscheduler_knows_is_no_warning() {
        let sets = [
            "master.fetch-command-num=10",
            "master.commandFetchStrategy.type=ID_SLOT_BASED",
            "worker.tenant-config.default-tenant-enabled=false",
            "worker.tenant-configs=1",
            "worker.fetch-command-num=10",
        ];
        let unknown = unknown(&settings(&sets).unwrap(), &SECTIONS).unwrap();
        let named = |key: &str| unknown.iter().filter(|one| one.starts_with(key)).count();
        let expected = (2, 1, 1);
        assert_eq!((unknown.len(), named("worker.tenant-configs "), named("worker.fetch-command-num ")), expected);
    }

    #[test]
    fn a_server_reachable_from_elsewhere_asks_for_a_token() {
        let servers = |sets: &[&str]| ServersSettings::of(&settings(sets).unwrap()).unwrap();
        let open = servers(&[]);
        assert!(open.allow("127.0.0.1".parse().unwrap(), "worker").is_ok());
        assert!(open.allow("::1".parse().unwrap(), "worker").is_ok());
        let refused = open.allow("0.0.0.0".parse().unwrap(), "worker").unwrap_err().to_string();
        assert!(refused.contains("worker.listen-address") && refused.contains("servers.token"), "{refused}");
        assert!(servers(&["servers.token=x"]).allow("0.0.0.0".parse().unwrap(), "worker").is_ok());
        let encrypted = servers(&["servers.tls.cert-file=a", "servers.tls.key-file=b"]);
        assert!(encrypted.allow("10.0.0.1".parse().unwrap(), "worker").unwrap_err().to_string().contains("ca-file"));
    }
}

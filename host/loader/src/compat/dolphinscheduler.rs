//! DolphinScheduler: where it keeps its registry, and the names that its older releases gave to what has another now.

use std::ffi::OsStr;

use registry_config::ConfigError;

use crate::config::{Result, Tree};

/// The namespace where none is written.
pub(crate) const NAMESPACE: &str = "dolphinscheduler";

const CONNECT_STRING: &str = "registry.zookeeper.connect-string (etcd: registry.etcd.endpoints)";

/// What stood below `registry` in releases 2.0.x, however its parts are joined, and what it is now.
const BELOW_REGISTRY: [(&str, &str); 10] = [
    ("plugin-name", "registry.type"),
    ("plugin-binding", "registry.type"),
    ("plugin-dir", "registry.plugin-dirs"),
    ("servers", CONNECT_STRING),
    ("base-sleep-time-ms", "registry.zookeeper.retry-policy.base-sleep-time"),
    ("max-sleep-ms", "registry.zookeeper.retry-policy.max-sleep"),
    ("max-retries", "registry.zookeeper.retry-policy.max-retries"),
    ("session-timeout-ms", "registry.session-timeout"),
    ("connection-timeout-ms", "registry.zookeeper.connection-timeout"),
    ("block-until-connected-wait", "registry.zookeeper.block-until-connected"),
];

/// The whole keys of `zookeeper.properties` in releases 1.x.
const ZOOKEEPER: [(&str, &str); 8] = [
    ("zookeeper.quorum", "registry.zookeeper.connect-string, with registry.type: zookeeper"),
    ("zookeeper.dolphinscheduler.root", "registry.namespace, without the slash"),
    ("zookeeper.session.timeout", "registry.session-timeout"),
    ("zookeeper.connection.timeout", "registry.zookeeper.connection-timeout"),
    ("zookeeper.connection.digest", "registry.zookeeper.digest"),
    ("zookeeper.retry.base.sleep", "registry.zookeeper.retry-policy.base-sleep-time"),
    ("zookeeper.retry.max.sleep", "registry.zookeeper.retry-policy.max-sleep"),
    ("zookeeper.retry.maxtime", "registry.zookeeper.retry-policy.max-retries"),
];

/// The variables of releases 1.x that say where the registry is; they have another prefix than ours.
const VARIABLES: [&str; 2] = ["ZOOKEEPER_QUORUM", "ZOOKEEPER_ROOT"];

/// What a key below `registry` is now, its parts joined by dots, dashes or both.
fn below_registry(path: &str) -> Option<&'static str> {
    let path = path.replace('.', "-");
    BELOW_REGISTRY.iter().find(|(former, _)| *former == path).map(|(_, now)| *now)
}

/// The same in the environment's spelling.
fn in_environment(now: &str) -> String {
    let mut spelt = now.to_owned();
    while let Some(at) = spelt.find("registry.") {
        let end = spelt[at..].find([' ', ',', ')']).map_or(spelt.len(), |length| at + length);
        let names: Vec<&str> = spelt[at..end].split('.').collect();
        let (near, deep) = names.split_at(names.len().min(3));
        let name: Vec<String> = std::iter::once(near.join("_")).chain(deep.iter().map(ToString::to_string)).collect();
        let name = name.join("__").replace('-', "_").to_uppercase();
        spelt.replace_range(at..end, &name);
    }
    spelt
}

/// Refuses what an older release knew below `registry`.
pub(crate) fn check(name: &str, tree: &Tree) -> Result<()> {
    let mut refused = None;
    tree.each_leaf(name.to_owned(), &mut |path, leaf| {
        let kebab_path = registry_config::kebab(path.split('[').next().unwrap_or_default());
        if let (None, Some(now)) = (&refused, below_registry(&kebab_path)) {
            let problem = format!("is a name of DolphinScheduler 2.0; it is {now} now");
            refused = Some(ConfigError::at(format!("registry.{path}"), problem).written_at(&leaf.source));
        }
    });
    refused.map_or(Ok(()), Err)
}

/// Refuses a document that has no registry but the names of releases 1.x.
pub(crate) fn check_document(document: &Tree) -> Result<()> {
    let mut refused = None;
    document.each_leaf(String::new(), &mut |path, leaf| {
        let path = path.trim_start_matches('.');
        if let (None, Some((_, now))) = (&refused, ZOOKEEPER.iter().find(|(former, _)| *former == path)) {
            let problem = format!("is a name of DolphinScheduler 1.3; it is {now} now");
            refused = Some(ConfigError::at(path, problem).written_at(&leaf.source));
        }
    });
    refused.map_or(Ok(()), Err)
}

/// Refuses a variable that an older release knew, by what stands after `REGISTRY_` in it.
pub(crate) fn check_variable(name: &str, path: &str) -> Result<()> {
    match below_registry(path) {
        Some(now) => Err(ConfigError::new(format!(
            "environment variable {name}: is a name of DolphinScheduler 2.0; it is {} now",
            in_environment(now)
        ))),
        None => Ok(()),
    }
}

/// Refuses the variables that say where the registry of releases 1.x is.
pub(crate) fn check_environment<'a>(mut names: impl Iterator<Item = &'a OsStr>) -> Result<()> {
    match names.find_map(|name| VARIABLES.into_iter().find(|former| name == *former)) {
        Some(name) => Err(ConfigError::new(format!(
            "environment variable {name}: is a name of DolphinScheduler 1.3; now it is REGISTRY_TYPE=zookeeper, with \
             REGISTRY_ZOOKEEPER_CONNECT_STRING and REGISTRY_NAMESPACE"
        ))),
        None => Ok(()),
    }
}

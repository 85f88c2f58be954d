//! What a program sets itself, over everything that is written.

use std::collections::BTreeMap;
use std::time::Duration;

use registry_config::{ConfigError, Source, kebab};

use super::builder::SettingsBuilder;
use super::host_keys::{
    DISCONNECT_GRACE, DISCONNECT_MAX_WAIT, DISCONNECT_STRATEGY, DisconnectStrategy, NAMESPACE, OPERATION_TIMEOUT,
    SESSION_TIMEOUT, TYPE,
};
use super::tree::{Map, Tree};
use super::{Result, keys};

/// One key that is set.
#[derive(Clone)]
pub(super) enum Set {
    /// As it stands on a command line: `registry.type=etcd`.
    Assignment(String),
    /// By its full name.
    Value(String, String),
    /// By a method of the builder's.
    Own(Own),
}

/// What all that is set comes to.
#[derive(Default)]
pub(super) struct Layers {
    /// The keys below `registry`.
    pub(super) registry: Map,
    /// Those of the sections beside it, by the section.
    pub(super) beside: BTreeMap<String, Map>,
}

/// A key of the host's own, by its name below `registry`.
#[derive(Clone)]
pub(super) struct Own {
    name: &'static str,
    value: String,
    method: &'static str,
}

impl SettingsBuilder {
    /// `registry.type`: the name of the backend.
    pub fn registry_type(self, name: impl Into<String>) -> Self {
        self.own("SettingsBuilder::registry_type", TYPE, name.into())
    }

    /// `registry.namespace`: segments joined by `/`, or nothing. It counts also where the backend's section has
    /// another.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        self.own("SettingsBuilder::namespace", NAMESPACE, namespace.into())
    }

    /// `registry.session-timeout`. It counts also where the backend's section has another, under whatever name.
    pub fn session_timeout(self, timeout: Duration) -> Self {
        self.own("SettingsBuilder::session_timeout", SESSION_TIMEOUT, text(timeout))
    }

    /// `registry.operation-timeout`: how long a call may take that names no deadline of its own.
    pub fn operation_timeout(self, timeout: Duration) -> Self {
        self.own("SettingsBuilder::operation_timeout", OPERATION_TIMEOUT, text(timeout))
    }

    /// `registry.disconnect-strategy`, with the period that belongs to it.
    pub fn disconnect_strategy(self, strategy: DisconnectStrategy) -> Self {
        const METHOD: &str = "SettingsBuilder::disconnect_strategy";
        let (name, period, limit) = match strategy {
            DisconnectStrategy::Stop { grace } => ("stop", DISCONNECT_GRACE, grace),
            DisconnectStrategy::Wait { at_most } => ("wait", DISCONNECT_MAX_WAIT, at_most),
        };
        self.own(METHOD, DISCONNECT_STRATEGY, name.to_owned()).own(METHOD, period, text(limit))
    }

    fn own(mut self, method: &'static str, name: &'static str, value: String) -> Self {
        self.set.push(Set::Own(Own { name, value, method }));
        self
    }
}

impl Set {
    /// The layers of all that is set, of several for a key the last. What the backend's section may have, too, is left
    /// out until the backend is known.
    pub(super) fn layers(all: &[Set], beside: &[&str], registry_type: Option<&str>) -> Result<Layers> {
        let mut layers = Layers::default();
        for set in all {
            let (section, layer) = set.one(beside, registry_type)?;
            match &*section {
                keys::ROOT => layers.registry.overlay(layer),
                _ => layers.beside.entry(section).or_default().overlay(layer),
            }
        }
        Ok(layers)
    }

    /// The key, for messages; nothing where that could be a secret.
    pub(super) fn key(&self) -> &str {
        match self {
            Set::Value(key, _) => key,
            Set::Assignment(assignment) => assignment.split_once('=').map_or("", |(key, _)| key),
            Set::Own(own) => own.name,
        }
    }

    /// The section that it sets a key of, and that key.
    fn one(&self, beside: &[&str], registry_type: Option<&str>) -> Result<(String, Map)> {
        let (key, value) = match self {
            Set::Value(key, value) => (key.as_str(), value.as_str()),
            // What has no `=` may still be a secret, so it is not repeated.
            Set::Assignment(assignment) => assignment
                .split_once('=')
                .ok_or_else(|| ConfigError::new("--set takes KEY=VALUE, such as registry.type=etcd"))?,
            Set::Own(own) => return Ok((keys::ROOT.to_owned(), own.layer(registry_type))),
        };
        let mut path: Vec<&str> = key.trim().split('.').collect();
        let section = kebab(path.remove(0));
        let is_known = section == keys::ROOT || beside.contains(&&*section);
        if !is_known || path.is_empty() || path.iter().any(|name| name.is_empty()) {
            let or = if beside.is_empty() { String::new() } else { format!(", or below {}", beside.join(", ")) };
            let problem = format!("can't be set; accepted: keys below {}, such as registry.type=etcd{or}", keys::ROOT);
            return Err(ConfigError::at(key, problem));
        }
        let source = Source::Set("--set");
        keys::check_depth(1 + path.len(), &source)?;
        Ok((section, keys::single(&path, Tree::scalar(source, value))))
    }
}

impl Own {
    fn layer(&self, registry_type: Option<&str>) -> Map {
        let tree = || Tree::scalar(Source::Set(self.method), self.value.as_str());
        match (self.name, registry_type) {
            // In the section it takes precedence over all others.
            (NAMESPACE | SESSION_TIMEOUT, Some(section)) => keys::single(&[section, self.name], tree()),
            (NAMESPACE | SESSION_TIMEOUT, None) => Map::default(),
            (name, _) => keys::single(&[name], tree()),
        }
    }
}

/// A duration as the configuration has it.
fn text(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("{}s", duration.as_secs()),
        nanos if nanos % 1_000_000 == 0 => format!("{}ms", duration.as_millis()),
        _ => format!("{}ns", duration.as_nanos()),
    }
}

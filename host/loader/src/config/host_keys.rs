//! The keys that the host itself reads, typed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use registry_api::{Key, MAX_KEY_BYTES};
use registry_config::{ConfigError, ConfigKey, Source, duration, kebab};

use super::Result;
use super::host_section::{self, HostSection};
use super::tree::{Map, Shape, Tree};
use crate::compat::dolphinscheduler;

pub(crate) const TYPE: &str = "type";
pub(crate) const NAMESPACE: &str = "namespace";
pub(crate) const SESSION_TIMEOUT: &str = "session-timeout";
pub(crate) const DISCONNECT_STRATEGY: &str = "disconnect-strategy";
pub(crate) const DISCONNECT_GRACE: &str = "disconnect-grace";
pub(crate) const DISCONNECT_MAX_WAIT: &str = "disconnect-max-wait";
pub(crate) const PLUGIN_DIRS: &str = "plugin-dirs";
const PLUGIN_SHA256: &str = "plugin-sha256";
pub(crate) const OPERATION_TIMEOUT: &str = "operation-timeout";
pub(crate) const URL: &str = "url";

/// Every key directly below `registry` that is the host's own.
pub(crate) const HOST_KEYS: [&str; 10] = [
    TYPE,
    NAMESPACE,
    DISCONNECT_STRATEGY,
    DISCONNECT_GRACE,
    DISCONNECT_MAX_WAIT,
    PLUGIN_DIRS,
    PLUGIN_SHA256,
    OPERATION_TIMEOUT,
    SESSION_TIMEOUT,
    URL,
];

/// What holds where a key is written nowhere.
pub(crate) const DEFAULTS: [(&str, &str); 7] = [
    (TYPE, "memory"),
    (NAMESPACE, dolphinscheduler::NAMESPACE),
    (DISCONNECT_STRATEGY, "stop"),
    (DISCONNECT_GRACE, "0s"),
    (DISCONNECT_MAX_WAIT, "100s"),
    (OPERATION_TIMEOUT, "5s"),
    (SESSION_TIMEOUT, "30s"),
];

/// Where the namespace may stand, as [`HostKeys::first`] takes it.
const NAMESPACE_PLACES: &[(bool, &str)] = &[(true, NAMESPACE), (false, NAMESPACE)];

/// What a host server does when its session is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectStrategy {
    /// It stops, unless another session is open within the grace period.
    Stop {
        /// `registry.disconnect-grace`.
        grace: Duration,
    },
    /// It does no work until another session is open, and stops only if that takes too long.
    Wait {
        /// `registry.disconnect-max-wait`.
        at_most: Duration,
    },
}

impl DisconnectStrategy {
    /// How long a host is without a session before it is to stop.
    pub(crate) fn limit(self) -> Duration {
        match self {
            DisconnectStrategy::Stop { grace } => grace,
            DisconnectStrategy::Wait { at_most } => at_most,
        }
    }
}

/// The names that the plugin gives to the session timeout beside the host's own.
pub(crate) fn timeout_names(keys: &[ConfigKey]) -> impl Iterator<Item = &str> {
    keys.iter().filter(|key| key.alias_of.as_deref() == Some(SESSION_TIMEOUT)).map(|key| &*key.name)
}

/// The merged keys below `registry`, read one at a time.
pub(crate) struct HostKeys<'a> {
    pub(crate) registry: &'a Map,
    pub(crate) registry_type: &'a str,
    /// The keys that the plugin's metadata names; none before it is known.
    pub(crate) keys: &'a [ConfigKey],
    pub(crate) sections: &'a [HostSection],
}

/// A scalar, its full key and where it was written.
struct Written<'a> {
    key: String,
    text: &'a str,
    source: &'a Source,
}

impl Written<'_> {
    fn refused(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::at(&self.key, problem).value(self.text).written_at(self.source)
    }
}

impl<'a> HostKeys<'a> {
    /// Whether the session timeout may stand under this name directly below `registry`, beside the host's own key.
    pub(crate) fn is_flat_timeout(&self, name: &str) -> bool {
        timeout_names(self.keys).any(|timeout| timeout == name)
    }

    /// Whether a key of a section is one that the host reads itself and does not hand down.
    pub(crate) fn is_consumed(&self, name: &str) -> bool {
        let name = kebab(name);
        [NAMESPACE, SESSION_TIMEOUT].contains(&&*name) || self.is_flat_timeout(&name)
    }

    /// Whether a key below `registry` is a section that neither the host nor this backend is known to read.
    pub(crate) fn is_foreign(&self, name: &str, tree: &Tree) -> bool {
        let name = kebab(name);
        let ours =
            HOST_KEYS.contains(&&*name) || host_section::is_one(self.sections, &name) || name == self.registry_type;
        tree.as_map().is_some() && !ours
    }

    pub(crate) fn section(&self) -> Result<Option<&'a Map>> {
        self.map(self.registry_type)
    }

    /// The keys below `registry.<name>`.
    pub(crate) fn map(&self, name: &str) -> Result<Option<&'a Map>> {
        let Some(tree) = self.registry.find(name) else { return Ok(None) };
        let refused = || ConfigError::at(format!("registry.{name}"), "must be a map of keys").written_at(&tree.source);
        tree.as_map().map(Some).ok_or_else(refused)
    }

    pub(crate) fn namespace(&self) -> Result<String> {
        let Some(written) = self.first(NAMESPACE_PLACES)? else {
            return Ok(default(NAMESPACE).to_owned());
        };
        let namespace = written.text;
        if namespace.is_empty() {
            return Ok(String::new());
        }
        if namespace.len() > MAX_KEY_BYTES / 2 {
            return Err(written.refused(format!("has more than {} bytes", MAX_KEY_BYTES / 2)));
        }
        match Key::new(&format!("/{namespace}")) {
            Ok(key) if !key.is_root() => Ok(namespace.to_owned()),
            Ok(_) => Err(written.refused("is not a namespace; accepted: segments joined by '/', or nothing")),
            Err(invalid) => Err(written.refused(format!(
                "is not a namespace: {}; accepted: segments joined by '/', no slash at either end",
                invalid.reason()
            ))),
        }
    }

    pub(crate) fn session_timeout(&self) -> Result<Duration> {
        self.duration(&self.session_timeout_places(), SESSION_TIMEOUT)
    }

    fn session_timeout_places(&self) -> Vec<(bool, &'a str)> {
        let names = |in_section| timeout_names(self.keys).map(move |name| (in_section, name));
        let own = |in_section| std::iter::once((in_section, SESSION_TIMEOUT));
        own(true).chain(names(true)).chain(names(false)).chain(own(false)).collect()
    }

    /// The keys of a section that the host reads itself, each with the key that is in force and where it is written.
    pub(crate) fn consumed(&self) -> impl Iterator<Item = (&'a str, (String, &'a Source))> {
        let timeout = self.session_timeout_places();
        let keys = [NAMESPACE, SESSION_TIMEOUT].into_iter().chain(timeout_names(self.keys));
        keys.filter_map(move |name| {
            let places = if name == NAMESPACE { NAMESPACE_PLACES } else { &timeout };
            let written = self.first(places).ok().flatten()?;
            Some((name, (written.key, written.source)))
        })
    }

    pub(crate) fn operation_timeout(&self) -> Result<Duration> {
        self.duration(&[(false, OPERATION_TIMEOUT)], OPERATION_TIMEOUT)
    }

    pub(crate) fn stop_strategy(&self) -> Result<DisconnectStrategy> {
        Ok(DisconnectStrategy::Stop { grace: self.period(&[(false, DISCONNECT_GRACE)], DISCONNECT_GRACE)? })
    }

    pub(crate) fn disconnect_strategy(&self) -> Result<DisconnectStrategy> {
        // Both are read, whichever counts: a slip in the other one is a slip.
        let stop = self.stop_strategy()?;
        let at_most = self.duration(&[(false, DISCONNECT_MAX_WAIT)], DISCONNECT_MAX_WAIT)?;
        match self.first(&[(false, DISCONNECT_STRATEGY)])? {
            None => Ok(stop),
            Some(written) => match written.text {
                "stop" => Ok(stop),
                "wait" => Ok(DisconnectStrategy::Wait { at_most }),
                _ => Err(written.refused("is not a strategy; accepted: stop, wait")),
            },
        }
    }

    /// The directories as written, those of a file relative to the file's own.
    pub(crate) fn plugin_dirs(&self) -> Result<Option<Vec<PathBuf>>> {
        let Some(tree) = self.registry.find(PLUGIN_DIRS) else { return Ok(None) };
        let key = format!("registry.{PLUGIN_DIRS}");
        let folders: Vec<(&Source, &str)> = match &tree.shape {
            Shape::Scalar(text) => text.split(',').map(|folder| (&tree.source, folder.trim())).collect(),
            Shape::List(items) => items
                .iter()
                .map(|item| match &item.shape {
                    Shape::Scalar(text) => Ok((&item.source, text.as_str())),
                    _ => Err(ConfigError::at(&key, "must be a list of directories").written_at(&item.source)),
                })
                .collect::<Result<_>>()?,
            _ => return Err(ConfigError::at(&key, "must be a list of directories").written_at(&tree.source)),
        };
        let folders = folders.into_iter().map(|(source, folder)| match source.place() {
            _ if folder.is_empty() => Err(ConfigError::at(&key, "has an empty directory in it").written_at(source)),
            Source::File { path, .. } => Ok(path.parent().unwrap_or(Path::new("")).join(folder)),
            _ => Ok(PathBuf::from(folder)),
        });
        folders.collect::<Result<_>>().map(Some)
    }

    /// The digests that plugins are held to, by type.
    pub(crate) fn plugin_sha256(&self) -> Result<Vec<(String, [u8; 32])>> {
        let Some(tree) = self.registry.find(PLUGIN_SHA256) else { return Ok(Vec::new()) };
        let key = format!("registry.{PLUGIN_SHA256}");
        let Some(pins) = tree.as_map() else {
            return Err(ConfigError::at(key, "must be a map from a type to a digest").written_at(&tree.source));
        };
        let pin = |(name, tree): (&str, &Tree)| {
            let written = scalar(format!("{key}.{name}"), tree)?;
            let digest = sha256(written.text)
                .ok_or_else(|| written.refused("is not a SHA-256; accepted: 64 hexadecimal digits"))?;
            Ok((check_type(name, self.sections).map_err(|problem| written.refused(problem))?.to_owned(), digest))
        };
        pins.iter().map(pin).collect()
    }

    fn duration(&self, places: &[(bool, &str)], name: &str) -> Result<Duration> {
        match self.period(places, name)? {
            Duration::ZERO => match self.first(places)? {
                Some(written) => Err(written.refused("must be longer than nothing")),
                None => Err(ConfigError::at(name, "must be longer than nothing")),
            },
            duration => Ok(duration),
        }
    }

    /// A duration that may be nothing.
    fn period(&self, places: &[(bool, &str)], name: &str) -> Result<Duration> {
        match self.first(places)? {
            Some(written) => duration::parse(written.text).map_err(|problem| written.refused(problem)),
            None => duration::parse(default(name)).map_err(|problem| ConfigError::at(name, problem)),
        }
    }

    /// The first of these keys that is written, below the section (`true`) or directly below `registry`.
    fn first(&self, places: &[(bool, &str)]) -> Result<Option<Written<'a>>> {
        for (in_section, name) in places {
            let (map, key) = match in_section {
                true => (self.section()?, format!("registry.{}.{name}", self.registry_type)),
                false => (Some(self.registry), format!("registry.{name}")),
            };
            if let Some(tree) = map.and_then(|map| map.find(name)) {
                return scalar(key, tree).map(Some);
            }
        }
        Ok(None)
    }
}

/// Reads `registry.type`, which decides how everything else is read.
pub(crate) fn registry_type(tree: Option<&Tree>, sections: &[HostSection]) -> Result<String> {
    let Some(tree) = tree else { return Ok(default(TYPE).to_owned()) };
    let written = scalar(format!("registry.{TYPE}"), tree)?;
    check_type(written.text, sections).map(str::to_owned).map_err(|problem| written.refused(problem))
}

fn check_type<'n>(name: &'n str, sections: &[HostSection]) -> std::result::Result<&'n str, &'static str> {
    const LONGEST: usize = 64;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(plain);
    if good && name.len() <= LONGEST && !HOST_KEYS.contains(&name) && !host_section::is_one(sections, name) {
        Ok(name)
    } else {
        Err("is not a registry type; accepted: a plugin's name, such as etcd: lower-case letters, digits and -")
    }
}

fn scalar(key: String, tree: &Tree) -> Result<Written<'_>> {
    match &tree.shape {
        Shape::Scalar(text) => Ok(Written { key, text, source: &tree.source }),
        Shape::List(_) => Err(ConfigError::at(key, "must be a single value, not a list").written_at(&tree.source)),
        _ => Err(ConfigError::at(key, "must be a single value, not a map").written_at(&tree.source)),
    }
}

fn default(name: &str) -> &'static str {
    DEFAULTS.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

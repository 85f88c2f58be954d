//! What a plugin is handed: the keys of its section, and the flat ones that are not the host's.

use std::collections::BTreeMap;
use std::sync::Arc;

use registry_api::{Error, ErrorKind};
use registry_config::{ConfigError, ConfigKey, Source, kebab, slip_of};
use serde_json::Value;

use super::Result;
use super::environment::Variable;
use super::host_keys::{HOST_KEYS, HostKeys};
use super::host_section;
use super::placeholder::Placeholders;
use super::tree::{Map, Shape, Tree};
use crate::compat::dolphinscheduler;

/// A part of the configuration as its reader is handed it: a backend's plugin, or what stands on the registry.
#[derive(Clone, Debug)]
pub struct Section {
    pub(crate) prefix: String,
    pub(crate) json: Value,
    pub(crate) origins: BTreeMap<String, (String, Source)>,
    pub(crate) near_misses: Vec<String>,
    pub(crate) unknown: Vec<String>,
}

impl Section {
    /// The section as JSON: an object, every scalar in it a string as it was written.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The section's full key, such as `registry.etcd`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Keys of a section beside `registry` that nobody knows, but that are so near to a known one that it may have
    /// been meant: a sentence each, for a warning.
    pub fn near_misses(&self) -> &[String] {
        &self.near_misses
    }

    /// All keys of a section beside `registry` that nobody knows: a sentence each, for the section's reader to
    /// itself.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// The key as the user wrote it, and where: `registry.etcd.endpoints` may stand as `registry.endpoints`.
    ///
    /// A key that is not written has the place of the one that it belongs under.
    pub fn origin(&self, key: &str) -> Option<(String, &Source)> {
        let path = key.strip_prefix(&self.prefix)?.strip_prefix('.')?;
        let mut above = path;
        loop {
            if let Some((written, source)) = self.origins.get(&kebab(above)) {
                return Some((format!("{written}{}", &path[above.len()..]), source));
            }
            above = &above[..above.rfind(['.', '['])?];
        }
    }

    /// A plugin's `InvalidConfig` with the key as the user wrote it and where that is.
    ///
    /// # Behavior
    ///
    /// If the error is about the user or about a key, variables of the environment that set a key of the section
    /// without naming the section are named as a cause: a `REGISTRY_USER` may be there for something else.
    pub fn locate(&self, error: Error) -> Error {
        let variables = self.flat_variables(&error);
        let located = self.locate_key(error);
        let untold = variables.into_iter().filter(|(name, _)| !located.message().contains(&**name));
        let untold: Vec<_> = untold.map(|(name, key)| format!("environment variable {name} counts as {key}")).collect();
        match untold.is_empty() {
            true => located,
            false => located.with_cause_text(untold.join("; ")),
        }
    }

    /// The variables that an error may be owed to, each with the key that it counts as.
    fn flat_variables(&self, error: &Error) -> Vec<(Arc<str>, String)> {
        let of_user = [ErrorKind::Unauthenticated, ErrorKind::PermissionDenied].contains(&error.kind());
        let named = |key: &str| {
            let mut mentions = error.message().match_indices(key).map(|(at, key)| &error.message()[at + key.len()..]);
            mentions.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || "-.[".contains(next)))
        };
        let flat = self.origins.iter().filter_map(|(path, (written, source))| match source.place() {
            Source::Environment(name) if *written == format!("registry.{path}") => {
                Some((Arc::clone(name), format!("{}.{path}", self.prefix)))
            }
            _ => None,
        });
        flat.filter(|(_, key)| of_user || (error.kind() == ErrorKind::InvalidConfig && named(key))).collect()
    }

    fn locate_key(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::InvalidConfig {
            return error;
        }
        // A plugin may name the key in the message alone.
        let (key, rest) = match error.key() {
            Some(key) => (key, error.message()),
            None => error.message().split_at(error.message().find([' ', ':']).unwrap_or_default()),
        };
        let Some((key, source)) = self.origin(key) else { return error };
        let message = format!("{} ({source})", rest.trim_start_matches([':', ' ']));
        let mut located = Error::new(error.kind(), message).or_key(key);
        if let Some(operation) = error.operation() {
            located = located.or_operation(operation);
        }
        if let Some(plugin) = error.plugin() {
            located = located.or_plugin(plugin);
        }
        error.causes().iter().fold(located, Error::with_cause_text)
    }
}

/// The parts a section is made of, the second before the first.
pub(crate) struct SectionKeys {
    /// Keys directly below `registry`.
    pub(crate) flat: Map,
    /// Keys below `registry.<type>`.
    pub(crate) nested: Map,
}

/// Gathers what goes to the plugin, as far as its keys are known.
pub(crate) fn parts(
    host: &HostKeys<'_>,
    variables: &[Variable],
    placeholders: &Placeholders,
    keys: &[ConfigKey],
) -> Result<SectionKeys> {
    let mut nested = host.section()?.cloned().unwrap_or_default();
    nested.retain(|name| !host.is_consumed(name));
    let mut flat = flat_keys(host, placeholders, keys)?;
    for variable in variables {
        let path: Vec<&str> = variable.path.iter().map(String::as_str).collect();
        if matches!(*path, [name] if host.is_flat_timeout(name)) {
            // It is among the host's keys by now.
            continue;
        }
        if knows(keys, path[0]) {
            if flat.at(&path).is_some_and(|tree| matches!(tree.source.place(), Source::Set(_))) {
                continue;
            }
            let mut tree = variable.tree();
            placeholders.resolve(&format!("registry.{}", path.join(".")), &mut tree)?;
            flat.overlay(super::keys::single(&path, tree));
        } else {
            check_variable_name(host.registry_type, variable, keys)?;
        }
    }
    Ok(SectionKeys { flat, nested })
}

/// What stands directly below `registry`, but the host's own keys and the sections.
fn flat_keys(host: &HostKeys<'_>, placeholders: &Placeholders, keys: &[ConfigKey]) -> Result<Map> {
    let registry_type = host.registry_type;
    let mut flat = Map::default();
    for (name, tree) in host.registry.iter() {
        let kebab_name = kebab(name);
        let ours = HOST_KEYS.contains(&&*kebab_name) || host.is_flat_timeout(&kebab_name);
        if host_section::is_one(host.sections, &kebab_name) {
            host.map(&kebab_name)?;
            continue;
        }
        if ours || kebab_name == registry_type {
            continue;
        }
        let known = knows(keys, &kebab_name);
        if !known && !keys.is_empty() {
            dolphinscheduler::check(name, tree)?;
        }
        if !known && tree.as_map().is_some() {
            // The section of another backend, which this one's host has no business with.
            check_section_name(host, name, tree)?;
            continue;
        }
        if let Some(meant) = slip_of(name, HOST_KEYS).filter(|_| !known && !keys.is_empty()) {
            let problem = format!("is not a known key; did you mean registry.{meant}?");
            return Err(ConfigError::at(format!("registry.{name}"), problem).written_at(&tree.source));
        }
        let mut tree = tree.clone();
        placeholders.resolve(&format!("registry.{name}"), &mut tree)?;
        flat.push(name, tree);
    }
    Ok(flat)
}

pub(crate) fn section(host: &HostKeys<'_>, parts: SectionKeys) -> Section {
    let prefix = format!("registry.{}", host.registry_type);
    let mut origins = BTreeMap::new();
    for (above, map) in [("registry", &parts.flat), (prefix.as_str(), &parts.nested)] {
        for (name, tree) in map.iter() {
            note(above, name, tree, &mut origins);
        }
    }
    for (name, (key, source)) in host.consumed() {
        origins.insert(name.to_owned(), (key, source.clone()));
    }
    let mut merged = parts.flat;
    merged.overlay(parts.nested);
    Section { json: merged.to_json(), prefix, origins, near_misses: Vec::new(), unknown: Vec::new() }
}

/// A section of what stands on the registry, such as `cluster`.
pub(crate) fn host_section(host: &HostKeys<'_>, name: &str) -> Result<Section> {
    let map = host.map(name)?.cloned().unwrap_or_default();
    let prefix = format!("registry.{name}");
    let mut origins = BTreeMap::new();
    map.iter().for_each(|(name, tree)| note(&prefix, name, tree, &mut origins));
    Ok(Section { json: map.to_json(), prefix, origins, near_misses: Vec::new(), unknown: Vec::new() })
}

pub(crate) fn note(above: &str, path: &str, tree: &Tree, origins: &mut BTreeMap<String, (String, Source)>) {
    origins.insert(kebab(path), (format!("{above}.{path}"), tree.source.clone()));
    match &tree.shape {
        Shape::Map(map) => map.iter().for_each(|(name, below)| note(above, &format!("{path}.{name}"), below, origins)),
        Shape::List(items) => {
            items.iter().enumerate().for_each(|(at, item)| note(above, &format!("{path}[{at}]"), item, origins));
        }
        Shape::Null | Shape::Scalar(_) => {}
    }
}

/// Whether the plugin has a key of this name, or keys below it.
pub(crate) fn knows(keys: &[ConfigKey], name: &str) -> bool {
    keys.iter().any(|key| key.name.split('.').next() == Some(name))
}

/// A map that nobody reads may be meant for this backend: `registry.ectd`.
fn check_section_name(host: &HostKeys<'_>, name: &str, tree: &Tree) -> Result<()> {
    let meant = host.registry_type;
    // Names of the same length, because `etcd3` beside `etcd` is another backend's.
    let slip = kebab(name).len() == meant.len() && slip_of(name, [meant]).is_some();
    if let Some(meant) = slip_of(name, host.sections.iter().map(|section| section.name)) {
        let problem = format!("is not a section; did you mean registry.{meant}?");
        return Err(ConfigError::at(format!("registry.{name}"), problem).written_at(&tree.source));
    }
    if slip && host.registry.find(meant).is_none() {
        let problem = format!("is not the section of registry.type {meant}; did you mean registry.{meant}?");
        return Err(ConfigError::at(format!("registry.{name}"), problem).written_at(&tree.source));
    }
    Ok(())
}

/// A variable that nobody reads may be a slip, or another program's.
fn check_variable_name(registry_type: &str, variable: &Variable, keys: &[ConfigKey]) -> Result<()> {
    let written = variable.path.join(".");
    let plugin_keys: Vec<String> =
        keys.iter().flat_map(|key| [key.name.to_string(), format!("{registry_type}-{}", key.name)]).collect();
    match slip_of(&written, HOST_KEYS.into_iter().chain(plugin_keys.iter().map(String::as_str))) {
        Some(meant) => {
            let meant = meant.replace('.', "__").replace('-', "_").to_ascii_uppercase();
            Err(ConfigError::new(format!(
                "environment variable {}: names no key; did you mean REGISTRY_{meant}?",
                variable.name
            )))
        }
        None if keys.is_empty() => Ok(()),
        None => dolphinscheduler::check_variable(&variable.name, &written),
    }
}

//! The configuration: defaults, a file, the environment, and what the command line sets, each over the one before.
//!
//! Scalars stay as they were written until somebody who knows the type reads them: the host its own keys, here, and the
//! plugin its section. Every value remembers where it was written, for the error that refuses it.
//!
//! A key reads the same nested or dotted, in kebab-case or camelCase. Keys directly below `registry` that are not the
//! host's own are handed to the plugin together with the section `registry.<type>`, which takes precedence; sections of
//! other backends are left alone. In the environment every name begins with `REGISTRY_`, `_` stands for `-`, and `__`
//! goes one level down.
//!
//! `${NAME:default}` in a value stands for what the environment or the configuration says elsewhere.

mod beside;
mod builder;
mod environment;
mod file;
mod host_keys;
mod host_section;
mod json;
mod keys;
mod merged;
mod missing;
mod placeholder;
mod profile;
mod properties;
mod section;
mod service_link;
mod set;
mod target;
#[cfg(test)]
mod tests;
mod toml;
mod tree;
mod unselected;
mod url;
mod warnings;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use registry_config::{ConfigError, ConfigKey, Source};

pub use builder::SettingsBuilder;
pub use file::read_text;
pub use host_keys::DisconnectStrategy;
pub use host_section::HostSection;
pub use merged::Setting;
pub use section::Section;

use environment::Variable;
use host_keys::{HostKeys, NAMESPACE, timeout_names};
pub(crate) use keys::single;
use placeholder::Placeholders;
pub(crate) use tree::{Map, Tree};

pub(crate) type Result<T> = std::result::Result<T, ConfigError>;

/// A merged and checked configuration of a host server.
///
/// ```
/// use registry_host::Settings;
///
/// let settings = Settings::builder()
///     .environment([("REGISTRY_NAMESPACE", "blue")])
///     .set("registry.type=etcd")
///     .set("registry.etcd.endpoints=127.0.0.1:2379")
///     .build()?;
/// assert_eq!(settings.registry_type(), "etcd");
/// assert_eq!(settings.namespace(), "blue");
/// # Ok::<(), registry_api::Error>(())
/// ```
#[derive(Clone)]
pub struct Settings {
    registry_type: String,
    namespace: String,
    disconnect_strategy: DisconnectStrategy,
    stop_strategy: DisconnectStrategy,
    plugin_dirs: Vec<PathBuf>,
    /// Those of the directories that nobody wrote.
    usual_dirs: Vec<PathBuf>,
    plugin_sha256: Vec<(String, [u8; 32])>,
    operation_timeout: Duration,
    base: PathBuf,
    /// All that is written below `registry`, merged.
    registry: Map,
    /// What else is read below `registry`, whichever backend it has.
    sections: Vec<HostSection>,
    /// What `--set` sets beside `registry`, by section.
    set_beside: BTreeMap<String, Map>,
    /// Variables of the environment that only the plugin can know.
    variables: Vec<Variable>,
    /// What a placeholder may stand for, and the rest of the file.
    placeholders: Arc<Placeholders>,
    /// What was noticed while the layers were read.
    warnings: Vec<String>,
}

impl Settings {
    /// Reads a file and lays the environment of this process over it.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted.
    pub fn load(path: impl AsRef<Path>) -> registry_api::Result<Self> {
        Self::builder().file(path.as_ref()).process_environment().build()
    }

    /// A configuration from chosen layers; without any it is the defaults alone.
    pub fn builder() -> SettingsBuilder {
        SettingsBuilder::default()
    }

    /// `registry.type`: the name of the backend.
    pub fn registry_type(&self) -> &str {
        &self.registry_type
    }

    /// `registry.<type>.namespace`, else `registry.namespace`: segments joined by `/`, or nothing.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The same configuration in another namespace, whatever is written: for what has keys of its own beside the
    /// host's.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if it is not a namespace.
    pub fn in_namespace(&self, namespace: &str) -> registry_api::Result<Self> {
        let source = Source::Set("Settings::in_namespace");
        let tree = Tree::scalar(source, namespace);
        let mut registry = self.registry.clone();
        registry.overlay(keys::single(&[&self.registry_type, NAMESPACE], tree));
        let namespace = HostKeys { registry: &registry, ..self.host_keys(&[]) }.namespace()?;
        Ok(Settings { registry, namespace, ..self.clone() })
    }

    /// Where the namespace is written, by the full name of the key; `None` if it is nowhere.
    pub fn namespace_origin(&self) -> Option<(String, &Source)> {
        self.host_keys(&[]).consumed().find_map(|(name, origin)| (name == NAMESPACE).then_some(origin))
    }

    /// `registry.disconnect-strategy`, with the period that belongs to it.
    pub fn disconnect_strategy(&self) -> DisconnectStrategy {
        self.disconnect_strategy
    }

    /// The directories to look for plugins in, in order, from the root.
    ///
    /// # Behavior
    ///
    /// `registry.plugin-dirs`; where it is written nowhere, the directory of the executable and the packaged one, and
    /// then those of `REGISTRY_PLUGIN_DIRS`. Relative ones start from the configuration file's directory if they are
    /// written there.
    pub fn plugin_dirs(&self) -> &[PathBuf] {
        &self.plugin_dirs
    }

    /// The SHA-256 that a type's plugin must have, if `registry.plugin-sha256` pins it.
    pub fn plugin_sha256(&self, registry_type: &str) -> Option<&[u8; 32]> {
        self.plugin_sha256.iter().find(|(pinned, _)| pinned == registry_type).map(|(_, digest)| digest)
    }

    /// What `stop` means, for hosts that call the strategy otherwise: [`DisconnectStrategy::Stop`] with
    /// `registry.disconnect-grace`.
    pub fn stop_strategy(&self) -> DisconnectStrategy {
        self.stop_strategy
    }

    /// Whether a key of the host's own is written anywhere, by its name below `registry`: `disconnect-strategy`.
    pub fn is_written(&self, name: &str) -> bool {
        self.registry.find(name).is_some()
    }

    /// `registry.operation-timeout`: how long a call may take that names no deadline of its own.
    pub fn operation_timeout(&self) -> Duration {
        self.operation_timeout
    }

    /// The session timeout to ask for: `registry.<type>.session-timeout`, or what the plugin calls it by the keys that
    /// its metadata names (etcd: `ttl`), else `registry.session-timeout`.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if it is not a duration, or none that is longer than nothing.
    pub fn session_timeout(&self, keys: &[ConfigKey]) -> registry_api::Result<Duration> {
        let registry = self.registry_of(keys)?;
        Ok(HostKeys { registry: &registry, ..self.host_keys(keys) }.session_timeout()?)
    }

    /// The directory that relative paths in the configuration start from: the file's, else the working directory.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// What the plugin is handed, given the keys that its metadata names.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for a key or an environment variable that nobody has and that looks like a slip.
    pub fn section(&self, keys: &[ConfigKey]) -> registry_api::Result<Section> {
        let registry = self.registry_of(keys)?;
        let host = HostKeys { registry: &registry, ..self.host_keys(keys) };
        Ok(section::section(&host, self.parts(&host)?))
    }

    /// A section of what stands on the registry, whichever backend that has: `cluster` is `registry.cluster`.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if it is written as anything but a map of keys, or was not
    /// [registered](SettingsBuilder::section).
    pub fn host_section(&self, name: &str) -> registry_api::Result<Section> {
        if !host_section::is_one(&self.sections, name) {
            return Err(host_section::unregistered(name).into());
        }
        Ok(section::host_section(&self.host_keys(&[]), name)?)
    }

    /// The [registered](SettingsBuilder::section) sections of what stands on the registry.
    pub fn host_sections(&self) -> &[HostSection] {
        &self.sections
    }

    /// Every key that counts, sorted, with secrets hidden, given the keys that the plugin's metadata names.
    ///
    /// # Errors
    ///
    /// As [`section`](Settings::section).
    pub fn merged(&self, keys: &[ConfigKey]) -> registry_api::Result<Vec<Setting>> {
        let registry = self.registry_of(keys)?;
        let host = HostKeys { registry: &registry, ..self.host_keys(keys) };
        Ok(merged::settings(&host, &self.usual_dirs, &self.parts(&host)?, keys))
    }

    /// Keys that are ignored although they may have been meant for the registry, and defaults that are dangerous for a
    /// host. Each is a sentence for the operator. `keys` are those that the plugin's metadata names.
    ///
    /// # Behavior
    ///
    /// [`Registry::open`](crate::Registry::open) logs them as warnings. If something is passed over, the directories of
    /// plugins are looked into, so this may wait for a disk: what is another installed backend's is not warned of.
    pub fn warnings(&self, keys: &[ConfigKey]) -> Vec<String> {
        warnings::all(self, keys)
    }

    fn parts(&self, host: &HostKeys<'_>) -> Result<section::SectionKeys> {
        section::parts(host, &self.variables, &self.placeholders, host.keys)
    }

    /// All that is written below `registry`, with the variables that the plugin's names for the session timeout make
    /// keys of the host.
    fn registry_of(&self, keys: &[ConfigKey]) -> Result<Map> {
        let mut registry = self.registry.clone();
        for name in timeout_names(keys) {
            let Some(variable) = self.variables.iter().find(|variable| variable.path == [name]) else { continue };
            if registry.find(name).is_some_and(|tree| matches!(tree.source.place(), Source::Set(_))) {
                continue;
            }
            let mut tree = variable.tree();
            self.placeholders.resolve(&format!("registry.{name}"), &mut tree)?;
            registry.overlay(keys::single(&[name], tree));
        }
        Ok(registry)
    }

    fn host_keys<'a>(&'a self, keys: &'a [ConfigKey]) -> HostKeys<'a> {
        HostKeys { registry: &self.registry, registry_type: &self.registry_type, keys, sections: &self.sections }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is written for the plugin may be secret under any name, so only the host's own keys are shown.
        f.debug_struct("Settings")
            .field("registry_type", &self.registry_type)
            .field("namespace", &self.namespace)
            .field("plugin_dirs", &self.plugin_dirs)
            .field("operation_timeout", &self.operation_timeout)
            .finish_non_exhaustive()
    }
}

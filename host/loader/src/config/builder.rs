//! The layers, laid over each other.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use registry_config::{ConfigError, Source};

use super::Result;
use super::Settings;
use super::environment::Environment;
use super::file::{self, Content};
use super::host_keys::{self, HostKeys};
use super::host_section::HostSection;
use super::keys;
use super::placeholder::Placeholders;
use super::set::{Layers, Set};
use super::tree::{Map, Tree};
use super::url;
use crate::compat::dolphinscheduler;

/// Where the plugins lie of a host that was installed, from the folder above that of the executable.
const INSTALLED: &str = "lib/registry/plugins";

/// Where the plugins of a packaged host lie.
const PACKAGED: &str = "/usr/lib/registry/plugins";

const MEMORY_BY_DEFAULT: &str = "registry.type is written nowhere, so the registry is in the memory of this process, and no \
                                 other process sees it; set registry.type, to memory if that is meant";

/// Collects the layers of a configuration; see [`Settings::builder`].
#[derive(Clone, Default)]
#[must_use]
pub struct SettingsBuilder {
    file: Option<PathBuf>,
    profiles: Vec<String>,
    target: Option<String>,
    environment: Vec<(OsString, OsString)>,
    pub(super) set: Vec<Set>,
    plugin_dirs: Vec<PathBuf>,
    default_type: Option<String>,
    sections: Vec<HostSection>,
    beside: Vec<&'static str>,
}

impl SettingsBuilder {
    /// The configuration file: YAML, TOML, JSON or Java's properties, by its extension.
    ///
    /// One that is named must have a section `registry`, or a slip in its name would mean the defaults.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Makes a Spring profile active, beside those that `SPRING_PROFILES_ACTIVE` in the environment names.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profiles.push(name.into());
        self
    }

    /// Chooses one of the targets that the file names: what stands below `targets.<name>` goes over what stands below
    /// `registry`.
    pub fn target(mut self, name: impl Into<String>) -> Self {
        self.target = Some(name.into());
        self
    }

    /// The environment to read; it replaces one given before.
    pub fn environment<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        self.environment = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }

    /// Reads the environment of this process.
    pub fn process_environment(self) -> Self {
        self.environment(std::env::vars_os())
    }

    /// Sets one key over everything else, written `registry.type=etcd`; of several for a key the last counts.
    pub fn set(mut self, assignment: impl Into<String>) -> Self {
        self.set.push(Set::Assignment(assignment.into()));
        self
    }

    /// Sets one key, given by its full name, over everything else.
    pub fn set_value(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.set.push(Set::Value(key.into(), value.into()));
        self
    }

    /// The backend of a host to which memory, or another, is right where `registry.type` is written nowhere. Without
    /// this it is memory as well, but opening the registry warns of it: no other process sees such a registry.
    pub fn default_type(mut self, name: impl Into<String>) -> Self {
        self.default_type = Some(name.into());
        self
    }

    /// Registers a section of what stands on the registry, which its crate gives: without that it is passed over as
    /// another backend's.
    pub fn section(mut self, section: HostSection) -> Self {
        self.sections.push(section);
        self
    }

    /// Registers a section that stands beside `registry`, such as `worker`, so that [`set`](SettingsBuilder::set) may
    /// set its keys. It is read with [`Settings::section_beside`], registered or not.
    pub fn beside(mut self, section: &'static str) -> Self {
        self.beside.push(section);
        self
    }

    /// Looks for plugins in this directory before all others; several are searched in the order they are given.
    pub fn plugin_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.plugin_dirs.push(directory.into());
        self
    }

    /// Reads the layers and merges them.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted.
    pub fn build(self) -> registry_api::Result<Settings> {
        self.merge().map_err(Into::into)
    }

    fn merge(self) -> Result<Settings> {
        let profiles = self.active_profiles();
        let target = self.target.as_deref();
        let Content { mut registry, documents, mut warnings } = match (&self.file, target) {
            (Some(path), _) => file::read(path, &profiles, target)?,
            (None, None) => Content::default(),
            (None, Some(target)) => {
                return Err(ConfigError::new(format!("the target '{target}' is looked for in a file: name one")));
            }
        };
        warnings.extend(Environment::strangers(&self.environment));
        let placeholders = Placeholders::new(&self.environment, documents);
        let mut set = Set::layers(&self.set, &self.beside, None)?.registry;
        url::expand(&mut set, &placeholders)?;
        url::expand(&mut registry, &placeholders)?;
        let environment = Environment::read(&self.environment)?;
        let mut of_environment = Map::default();
        for (name, tree) in [(host_keys::TYPE, environment.registry_type()), (host_keys::URL, environment.url())] {
            tree.into_iter().for_each(|tree| of_environment.push(name, tree));
        }
        url::expand(&mut of_environment, &placeholders)?;
        let from_environment = of_environment.find(host_keys::TYPE).cloned();
        let written =
            set.find(host_keys::TYPE).or(from_environment.as_ref()).or(registry.find(host_keys::TYPE)).cloned();
        let registry_type = match written {
            Some(mut written) => {
                let mut known = registry.clone();
                known.overlay(set.clone());
                placeholders.clone().with_registry(known).resolve(keys::TYPE, &mut written)?;
                host_keys::registry_type(Some(&written), &self.sections)?
            }
            None => match &self.default_type {
                Some(default) => {
                    let default = Tree::scalar(Source::Default, default.as_str());
                    registry.push(host_keys::TYPE, default.clone());
                    host_keys::registry_type(Some(&default), &self.sections)?
                }
                None => {
                    dolphinscheduler::check_environment(self.environment.iter().map(|(name, _)| &**name))?;
                    warnings.push(MEMORY_BY_DEFAULT.to_owned());
                    host_keys::registry_type(None, &self.sections)?
                }
            },
        };
        let Layers { registry: mut set, beside: set_beside } =
            Set::layers(&self.set, &self.beside, Some(&registry_type))?;
        url::expand(&mut set, &placeholders)?;
        let (mut environment, variables) = environment.layer(&registry_type, &self.sections);
        url::expand(&mut environment, &placeholders)?;
        let environment_dirs = environment.find("plugin-dirs").is_some();
        let default_dirs = registry.find("plugin-dirs").is_none() && set.find("plugin-dirs").is_none();
        registry.overlay(environment);
        registry.overlay(set);
        let placeholders = placeholders.with_registry(registry.clone());
        let sections = self.sections;
        let known =
            HostKeys { registry: &Map::default(), registry_type: &registry_type, keys: &[], sections: &sections };
        for (name, tree) in registry.iter_mut() {
            // Another backend's section is not read, so what it needs may be missing.
            if !known.is_foreign(name, tree) {
                placeholders.resolve(&format!("{}.{name}", keys::ROOT), tree)?;
            }
        }

        let host = HostKeys { registry: &registry, ..known };
        // The plugin may have another name for it, but a mistake here is one in any case.
        host.session_timeout()?;
        let mut plugin_dirs = self.plugin_dirs;
        let mut usual_dirs: Vec<PathBuf> = match default_dirs {
            true => near_the_executable().chain([PathBuf::from(PACKAGED)]).collect(),
            false => Vec::new(),
        };
        // Of what is installed below /usr they are the same.
        usual_dirs.dedup();
        plugin_dirs.extend(usual_dirs.iter().cloned());
        if !default_dirs || environment_dirs {
            plugin_dirs.extend(host.plugin_dirs()?.unwrap_or_default());
        }
        let base = self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        Ok(Settings {
            namespace: host.namespace()?,
            disconnect_strategy: host.disconnect_strategy()?,
            stop_strategy: host.stop_strategy()?,
            plugin_dirs: plugin_dirs.iter().map(|folder| absolute(folder)).collect(),
            usual_dirs,
            plugin_sha256: host.plugin_sha256()?,
            operation_timeout: host.operation_timeout()?,
            base: absolute(base),
            registry_type,
            registry,
            sections,
            set_beside,
            variables,
            placeholders: Arc::new(placeholders),
            warnings,
        })
    }

    fn active_profiles(&self) -> Vec<String> {
        let named = self.environment.iter().filter(|(name, _)| name == "SPRING_PROFILES_ACTIVE");
        let named = named.filter_map(|(_, value)| value.to_str()).flat_map(|value| value.split(','));
        let profiles = self.profiles.iter().map(String::as_str).chain(named).map(str::trim);
        profiles.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}

/// Names alone: which values are secret is known only once the plugin's keys are.
impl fmt::Debug for SettingsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsBuilder")
            .field("file", &self.file)
            .field("profiles", &self.profiles)
            .field("set", &self.set.iter().map(Set::key).collect::<Vec<_>>())
            .field("plugin_dirs", &self.plugin_dirs)
            .finish_non_exhaustive()
    }
}

/// Beside the executable, where a build leaves plugins, and where `make install` puts them.
fn near_the_executable() -> impl Iterator<Item = PathBuf> {
    let executable = std::env::current_exe().ok();
    let folder = executable.as_deref().and_then(Path::parent);
    let installed = folder.and_then(Path::parent).map(|prefix| prefix.join(INSTALLED));
    folder.map(Path::to_owned).into_iter().chain(installed)
}

/// The path from the root, so that a change of the working directory changes nothing.
fn absolute(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() {
        return std::env::current_dir().unwrap_or_default();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

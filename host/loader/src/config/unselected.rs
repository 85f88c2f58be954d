//! What is written for backends that are not in use: one word makes them so, and then a slip would be found too late.

use registry_config::{ConfigKey, kebab};

use super::host_keys::{self, HOST_KEYS, HostKeys};
use super::host_section;
use super::section::knows;
use super::tree::Shape;
use super::{Settings, keys, warnings};

impl Settings {
    /// The installed backends beside the chosen one that something is written for, given the keys that the chosen
    /// one's plugin names.
    ///
    /// # Behavior
    ///
    /// The directories of plugins are looked into, so this may wait for a disk. A section whose plugin isn't installed
    /// is among the [`warnings`](Settings::warnings) instead.
    pub fn unselected(&self, keys: &[ConfigKey]) -> Vec<String> {
        let known = |name: &str| knows(keys, &kebab(name));
        let has_section = |backend: &str| {
            self.registry.find(backend).is_some_and(|tree| self.host_keys(&[]).is_foreign(backend, tree))
        };
        let has_variable = |backend: &str| {
            let others =
                self.variables.iter().filter(|variable| !variable.path.first().is_some_and(|name| known(name)));
            others.into_iter().any(|variable| variable.place(backend, &self.sections).is_some())
        };
        let mut installed = warnings::installed(self);
        installed.retain(|backend| *backend != self.registry_type && !known(backend));
        installed.retain(|backend| has_section(backend) || has_variable(backend));
        installed
    }

    /// The configuration as it would be with another backend, as far as that one has its own section for it: keys
    /// directly below `registry` are the chosen backend's.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for what the host itself reads of that section, and for placeholders that stand for nothing.
    pub fn of_backend(&self, name: &str) -> registry_api::Result<Settings> {
        let mut registry = self.registry.clone();
        registry.retain(|key| {
            let key = kebab(key);
            (HOST_KEYS.contains(&&*key) && key != host_keys::TYPE)
                || host_section::is_one(&self.sections, &key)
                || key == name
        });
        for variable in &self.variables {
            if let Some(path) = variable.place(name, &self.sections) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                registry.overlay(keys::single(&path, variable.tree()));
            }
        }
        if let Some(section) = registry.find_mut(name).filter(|tree| matches!(tree.shape, Shape::Map(_))) {
            self.placeholders.resolve(&format!("registry.{name}"), section)?;
        }
        let host = HostKeys { registry: &registry, registry_type: name, ..self.host_keys(&[]) };
        host.section()?;
        host.session_timeout()?;
        Ok(Settings {
            namespace: host.namespace()?,
            registry_type: name.to_owned(),
            variables: Vec::new(),
            warnings: Vec::new(),
            registry,
            ..self.clone()
        })
    }
}

//! What is passed over although it may have been meant for the registry.

use registry_config::ConfigKey;

use super::Settings;
use super::section::knows;
use crate::plugin;

/// Everything that should be heard before a registry is opened.
pub(crate) fn all(settings: &Settings, keys: &[ConfigKey]) -> Vec<String> {
    let registry_type = &settings.registry_type;
    let known = |name: &str| knows(keys, &registry_config::kebab(name));
    let sections =
        settings.registry.iter().filter(|(name, tree)| settings.host_keys(keys).is_foreign(name, tree) && !known(name));
    let sections: Vec<_> = sections.collect();
    let variables = settings.variables.iter().filter(|variable| !variable.path.first().is_some_and(|name| known(name)));
    let variables: Vec<_> = variables.collect();
    let mut warnings = settings.warnings.clone();
    if sections.is_empty() && variables.is_empty() {
        return warnings;
    }
    let installed = installed(settings);
    for (name, tree) in sections {
        if !installed.contains(&registry_config::kebab(name)) {
            let source = &tree.source;
            warnings.push(format!(
                "registry.{name} ({source}) is passed over: {registry_type} has no such key, and no plugin {name} is installed"
            ));
        }
    }
    for variable in variables {
        // Such a one is checked when its backend is chosen, and by `config check`.
        if !installed.iter().any(|backend| variable.place(backend, &settings.sections).is_some()) {
            warnings.push(format!(
                "environment variable {} is passed over: it names no key of the registry, of {registry_type} or of another \
                 installed plugin",
                variable.name
            ));
        }
    }
    warnings
}

/// The names of the plugins that are there, each once.
pub(crate) fn installed(settings: &Settings) -> Vec<String> {
    let mut names: Vec<_> = plugin::installed(&settings.plugin_dirs).into_iter().map(|found| found.name).collect();
    names.sort();
    names.dedup();
    names
}

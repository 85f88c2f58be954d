//! Sections of what stands on a registry, whichever backend that has.

use std::fmt;

use registry_config::{ConfigError, ConfigKey};

use super::{Setting, Settings};

/// A section directly below `registry`, such as `registry.cluster`: registered by its reader, with
/// [`SettingsBuilder::section`](super::SettingsBuilder::section).
#[derive(Clone, Copy)]
pub struct HostSection {
    /// Its name below `registry`, in lower-case letters.
    pub name: &'static str,
    /// Its keys, as they are documented.
    pub keys: fn() -> Vec<ConfigKey>,
    /// Refuses what is wrong with it, and gives the settings that are written for it elsewhere, such as beside
    /// `registry`.
    pub check: fn(&Settings) -> registry_api::Result<Vec<Setting>>,
}

impl fmt::Debug for HostSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostSection").field(&self.name).finish()
    }
}

/// Whether one of the sections has this name, in kebab-case.
pub(crate) fn is_one(sections: &[HostSection], name: &str) -> bool {
    sections.iter().any(|section| section.name == name)
}

/// The refusal to read a section that the settings were built without.
pub(crate) fn unregistered(name: &str) -> ConfigError {
    ConfigError::at(
        format!("registry.{name}"),
        "is not registered, so it may have been passed over; build the settings with SettingsBuilder::section",
    )
}

//! `registry.discovery.*`.

use std::path::Path;

use registry_config::{Section, config, from_value};
use registry_host::{Error, ErrorKind, HostSection, Key, Result, Settings};

/// `registry.discovery`, for the [builder](registry_host::SettingsBuilder::section) of the settings; [`load`] registers
/// it by itself.
pub const SECTION: HostSection = HostSection {
    name: "discovery",
    keys: <Options as Section>::keys,
    check: |settings| Options::of(settings).map(|_| Vec::new()),
};

/// Reads a file and lays the environment of this process over it, as [`Settings::load`], with `registry.discovery` in
/// it.
///
/// # Errors
///
/// `InvalidConfig` names the key, the value, where it is written and what is accepted.
pub fn load(path: impl AsRef<Path>) -> Result<Settings> {
    Settings::builder().section(SECTION).file(path.as_ref()).process_environment().build()
}

config! {
    /// How services are registered and found, `registry.discovery.*`.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct Options {
        /// What services stand below; Dubbo calls it the registry's group.
        pub root: String = "dubbo",
        /// What applications and their instances stand below.
        pub instances_root: String = "services",
        /// What the config centre stands below.
        pub config_root: String = "dubbo/config",
        /// Whether a set that becomes empty keeps those who were there last, marked as stale.
        pub empty_protection: bool = "false",
    }
}

impl Options {
    /// Reads `registry.discovery` of a configuration.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted. So do settings that were
    /// built without [`SECTION`].
    pub fn of(settings: &Settings) -> Result<Self> {
        let section = settings.host_section(SECTION.name)?;
        let read = from_value::<Options>(section.json(), section.prefix()).map_err(Error::from);
        let read = read.and_then(|options| options.check(section.prefix()).map(|()| options));
        read.map_err(|error| section.locate(error))
    }

    fn check(&self, prefix: &str) -> Result<()> {
        let roots =
            [("root", &self.root), ("instances-root", &self.instances_root), ("config-root", &self.config_root)];
        for (name, root) in roots {
            let key = format!("/{root}");
            let problem = match Key::new(&key) {
                Ok(key) if !key.is_root() => continue,
                Ok(_) => "is empty".to_owned(),
                Err(invalid) => invalid.reason().to_owned(),
            };
            let message = format!("{root:?} {problem}; accepted: segments joined by '/', such as dubbo");
            return Err(Error::new(ErrorKind::InvalidConfig, message).or_key(format!("{prefix}.{name}")));
        }
        Ok(())
    }
}

//! Opening a registry on a loaded plugin.

use std::path::PathBuf;

use registry_host::{Registry, Settings};

use crate::measure::Failure;

/// Where the plugins are looked for before anywhere else.
pub(crate) struct Plugins(pub(crate) Option<PathBuf>);

impl Plugins {
    /// Opens the backend `name` with further settings, `registry.etcd.endpoints=…`.
    pub(crate) async fn open(&self, name: &str, settings: &[String]) -> Result<Registry, Failure> {
        let mut builder = Settings::builder().set(format!("registry.type={name}"));
        if let Some(folder) = &self.0 {
            builder = builder.plugin_dir(folder);
        }
        for setting in settings {
            builder = builder.set(setting);
        }
        Ok(Registry::open(builder.build()?).await?)
    }
}

//! Opening a registry on a plugin beside this executable.

use registry_host::{Registry, Settings};

use crate::measure::Failure;

/// Opens the backend `name` with further settings, `registry.etcd.endpoints=…`.
pub(crate) async fn open(name: &str, settings: &[String]) -> Result<Registry, Failure> {
    let mut builder = Settings::builder().set(format!("registry.type={name}"));
    for setting in settings {
        builder = builder.set(setting);
    }
    Ok(Registry::open(builder.build()?).await?)
}

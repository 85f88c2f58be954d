//! Two registries in one process: the entries of one are copied to the other.
//!
//! `REGISTRY_PLUGIN_DIRS=target/debug cargo run -p registry-host --example two_backends`; with `REGISTRY_TYPE=etcd`
//! what is below `/config` of an etcd is copied.

use registry_host::{Registry, Result, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    let from = Settings::builder().process_environment().default_type("memory").build()?;
    let plugins = from.plugin_dirs().to_vec();
    let from = Registry::open(from).await?;
    if from.plugin().name() == "memory" {
        from.put("/config/limits", r#"{"tasks":100}"#).await?;
    }

    // It shares nothing with the first, whatever backend that has: sessions and plugins are each registry's own.
    let to = Settings::builder().registry_type("memory").set_value("registry.memory.name", "copy");
    let to = plugins.into_iter().fold(to, |to, folder| to.plugin_dir(folder));
    let to = Registry::open(to.build()?).await?;

    for entry in from.list("/config").await? {
        to.put(&entry.key, &entry.value).await?;
        println!("{} is in both", entry.key);
    }
    from.close().await?;
    to.close().await
}

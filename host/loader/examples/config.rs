//! Where settings come from, and what is said of a wrong one.
//!
//! `REGISTRY_PLUGIN_DIRS=target/debug cargo run -p registry-host --example config`

use std::time::Duration;

use registry_host::{DisconnectStrategy, Registry, Result, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    // Each layer over the one before. A file would be the lowest: `.file("registry.yaml")`.
    let settings = Settings::builder()
        .process_environment()
        .default_type("memory")
        .namespace("example")
        .session_timeout(Duration::from_secs(20))
        .disconnect_strategy(DisconnectStrategy::Wait { at_most: Duration::from_secs(60) })
        .build()?;
    let registry = Registry::open(settings.clone()).await?;

    // What counts, by the keys that the plugin knows; secrets are hidden.
    for setting in settings.merged(&registry.plugin().metadata().keys)? {
        println!("{} = {}", setting.key, setting.value);
    }

    // The keys of plugins are set by their names. Whatever is wrong is told before anything is connected.
    let wrong = Settings::builder().registry_type("etcd").set_value("registry.operation-timeout", "5").build();
    println!("refused: {}", wrong.expect_err("5 of what?"));
    registry.close().await
}

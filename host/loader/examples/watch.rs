//! A watch: the present state, then every change.
//!
//! `REGISTRY_PLUGIN_DIRS=target/debug cargo run -p registry-host --example watch`

use registry_host::{Event, Registry, Result, Scope, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::builder().process_environment().default_type("memory").build()?;
    let registry = Registry::open(settings).await?;
    registry.put("/nodes/a", "up").ephemeral().await?;

    let mut nodes = registry.watch("/nodes", Scope::Children).await?;
    while let Some(event) = nodes.next().await {
        match event? {
            Event::Put { entry, new: true } => println!("{} is there", entry.key),
            Event::Put { entry, .. } => println!("{} has changed", entry.key),
            Event::Delete { last } => {
                println!("{} is gone", last.key);
                break;
            }
            // All that was there has been told. From here on come the changes; a host server would only listen.
            _ => {
                println!("that was all");
                registry.put("/nodes/b", "up").ephemeral().await?;
                registry.delete("/nodes/a").await?;
            }
        }
    }
    registry.close().await
}

//! Leadership: one leads, others see who it is.
//!
//! `REGISTRY_PLUGIN_DIRS=target/debug cargo run -p registry-host --example leader`

use registry_host::{Observer, Registry, Result, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::builder().process_environment().default_type("memory").build()?;
    let registry = Registry::open(settings).await?;
    let mut observer = registry.observe("/leader").await?;
    show(&mut observer).await?;

    // Waits until nobody else leads. The value says who it is.
    let guard = registry.campaign("/leader", "10.0.0.7:1234").await?;
    show(&mut observer).await?;

    // What a leader writes is refused by the backend once it leads no longer.
    registry.txn().check_held(&guard).put("/plan", "made by 10.0.0.7:1234").commit().await?;
    println!("the plan is written");

    // Or `guard.lost()`, which tells when the leadership is lost.
    guard.release().await?;
    show(&mut observer).await?;
    registry.close().await
}

/// Waits for news.
async fn show(observer: &mut Observer) -> Result<()> {
    match observer.next().await.transpose()?.flatten() {
        Some(leader) => println!("{} leads", String::from_utf8_lossy(leader.value())),
        None => println!("nobody leads"),
    }
    Ok(())
}

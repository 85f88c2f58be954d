//! A lock, and a write that only its holder can make.
//!
//! `REGISTRY_PLUGIN_DIRS=target/debug cargo run -p registry-host --example lock`

use std::time::Duration;

use registry_host::{ErrorKind, Registry, Result, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::builder().process_environment().default_type("memory").build()?;
    let registry = Registry::open(settings).await?;

    // Without `within` it waits for as long as it takes.
    let guard = registry.lock("/lock/job").within(Duration::from_secs(5)).await?;
    println!("acquired");
    match registry.try_lock("/lock/job").await {
        Err(error) if error.kind() == ErrorKind::NotAcquired => println!("nobody else can have it now"),
        other => println!("not expected: {other:?}"),
    }

    // The backend itself checks that the lock is held, in the same step as it writes.
    let mut write = registry.txn();
    write.check_held(&guard).put("/job/owner", "me");
    write.commit().await?;
    println!("written by the holder");

    guard.release().await?;
    match write.commit().await {
        Err(error) if error.kind() == ErrorKind::ConditionFailed => println!("released: the same write is refused"),
        other => println!("not expected: {other:?}"),
    }
    registry.close().await
}

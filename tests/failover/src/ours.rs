//! The plugin's own writer, which does what the drivers' `write` does.

use std::time::{Duration, Instant};

use registry_host::{Registry, Settings};
use tokio::time::sleep;

use crate::{Failure, Wanted, servers::Servers};

/// How long a put may take, and how long is waited before the next: as for the drivers.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(2);

/// What came of writing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// From one put that succeeded to the next, or to the end.
    pub(crate) longest: Duration,
    pub(crate) failed: u64,
}

/// What a registry on these servers is configured with.
pub(crate) fn settings(servers: &dyn Servers, wanted: &Wanted) -> Vec<String> {
    let mut settings = servers.settings();
    settings.push("registry.namespace=failover".to_owned());
    settings.push(format!("registry.session-timeout={}s", wanted.session));
    settings.extend(plugin_dirs(wanted));
    settings
}

/// Where plugins are, if that is said.
pub(crate) fn plugin_dirs(wanted: &Wanted) -> Option<String> {
    wanted.plugin_dir.as_ref().map(|folder| format!("registry.plugin-dirs={}", folder.display()))
}

pub(crate) async fn open(settings: &[String]) -> Result<Registry, Failure> {
    let builder = settings.iter().fold(Settings::builder(), |builder, setting| builder.set(setting));
    Ok(Registry::open(builder.build()?).await?)
}

/// Puts a key again and again for so long, one after the other.
pub(crate) async fn write(registry: &Registry, key: &str, length: Duration) -> Written {
    let begun = Instant::now();
    let (mut last, mut longest, mut failed, mut number) = (begun, Duration::ZERO, 0, 0_u64);
    while begun.elapsed() < length {
        match registry.put(key, number.to_string()).timeout(PATIENCE).await {
            Ok(_) => {
                longest = longest.max(last.elapsed());
                last = Instant::now();
                number += 1;
            }
            Err(_) => failed += 1,
        }
        sleep(PAUSE).await;
    }
    Written { longest: longest.max(last.elapsed()), failed }
}

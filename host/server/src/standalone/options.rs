//! How these servers take part in their cluster.

use std::time::Duration;

use registry_cluster::{Options, SECTION};
use registry_host::{Result, Settings};

/// How often they beat if nothing is written: somebody is watching.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// How many servers beat that often. Each hears each, all in one process: of more, it would do little else.
const FEW: u16 = 100;

/// What `registry.cluster` says, with another default for how often a few servers beat.
pub(super) fn of(settings: &Settings, servers: u16) -> Result<Options> {
    let mut options = Options::of(settings)?;
    let section = settings.host_section(SECTION.name)?;
    if servers <= FEW && section.origin("registry.cluster.max-heartbeat-interval").is_none() {
        options.max_heartbeat_interval = BEAT_EVERY;
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use registry_host::SettingsBuilder;

    use super::*;

    fn interval(settings: SettingsBuilder, servers: u16) -> Duration {
        of(&settings.build().unwrap(), servers).unwrap().max_heartbeat_interval
    }

    #[test]
    fn few_servers_beat_every_second_by_default() {
        assert_eq!(interval(Settings::builder().section(SECTION), FEW), Duration::from_secs(1));
        assert_eq!(interval(Settings::builder().section(SECTION), FEW + 1), Options::default().max_heartbeat_interval);
        assert_eq!(
            interval(Settings::builder().section(SECTION).set("registry.cluster.host-weight=5"), 1),
            Duration::from_secs(1)
        );
        for key in ["registry.cluster.max-heartbeat-interval", "registry.cluster.maxHeartbeatInterval"] {
            for servers in [1, FEW + 1] {
                assert_eq!(
                    interval(Settings::builder().section(SECTION).set_value(key, "7s"), servers),
                    Duration::from_secs(7)
                );
            }
        }
        let written =
            Settings::builder().section(SECTION).environment([("REGISTRY_CLUSTER__MAX_HEARTBEAT_INTERVAL", "10s")]);
        assert_eq!(interval(written, 1), Duration::from_secs(10));
    }
}

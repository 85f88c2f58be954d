//! What stands under `registry.zookeeper`, under DolphinScheduler's names.

mod dial;

use std::time::Duration;

use registry_plugin::{
    ConfigKey,
    config::{Secret, duration},
};
use serde::Deserialize;

pub(crate) use dial::{Dial, Settings};

/// The configuration of the ZooKeeper backend.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Config {
    /// The servers as ZooKeeper's own clients write them: `host:port,host:port/chroot`.
    pub connect_string: String,
    /// `user:password` of the digest scheme; what is then put, only this user may see and change.
    pub digest: Option<Secret>,
    /// How long a server may take to answer before the next one is tried.
    #[serde(with = "duration")]
    pub connection_timeout: Duration,
    /// How long opening may take in all.
    #[serde(with = "duration")]
    pub block_until_connected: Duration,
}

impl Config {
    pub(crate) const KEYS: &'static [ConfigKey] = &[
        ConfigKey::new("connect-string", "host:port,…/chroot", "127.0.0.1:2181", "the servers, and the chroot"),
        ConfigKey::new("digest", "user:password", "", "who to be; what is put, only this user may see and change")
            .secret(),
        ConfigKey::new("connection-timeout", "duration", "15s", "how long a server may take to answer"),
        ConfigKey::new("block-until-connected", "duration", "15s", "how long opening may take in all"),
    ];
}

impl Default for Config {
    fn default() -> Self {
        Config {
            connect_string: "127.0.0.1:2181".to_owned(),
            digest: None,
            connection_timeout: Duration::from_secs(15),
            block_until_connected: Duration::from_secs(15),
        }
    }
}

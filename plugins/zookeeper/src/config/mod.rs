//! What stands under `registry.zookeeper`, under DolphinScheduler's names.

mod choice;
mod dial;
mod servers;
#[cfg(test)]
mod tests;
mod tls;
mod user;

use std::{path::PathBuf, time::Duration};

use registry_plugin::{
    ConfigKey,
    config::{Secret, duration},
};
use serde::Deserialize;

pub(crate) use dial::{Dial, Settings};
pub(crate) use servers::Server;
pub(crate) use tls::Trust;

/// The configuration of the ZooKeeper backend.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Config {
    /// The servers as ZooKeeper's own clients write them, `host:port,host:port/chroot`, or as a list.
    #[serde(deserialize_with = "servers::joined")]
    pub connect_string: String,
    /// How opening is tried again.
    pub retry_policy: RetryPolicy,
    /// How long a server may take to answer before the next one is tried, at most a quarter of the session timeout, and
    /// three quarters of `registry.operation-timeout` or 2 s, whichever is longer.
    #[serde(with = "duration")]
    pub connection_timeout: Duration,
    /// How long opening may take in all.
    #[serde(with = "duration")]
    pub block_until_connected: Duration,
    /// `user:password` of the digest scheme; what is then put, only this user may see and change.
    pub digest: Option<Secret>,
    /// The same under the name that newer releases of DolphinScheduler give it.
    pub authorization: Authorization,
    /// A user of SASL's DIGEST-MD5; what is then put, only this user may see and change.
    pub sasl: Sasl,
    /// TLS; all servers are spoken to in it if anything is set here.
    pub tls: Tls,
    /// How much a read waits for what other clients have written.
    pub sync_reads: Option<SyncReads>,
}

/// How opening is tried again, within the time that it may take in all. A lost session is opened again without end, with the
/// same pauses.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// The first pause; each further one is twice as long.
    #[serde(with = "duration")]
    pub base_sleep_time: Duration,
    /// The longest pause; jitter may double it.
    #[serde(with = "duration")]
    pub max_sleep: Duration,
    /// How many attempts follow the first. Each tries every server once.
    pub max_retries: u32,
}

/// Users of ZooKeeper's authentication schemes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Authorization {
    /// `user:password` of the digest scheme.
    pub digest: Option<Secret>,
}

/// A user of SASL's DIGEST-MD5.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Sasl {
    /// The user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
}

/// TLS: whom to trust and who to be. Paths are relative to the folder of the configuration file. A server's certificate must
/// have the name that the connect string calls the server by.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Tls {
    /// The certificates to trust, PEM.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, PEM, with those between it and the authority's.
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub key_file: Option<PathBuf>,
}

/// How much a read waits for what other clients have written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncReads {
    /// The server first catches up with the leader. A leader that was deposed and hasn't noticed lags behind all the same.
    Sync,
    /// A quorum first agrees on a write that changes nothing, so that reads are linearizable.
    Quorum,
}

impl Config {
    pub(crate) const KEYS: &'static [ConfigKey] = &[
        ConfigKey::new(
            "connect-string",
            "host:port,…/chroot",
            "127.0.0.1:2181",
            "the servers, and the chroot; may be a list, the chroot after its last server",
        ),
        ConfigKey::new(
            "retry-policy.base-sleep-time",
            "duration",
            "1s",
            "the first pause before opening is tried again; each further one is twice as long",
        ),
        ConfigKey::new("retry-policy.max-sleep", "duration", "3s", "the longest of these pauses"),
        ConfigKey::new(
            "retry-policy.max-retries",
            "number",
            "5",
            "how many attempts follow the first, within block-until-connected",
        ),
        ConfigKey::new(
            "connection-timeout",
            "duration",
            "15s",
            "how long a server may take to answer, at most a quarter of the session timeout and about three of the operation timeout",
        ),
        ConfigKey::new("block-until-connected", "duration", "15s", "how long opening may take in all"),
        ConfigKey::new("digest", "user:password", "", "who to be; what is put, only this user may see and change")
            .secret(),
        ConfigKey::new("authorization.digest", "user:password", "", "another name for digest").secret(),
        ConfigKey::new(
            "sasl.user",
            "text",
            "",
            "who to be, by SASL's DIGEST-MD5; what is put, only this user may see and change",
        ),
        ConfigKey::new("sasl.password", "text", "", "the user's password").secret(),
        ConfigKey::new("tls.ca-file", "path", "", "the certificates to trust, PEM; all servers use TLS if it is set"),
        ConfigKey::new("tls.cert-file", "path", "", "the certificate to show, PEM; needs tls.key-file"),
        ConfigKey::new("tls.key-file", "path", "", "its private key, PEM; needs tls.cert-file"),
        ConfigKey::new(
            "sync-reads",
            "sync or quorum",
            "",
            "what a read waits for: the server catches up with the leader, or a quorum agrees (linearizable reads)",
        ),
    ];
}

impl Default for Config {
    fn default() -> Self {
        Config {
            connect_string: "127.0.0.1:2181".to_owned(),
            retry_policy: RetryPolicy::default(),
            connection_timeout: Duration::from_secs(15),
            block_until_connected: Duration::from_secs(15),
            digest: None,
            authorization: Authorization::default(),
            sasl: Sasl::default(),
            tls: Tls::default(),
            sync_reads: None,
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { base_sleep_time: Duration::from_secs(1), max_sleep: Duration::from_secs(3), max_retries: 5 }
    }
}

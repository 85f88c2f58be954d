//! What stands under `registry.zookeeper`, under DolphinScheduler's names.

mod choice;
mod dial;
mod servers;
#[cfg(test)]
mod tests;
mod tls;
mod user;

use std::{path::PathBuf, time::Duration};

use registry_plugin::config::{Secret, config, value};
use serde::Deserialize;

pub(crate) use dial::{Dial, Settings};
pub(crate) use servers::Server;
pub use servers::Servers;
pub(crate) use tls::Trust;

config! {
    /// The configuration of the ZooKeeper backend.
    #[derive(Clone, Debug)]
    pub struct Config {
        /// The servers, and the chroot; may be a list, the chroot after its last server.
        pub connect_string: Servers = "127.0.0.1:2181",
        /// How opening is tried again.
        pub retry_policy: RetryPolicy,
        /// How long a server may take to answer before the next one is tried.
        ///
        /// It is at most a quarter of the session timeout, and three quarters of `registry.operation-timeout` or 2 s,
        /// whichever is longer.
        pub connection_timeout: Duration = "15s",
        /// How long opening may take in all.
        pub block_until_connected: Duration = "15s",
        /// Who to be; what is put, only this user may see and change.
        #[kind = "user:password"]
        pub digest: Option<Secret>,
        /// Users of ZooKeeper's authentication schemes.
        pub authorization: Authorization,
        /// A user of SASL's DIGEST-MD5.
        pub sasl: Sasl,
        /// TLS; all servers are spoken to in it if anything is set here.
        pub tls: Tls,
        /// What a read waits for: the server catches up with the leader, or a quorum agrees (linearizable reads).
        pub sync_reads: Option<SyncReads>,
    }
}

config! {
    /// How opening is tried again, within the time that it may take in all. A lost session is opened again without end,
    /// with the same pauses.
    #[derive(Clone, Debug)]
    pub struct RetryPolicy {
        /// The first pause before opening is tried again; each further one is twice as long.
        pub base_sleep_time: Duration = "1s",
        /// The longest of these pauses; jitter may double it.
        pub max_sleep: Duration = "3s",
        /// How many attempts follow the first, within block-until-connected; each tries every server once.
        pub max_retries: u32 = "5",
    }
}

config! {
    /// Users of ZooKeeper's authentication schemes.
    #[derive(Clone, Debug)]
    pub struct Authorization {
        /// Another name for digest, which newer releases of DolphinScheduler give it.
        #[kind = "user:password"]
        #[alias_of = "digest"]
        pub digest: Option<Secret>,
    }
}

config! {
    /// A user of SASL's DIGEST-MD5.
    #[derive(Clone, Debug)]
    pub struct Sasl {
        /// Who to be, by SASL's DIGEST-MD5; what is put, only this user may see and change.
        pub user: Option<String>,
        /// The user's password.
        pub password: Option<Secret>,
    }
}

config! {
    /// TLS: the authorities to trust and the client's own certificate. Paths are relative to the folder of the
    /// configuration file. A server's certificate must have the name that the connect string calls the server by.
    #[derive(Clone, Debug)]
    pub struct Tls {
        /// The certificates to trust, PEM; all servers use TLS if it is set.
        pub ca_file: Option<PathBuf>,
        /// The certificate to show, PEM, with those between it and the authority's; needs tls.key-file.
        pub cert_file: Option<PathBuf>,
        /// Its private key, PEM; needs tls.cert-file.
        pub key_file: Option<PathBuf>,
    }
}

/// How much a read waits for what other clients have written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncReads {
    /// The server first catches up with the leader. A leader that was deposed and hasn't noticed lags behind all the
    /// same.
    Sync,
    /// A quorum first agrees on a write that changes nothing, so that reads are linearizable.
    Quorum,
}

value!(SyncReads, "sync or quorum");

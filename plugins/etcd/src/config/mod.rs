//! What stands under `registry.etcd`, under DolphinScheduler's names.

mod dial;
#[cfg(test)]
mod tests;
mod tls;

use std::{path::PathBuf, time::Duration};

use registry_plugin::{
    ConfigKey,
    config::{Secret, duration},
};
use serde::Deserialize;

pub(crate) use dial::Settings;

/// The configuration of the etcd backend.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Config {
    /// The servers: `host:port`, with or without `http://` or `https://` before it.
    pub endpoints: Vec<String>,
    /// How long connecting may take.
    #[serde(with = "duration")]
    pub connection_timeout: Duration,
    /// The first pause before a request is sent again that has certainly changed nothing.
    #[serde(with = "duration")]
    pub retry_delay: Duration,
    /// The longest of these pauses.
    #[serde(with = "duration")]
    pub retry_max_delay: Duration,
    /// All of these pauses together.
    #[serde(with = "duration")]
    pub retry_max_duration: Duration,
    /// The user, where the servers have users.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The name that requests call the server by (HTTP/2's `:authority`), where it is not the endpoint's own.
    pub authority: Option<String>,
    /// Read for DolphinScheduler's sake and without effect: one server is used until it fails or is silent, then
    /// another.
    pub load_balancer_policy: Option<String>,
    /// TLS; it is used if anything is set here or the endpoints begin with `https://`.
    pub tls: Tls,
    /// DolphinScheduler's name for `tls.ca-file`, the certificates to trust.
    pub cert_file: Option<PathBuf>,
    /// DolphinScheduler's name for `tls.cert-file`, the certificate to show.
    pub key_cert_chain_file: Option<PathBuf>,
    /// DolphinScheduler's name for `tls.key-file`.
    pub key_file: Option<PathBuf>,
}

/// TLS: whom to trust and who to be. Paths are relative to the folder of the configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Tls {
    /// The certificates to trust, PEM; the system's without it.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, PEM, with those between it and the authority's.
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must have, where it is not the endpoint's own.
    pub domain: Option<String>,
}

impl Config {
    pub(crate) const KEYS: &'static [ConfigKey] = &[
        ConfigKey::new(
            "endpoints",
            "list of host:port",
            "127.0.0.1:2379",
            "the servers, with or without http:// or https:// before them",
        ),
        ConfigKey::new("connection-timeout", "duration", "9s", "how long connecting may take"),
        ConfigKey::new(
            "retry-delay",
            "duration",
            "60ms",
            "the first pause before a request is sent again that has certainly changed nothing",
        ),
        ConfigKey::new("retry-max-delay", "duration", "300ms", "the longest of these pauses"),
        ConfigKey::new("retry-max-duration", "duration", "1500ms", "all of these pauses together"),
        ConfigKey::new("user", "text", "", "the user, where the servers have users"),
        ConfigKey::new("password", "text", "", "the user's password").secret(),
        ConfigKey::new("authority", "host or host:port", "", "the name that requests call the server by"),
        ConfigKey::new(
            "load-balancer-policy",
            "text",
            "",
            "without effect: one server is used until it fails or is silent, then another",
        ),
        ConfigKey::new("tls.ca-file", "path", "", "the certificates to trust, PEM; the system's without it"),
        ConfigKey::new("tls.cert-file", "path", "", "the certificate to show, PEM; needs tls.key-file"),
        ConfigKey::new("tls.key-file", "path", "", "its private key, PEM; needs tls.cert-file"),
        ConfigKey::new("tls.domain", "host", "", "the name that the server's certificate must have"),
        ConfigKey::new(
            "cert-file",
            "path",
            "",
            "DolphinScheduler's name for tls.ca-file; from the working directory, as there",
        ),
        ConfigKey::new("key-cert-chain-file", "path", "", "the same for tls.cert-file"),
        ConfigKey::new("key-file", "path", "", "the same for tls.key-file"),
    ];
}

impl Default for Config {
    fn default() -> Self {
        Config {
            endpoints: vec!["127.0.0.1:2379".to_owned()],
            connection_timeout: Duration::from_secs(9),
            retry_delay: Duration::from_millis(60),
            retry_max_delay: Duration::from_millis(300),
            retry_max_duration: Duration::from_millis(1500),
            user: None,
            password: None,
            authority: None,
            load_balancer_policy: None,
            tls: Tls::default(),
            cert_file: None,
            key_cert_chain_file: None,
            key_file: None,
        }
    }
}

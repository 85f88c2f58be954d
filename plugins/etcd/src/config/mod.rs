//! What stands under `registry.etcd`, under DolphinScheduler's names.

mod dial;
#[cfg(test)]
mod tests;
mod tls;

use std::{path::PathBuf, time::Duration};

use registry_plugin::config::{Secret, config};

pub(crate) use dial::Settings;

config! {
    /// The configuration of the etcd backend.
    #[derive(Clone, Debug)]
    pub struct Config {
        /// The servers, with or without http:// or https:// before them.
        #[kind = "list of host:port"]
        pub endpoints: Vec<String> = "127.0.0.1:2379",
        /// How long connecting may take.
        pub connection_timeout: Duration = "9s",
        /// The first pause before a request is sent again that has certainly changed nothing.
        pub retry_delay: Duration = "60ms",
        /// The longest of these pauses.
        pub retry_max_delay: Duration = "300ms",
        /// All of these pauses together.
        pub retry_max_duration: Duration = "1500ms",
        /// The user, where the servers have users.
        pub user: Option<String>,
        /// The user's password.
        pub password: Option<Secret>,
        /// The name that requests call the server by (HTTP/2's :authority), where it is not the endpoint's own.
        #[kind = "host or host:port"]
        pub authority: Option<String>,
        /// Without effect: one server is used until it fails or is silent, then another.
        ///
        /// It is read for DolphinScheduler's sake.
        pub load_balancer_policy: Option<String>,
        /// TLS; it is used if anything is set here or the endpoints begin with `https://`.
        pub tls: Tls,
        /// DolphinScheduler's name for tls.ca-file; from the working directory, as there.
        #[alias_of = "tls.ca-file"]
        pub cert_file: Option<PathBuf>,
        /// The same for tls.cert-file.
        #[alias_of = "tls.cert-file"]
        pub key_cert_chain_file: Option<PathBuf>,
        /// The same for tls.key-file.
        #[alias_of = "tls.key-file"]
        pub key_file: Option<PathBuf>,
    }
}

config! {
    /// TLS: the authorities to trust and the client's own certificate. Paths are relative to the folder of the
    /// configuration file.
    #[derive(Clone, Debug)]
    pub struct Tls {
        /// The certificates to trust, PEM; the system's without it.
        pub ca_file: Option<PathBuf>,
        /// The certificate to show, PEM, with those between it and the authority's; needs tls.key-file.
        pub cert_file: Option<PathBuf>,
        /// Its private key, PEM; needs tls.cert-file.
        pub key_file: Option<PathBuf>,
        /// The name that the server's certificate must have, where it is not the endpoint's own.
        #[kind = "host"]
        pub domain: Option<String>,
    }
}

//! TLS: the files that it needs, under our names or DolphinScheduler's.

use std::path::{Path, PathBuf};

use registry_plugin::{
    Context, Result,
    config::{both, invalid, pem},
};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::Config;

/// What is configured of TLS.
pub(super) struct Wanted<'c> {
    ca: Option<File>,
    cert: Option<File>,
    key: Option<File>,
    domain: Option<&'c str>,
}

/// A file and the key that it stands under.
struct File {
    name: &'static str,
    path: PathBuf,
}

impl<'c> Wanted<'c> {
    /// Gathers the files from under both names.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for a file that is set under both.
    pub(super) fn new(config: &'c Config, context: &Context) -> Result<Self> {
        let tls = &config.tls;
        let file = |ours, path: &Option<PathBuf>, theirs, other: &Option<PathBuf>| match (path, other) {
            (Some(_), Some(_)) => {
                Err(invalid(context, ours, format_args!("is set, and so is {}; set one", context.config_key(theirs))))
            }
            (Some(path), None) => Ok(Some(File { name: ours, path: path.clone() })),
            (None, Some(path)) => Ok(Some(File { name: theirs, path: from_working_directory(path) })),
            (None, None) => Ok(None),
        };
        Ok(Wanted {
            ca: file("tls.ca-file", &tls.ca_file, "cert-file", &config.cert_file)?,
            cert: file("tls.cert-file", &tls.cert_file, "key-cert-chain-file", &config.key_cert_chain_file)?,
            key: file("tls.key-file", &tls.key_file, "key-file", &config.key_file)?,
            domain: tls.domain.as_deref(),
        })
    }

    /// Whether anything is set, so that an endpoint without a scheme is spoken to in TLS.
    pub(super) fn is_set(&self) -> bool {
        self.ca.is_some() || self.cert.is_some() || self.key.is_some() || self.domain.is_some()
    }

    /// What the channels are told.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for half of a pair, and for a file that can't be read or is not what it should be.
    pub(super) fn read(&self, context: &Context) -> Result<ClientTlsConfig> {
        let mut tls = ClientTlsConfig::new();
        tls = match &self.ca {
            Some(File { name, path }) => {
                tls.ca_certificate(Certificate::from_pem(pem::certificates(context, name, path)?))
            }
            None => tls.with_native_roots(),
        };
        // The half that is missing is named as the other is.
        let (cert_name, key_name) = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => (cert.name, key.name),
            (Some(File { name: "key-cert-chain-file", .. }), _) | (_, Some(File { name: "key-file", .. })) => {
                ("key-cert-chain-file", "key-file")
            }
            _ => ("tls.cert-file", "tls.key-file"),
        };
        let (cert, key) = ((cert_name, self.cert.as_ref()), (key_name, self.key.as_ref()));
        if let Some((cert, key)) = both(context, cert, key)? {
            let cert = pem::certificates(context, cert.name, &cert.path)?;
            tls = tls.identity(Identity::from_pem(cert, pem::private_key(context, key.name, &key.path)?));
        }
        Ok(match self.domain {
            Some(domain) => tls.domain_name(domain),
            None => tls,
        })
    }
}

/// DolphinScheduler takes these paths from its working directory, wherever its configuration file lies.
fn from_working_directory(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

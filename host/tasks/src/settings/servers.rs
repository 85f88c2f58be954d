//! `servers.*`: what masters, workers and their clients share.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use registry_config::{Secret, config};
use registry_host::{Error, ErrorKind, Result, Settings};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

use super::read;

/// More than any token or certificate.
const LARGEST: u64 = 1024 * 1024;

config! {
    /// How masters, workers and clients know each other, `servers.*`.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct ServersSettings {
        /// The token that all of them share.
        pub token: Option<Secret>,
        /// The file that the token is in, instead.
        pub token_file: Option<PathBuf>,
        /// TLS between them.
        pub tls: TlsFiles,
        /// The OpenTelemetry collector that the traces of tasks are sent to by gRPC, such as http://127.0.0.1:4317.
        pub traces_endpoint: Option<String>,
    } and {
        /// What relative paths start from.
        pub base: PathBuf
    }
}

config! {
    /// TLS between masters, workers and clients, `servers.tls.*`.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct TlsFiles {
        /// The authorities whose certificates are trusted, PEM; with it servers ask for their clients' certificates.
        pub ca_file: Option<PathBuf>,
        /// The certificate of this server or client, PEM.
        pub cert_file: Option<PathBuf>,
        /// Its key, PEM.
        pub key_file: Option<PathBuf>,
    }
}

impl ServersSettings {
    /// Reads the section.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the key, the value, where it is written and what is accepted.
    pub fn of(settings: &Settings) -> Result<Self> {
        let base = settings.base().to_owned();
        Ok(ServersSettings { base, ..read(settings, "servers", Self::check)? })
    }

    fn check(&self, prefix: &str) -> Result<()> {
        let missing = |is: &str, other: &str| {
            let message = format!("is set, so {prefix}.{other} has to be set as well");
            Err(Error::new(ErrorKind::InvalidConfig, message).or_key(format!("{prefix}.{is}")))
        };
        match (&self.tls.cert_file, &self.tls.key_file) {
            (Some(_), None) => return missing("tls.cert-file", "tls.key-file"),
            (None, Some(_)) => return missing("tls.key-file", "tls.cert-file"),
            _ => {}
        }
        if self.token.is_some() && self.token_file.is_some() {
            let message = format!("is set, and so is {prefix}.token; set one");
            return Err(Error::new(ErrorKind::InvalidConfig, message).or_key(format!("{prefix}.token-file")));
        }
        Ok(())
    }

    /// Whether a server may listen at an address: one that can be reached from elsewhere has to know who speaks to it.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` says what is missing.
    pub fn allow(&self, ip: IpAddr, section: &str) -> Result<()> {
        let has_token = self.token.is_some() || self.token_file.is_some();
        let asks_certificates = self.tls.ca_file.is_some() && self.tls.cert_file.is_some();
        if ip.is_loopback() || has_token || asks_certificates {
            return Ok(());
        }
        let message = format!(
            "{ip} can be reached from elsewhere, and everyone who reaches it can run commands; set servers.token or \
             servers.token-file, or all of servers.tls.ca-file, cert-file and key-file"
        );
        Err(Error::new(ErrorKind::InvalidConfig, message).or_key(format!("{section}.listen-address")))
    }

    /// Whether connections are encrypted.
    pub fn has_tls(&self) -> bool {
        self.tls.cert_file.is_some() || self.tls.ca_file.is_some()
    }

    /// The token as it stands in a request's metadata, `Bearer …`.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for a file that can't be read, and for a token that can't stand there.
    pub(crate) fn bearer(&self) -> Result<Option<MetadataValue<Ascii>>> {
        let (key, token) = match (&self.token, &self.token_file) {
            (Some(token), _) => ("servers.token", token.clone()),
            (None, Some(path)) => {
                let read = self.file("servers.token-file", path)?;
                let text = String::from_utf8(read).map_err(|_| wrong("servers.token-file", path, "is not text"))?;
                ("servers.token-file", Secret::from(text.trim()))
            }
            (None, None) => return Ok(None),
        };
        let refused = |what| Err(Error::new(ErrorKind::InvalidConfig, what).or_key(key));
        if token.is_empty() {
            return refused("the token is empty");
        }
        match format!("Bearer {}", token.expose()).parse::<MetadataValue<Ascii>>() {
            Ok(mut bearer) => {
                bearer.set_sensitive(true);
                Ok(Some(bearer))
            }
            Err(_) => refused("the token has other characters than those of ASCII that can be seen"),
        }
    }

    /// What a server is told of TLS.
    pub(crate) fn server_tls(&self) -> Result<Option<ServerTlsConfig>> {
        let Some(identity) = self.identity()? else { return Ok(None) };
        let tls = ServerTlsConfig::new().identity(identity);
        let authority = self.authority()?;
        Ok(Some(authority.into_iter().fold(tls, ServerTlsConfig::client_ca_root)))
    }

    /// What a client is told of TLS.
    pub(crate) fn client_tls(&self) -> Result<Option<ClientTlsConfig>> {
        if !self.has_tls() {
            return Ok(None);
        }
        let tls = match self.authority()? {
            Some(authority) => ClientTlsConfig::new().ca_certificate(authority),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        Ok(Some(self.identity()?.into_iter().fold(tls, ClientTlsConfig::identity)))
    }

    fn authority(&self) -> Result<Option<Certificate>> {
        let read = |path: &PathBuf| self.file("servers.tls.ca-file", path).map(Certificate::from_pem);
        self.tls.ca_file.as_ref().map(read).transpose()
    }

    fn identity(&self) -> Result<Option<Identity>> {
        let (Some(cert), Some(key)) = (&self.tls.cert_file, &self.tls.key_file) else { return Ok(None) };
        let (cert, key) = (self.file("servers.tls.cert-file", cert)?, self.file("servers.tls.key-file", key)?);
        Ok(Some(Identity::from_pem(cert, key)))
    }

    fn file(&self, key: &str, path: &Path) -> Result<Vec<u8>> {
        let path = self.base.join(path);
        let read = std::fs::metadata(&path).and_then(|about| match about.len() > LARGEST {
            true => Err(std::io::ErrorKind::FileTooLarge.into()),
            false => std::fs::read(&path),
        });
        read.map_err(|error| wrong(key, &path, "can't be read").with_cause(&error))
    }
}

fn wrong(key: &str, path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("the file {} {what}", path.display())).or_key(key)
}

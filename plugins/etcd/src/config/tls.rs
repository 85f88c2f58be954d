//! Reading the files that TLS needs.

use std::{fmt, fs, path::Path};

use registry_plugin::{Context, Error, Result};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{Tls, dial::invalid};

impl Tls {
    /// What the channels are told.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for half of a pair, and for a file that can't be read or is not what it should be.
    pub(super) fn read(&self, context: &Context) -> Result<ClientTlsConfig> {
        let mut tls = ClientTlsConfig::new();
        tls = match &self.ca_file {
            Some(file) => tls.ca_certificate(Certificate::from_pem(certificates(context, "tls.ca-file", file)?)),
            None => tls.with_native_roots(),
        };
        tls = match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => {
                let cert = certificates(context, "tls.cert-file", cert)?;
                tls.identity(Identity::from_pem(cert, private_key(context, "tls.key-file", key)?))
            }
            (None, None) => tls,
            (Some(_), None) => return Err(half(context, "tls.cert-file", "tls.key-file")),
            (None, Some(_)) => return Err(half(context, "tls.key-file", "tls.cert-file")),
        };
        Ok(match &self.domain {
            Some(domain) => tls.domain_name(domain),
            None => tls,
        })
    }
}

/// One of two keys is set without the other.
pub(super) fn half(context: &Context, set: &str, missing: &str) -> Error {
    invalid(context, missing, format_args!("is not set but {} is; set both or none", context.config_key(set)))
}

fn certificates(context: &Context, name: &str, file: &Path) -> Result<Vec<u8>> {
    let pem = read(context, name, file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(found) if !found.is_empty() => Ok(pem),
        Ok(_) => Err(refused(context, name, file, "holds no certificate; accepted: PEM, -----BEGIN CERTIFICATE-----")),
        Err(error) => Err(refused(context, name, file, format_args!("is no PEM of certificates: {error}"))),
    }
}

fn private_key(context: &Context, name: &str, file: &Path) -> Result<Vec<u8>> {
    let pem = read(context, name, file)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        // Not the parser's own words: they could show a piece of the key.
        Err(_) => Err(refused(context, name, file, "holds no private key; accepted: PEM, -----BEGIN PRIVATE KEY-----")),
    }
}

fn read(context: &Context, name: &str, file: &Path) -> Result<Vec<u8>> {
    fs::read(context.resolve(file))
        .map_err(|error| refused(context, name, file, format_args!("can't be read: {error}")))
}

fn refused(context: &Context, name: &str, file: &Path, what: impl fmt::Display) -> Error {
    let (resolved, shown) = (context.resolve(file), file.display());
    if resolved == file {
        return invalid(context, name, format_args!("{shown:?} {what}"));
    }
    invalid(context, name, format_args!("{shown:?} ({}) {what}", resolved.display()))
}

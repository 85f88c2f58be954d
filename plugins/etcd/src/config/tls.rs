//! Reading the files that TLS needs.

use registry_plugin::{
    Context, Result,
    config::{both, pem},
};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::Tls;

impl Tls {
    /// What the channels are told.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for half of a pair, and for a file that can't be read or is not what it should be.
    pub(super) fn read(&self, context: &Context) -> Result<ClientTlsConfig> {
        let mut tls = ClientTlsConfig::new();
        tls = match &self.ca_file {
            Some(file) => tls.ca_certificate(Certificate::from_pem(pem::certificates(context, "tls.ca-file", file)?)),
            None => tls.with_native_roots(),
        };
        let (cert, key) = (("tls.cert-file", self.cert_file.as_ref()), ("tls.key-file", self.key_file.as_ref()));
        if let Some((cert, key)) = both(context, cert, key)? {
            let cert = pem::certificates(context, "tls.cert-file", cert)?;
            tls = tls.identity(Identity::from_pem(cert, pem::private_key(context, "tls.key-file", key)?));
        }
        Ok(match &self.domain {
            Some(domain) => tls.domain_name(domain),
            None => tls,
        })
    }
}

//! Reading the files that TLS needs.

use std::sync::Arc;

use registry_plugin::{
    Context, Result,
    config::{both, invalid, pem},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use zookeeper_client::TlsOptions;

use super::Tls;

/// The trusted authorities and the own certificate, for the client and for finding out why a server can't be reached.
pub(crate) struct Trust {
    pub(crate) options: TlsOptions,
    pub(crate) config: Arc<ClientConfig>,
}

impl Tls {
    /// What connections are told; `None` where TLS is not configured.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for half of a pair, for a pair without an authority, and for a file that can't be read or is not
    /// what it should be.
    pub(super) fn read(&self, context: &Context) -> Result<Option<Trust>> {
        let (cert, key) = (("tls.cert-file", self.cert_file.as_ref()), ("tls.key-file", self.key_file.as_ref()));
        let identity = both(context, cert, key)?;
        let Some(authority) = &self.ca_file else {
            return match identity {
                None => Ok(None),
                Some(_) => {
                    let what = format_args!("is not set but {} is; set it", context.config_key("tls.cert-file"));
                    Err(invalid(context, "tls.ca-file", what))
                }
            };
        };
        let authority = pem::certificates(context, "tls.ca-file", authority)?;
        let identity = match identity {
            None => None,
            Some((cert, key)) => Some((
                pem::certificates(context, "tls.cert-file", cert)?,
                pem::private_key(context, "tls.key-file", key)?,
            )),
        };
        Trust::new(&authority, identity.as_ref().map(|(cert, key)| (&cert[..], &key[..])), context).map(Some)
    }
}

impl Trust {
    fn new(authority: &[u8], identity: Option<(&[u8], &[u8])>, context: &Context) -> Result<Self> {
        let authority_refused = |cause: String| {
            invalid(context, "tls.ca-file", "holds no certificate that can be trusted").with_cause_text(cause)
        };
        let identity_refused = |cause: String| {
            let what = "can't be used, the key may belong to another certificate";
            invalid(context, "tls.cert-file", what).with_cause_text(cause)
        };
        let mut options =
            TlsOptions::new().with_pem_ca(&text(authority)).map_err(|cause| authority_refused(cause.to_string()))?;
        let mut roots = RootCertStore::empty();
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(authority).collect();
        // As the client does it: what it can't read it does not trust.
        roots.add_parsable_certificates(certificates.map_err(|cause| authority_refused(cause.to_string()))?);
        let provider = aws_lc_rs::default_provider();
        // The client asks for the default one, of which there is none if rustls was built with several.
        let _ = CryptoProvider::install_default(provider.clone());
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|cause| authority_refused(cause.to_string()))?.with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                options = options
                    .with_pem_identity(&text(cert), &text(key))
                    .map_err(|cause| identity_refused(cause.to_string()))?;
                let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).collect();
                let chain = chain.map_err(|cause| identity_refused(cause.to_string()))?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|cause| identity_refused(cause.to_string()))?;
                builder.with_client_auth_cert(chain, key).map_err(|cause| identity_refused(cause.to_string()))?
            }
        };
        Ok(Trust { options, config: Arc::new(config) })
    }
}

/// PEM as text; around its sections there may be anything.
fn text(pem: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(pem)
}

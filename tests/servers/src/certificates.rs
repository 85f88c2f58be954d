use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

use crate::{Error, Result, scratch};

/// A fresh authority and what it signed: a server's certificate for `localhost` and 127.0.0.1, and a client's.
///
/// They are PEM files, removed when this is dropped. The client's certificate is for the user `client`.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes a new authority, which nothing else trusts, and its certificates.
    ///
    /// # Errors
    /// If the files can't be written.
    pub fn generate() -> Result<Self> {
        let certificates = Self { folder: scratch::folder("certificates")? };
        certificates.fill().map_err(Error::during("making certificates"))?;
        Ok(certificates)
    }

    /// The authority's certificate, which a client trusts.
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The client's certificate.
    pub fn cert_file(&self) -> PathBuf {
        self.file("client.pem")
    }

    /// The key of the client's certificate.
    pub fn key_file(&self) -> PathBuf {
        self.file("client-key.pem")
    }

    /// The folder with all of these files, for paths relative to it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn server_cert_file(&self) -> PathBuf {
        self.file("server.pem")
    }

    pub(crate) fn server_key_file(&self) -> PathBuf {
        self.file("server-key.pem")
    }

    /// The server's key and certificate in one, as ZooKeeper wants them.
    pub(crate) fn server_identity_file(&self) -> PathBuf {
        self.file("server-identity.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fill(&self) -> Result<(), Box<dyn std::error::Error>> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "registry test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        fs::write(self.ca_file(), authority.pem())?;

        let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "localhost");
        // etcd's own gateway dials the server with the server's certificate: it is a client's too.
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &authority)?.pem();
        fs::write(self.server_identity_file(), key.serialize_pem() + &certificate)?;
        fs::write(self.server_cert_file(), certificate)?;
        fs::write(self.server_key_file(), key.serialize_pem())?;

        let mut client = CertificateParams::default();
        client.distinguished_name.push(DnType::CommonName, "client");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        fs::write(self.cert_file(), client.signed_by(&key, &authority)?.pem())?;
        fs::write(self.key_file(), key.serialize_pem())?;
        Ok(())
    }
}

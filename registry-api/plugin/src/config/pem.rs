//! Reading the files that TLS needs.

use std::{fmt, fs, path::Path};

use registry_api::{Error, Result};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::invalid;
use crate::Context;

/// The file that a key names, which holds certificates.
///
/// # Errors
///
/// `InvalidConfig` for a file that can't be read or holds none.
pub fn certificates(context: &Context, name: &str, file: &Path) -> Result<Vec<u8>> {
    let pem = read(context, name, file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(found) if !found.is_empty() => Ok(pem),
        Ok(_) => Err(refused(context, name, file, "holds no certificate; accepted: PEM, -----BEGIN CERTIFICATE-----")),
        Err(error) => Err(refused(context, name, file, format_args!("is not PEM of certificates: {error}"))),
    }
}

/// The file that a key names, which holds a private key.
///
/// # Errors
///
/// `InvalidConfig` for a file that can't be read or holds none; nothing of the file is shown.
pub fn private_key(context: &Context, name: &str, file: &Path) -> Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use registry_api::ErrorKind;

    use super::*;
    use crate::{Options, config::tests::context};

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMAE=\n-----END PRIVATE KEY-----\n";

    /// A folder with a file, and a context whose relative paths start there.
    fn folder(name: &str, content: &str) -> (tempfile::TempDir, Context) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(name), content).expect("a file");
        let mut options = Options::new("registry.test");
        options.base = folder.path().to_path_buf();
        (folder, context(options))
    }

    #[tokio::test]
    async fn files_are_read_from_the_folder_of_the_configuration() {
        let (_folder, context) = folder("a.pem", &[CERTIFICATE, KEY].concat());
        let whole = [CERTIFICATE, KEY].concat().into_bytes();
        assert_eq!(certificates(&context, "ca-file", Path::new("a.pem")).expect("a certificate"), whole);
        assert_eq!(private_key(&context, "key-file", Path::new("a.pem")).expect("a key"), whole);
    }

    #[tokio::test]
    async fn a_wrong_file_is_named_without_its_content() {
        type Reading = fn(&Context, &str, &Path) -> Result<Vec<u8>>;
        let cases: [(Reading, &str, &str); 5] = [
            (certificates, "", "no certificate"),
            (certificates, KEY, "no certificate"),
            (certificates, "-----BEGIN CERTIFICATE-----\nnot base64!\n", "not PEM"),
            (private_key, CERTIFICATE, "no private key"),
            (private_key, "-----BEGIN PRIVATE KEY-----\nMAE!\n-----END PRIVATE KEY-----\n", "no private key"),
        ];
        for (read, content, what) in cases {
            let (folder, context) = folder("a.pem", content);
            let error = read(&context, "tls.file", Path::new("a.pem")).expect_err("it is refused");
            let message = error.to_string();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{message}");
            for part in ["registry.test.tls.file", "\"a.pem\"", &folder.path().display().to_string(), what] {
                assert!(message.contains(part), "{message} lacks {part}");
            }
            assert!(!message.contains("MAE"), "{message}");
            let missing = read(&context, "tls.file", &folder.path().join("b.pem")).expect_err("it is not there");
            assert!(missing.to_string().contains("can't be read"), "{missing}");
        }
    }
}

//! TLS: whom to trust.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Why a CA file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read.
    Unreadable(PathBuf, String),
    /// The file holds no certificate.
    Empty(PathBuf),
    /// A certificate of the file cannot serve as an authority.
    Bad(PathBuf, String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, why) => {
                write!(f, "cannot read the CA file {}: {why}", path.display())
            }
            Self::Empty(path) => write!(
                f,
                "the CA file {} holds no certificate (a PEM block \"BEGIN CERTIFICATE\")",
                path.display()
            ),
            Self::Bad(path, why) => {
                write!(f, "a certificate in the CA file {} is bad: {why}", path.display())
            }
        }
    }
}

impl std::error::Error for TlsError {}

/// The TLS settings of the client: trusts the roots built in (Mozilla's, from webpki-roots) and,
/// if given, the certificates of a PEM file besides them.
///
/// # Errors
///
/// If the file cannot be read, holds no certificate, or a broken one.
pub fn roots(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        add_file(&mut store, path)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring serves the default versions of TLS")
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn add_file(store: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let pem =
        fs::read(path).map_err(|error| TlsError::Unreadable(path.to_owned(), error.to_string()))?;
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let bad = |why: String| TlsError::Bad(path.to_owned(), why);
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        store.add(certificate).map_err(|error| bad(error.to_string()))?;
        found = true;
    }
    if found { Ok(()) } else { Err(TlsError::Empty(path.to_owned())) }
}

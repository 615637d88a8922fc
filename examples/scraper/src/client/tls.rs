//! TLS: whom to trust.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
/// if given, the certificates of a PEM file.
///
/// # Errors
///
/// If the file cannot be read, holds no certificate, or a broken one.
pub fn roots(ca_file: Option<&Path>) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    let _ = ca_file;
    todo!()
}

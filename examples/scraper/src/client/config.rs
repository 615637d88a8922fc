//! The client's settings.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::observer::Observer;
use super::tls::{self, TlsError};

/// Decides whether a redirect from the first URL to the second is followed.
pub type MayFollow = Arc<dyn Fn(&Url, &Url) -> bool + Send + Sync>;

/// Settings of a [`Client`](super::Client). Every field has a sensible default.
///
/// ```
/// use rondel_scraper::client::ClientConfig;
/// let config = ClientConfig { connections_per_host: 6, ..ClientConfig::default() };
/// assert_eq!(config.connections, 150);
/// ```
#[derive(Clone)]
pub struct ClientConfig {
    /// Connections open at once, idle ones and those being opened included. At least 1.
    pub connections: usize,
    /// The same for one host (scheme, name and port). At least 1.
    pub connections_per_host: usize,
    /// How long an unused connection is kept. Zero: no connection is used twice.
    pub keep_alive: Duration,
    /// How long the addresses of a name are remembered.
    pub dns_ttl: Duration,
    /// Name lookup, connecting to all of its addresses and TLS together.
    pub connect_timeout: Duration,
    /// The longest silence of the server: before the first byte of the answer and between two
    /// chunks of the body.
    pub read_timeout: Duration,
    /// One attempt: from asking the pool for a connection to the last byte of the body. Waiting for
    /// the limiter and sleeping between attempts do not count; each redirect and each retry
    /// starts anew.
    pub total_timeout: Duration,
    /// Attempts for one fetch, the first included. At least 1.
    pub attempts: u32,
    /// The first retry waits a random time up to this, the second up to twice this, and so on.
    pub backoff: Duration,
    /// No backoff is longer.
    pub backoff_max: Duration,
    /// A longer `Retry-After` is cut down to this.
    pub retry_after_max: Duration,
    /// Redirects followed in a row; zero makes any redirect an error that names its target.
    pub redirects: usize,
    /// Asked for each redirect; `None` follows all of them.
    pub may_follow: Option<MayFollow>,
    /// Bytes of a body, both as sent and after decompression.
    pub body_max: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The `Accept` header.
    pub accept: String,
    /// Whom to trust over https; made by [`tls::roots`] or [`ClientConfig::ca_file`]. `None`: the
    /// roots built in. Certificates are always checked.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Seed of the jitter; `None`: another one in each run.
    pub seed: Option<u64>,
    /// Told about retries and redirects.
    pub observer: Option<Arc<dyn Observer>>,
}

impl ClientConfig {
    /// Trusts the certificates of the PEM file `path` besides the built-in roots.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, holds no certificate, or a broken one.
    pub fn ca_file(mut self, path: &Path) -> Result<Self, TlsError> {
        self.tls = Some(tls::roots(Some(path))?);
        Ok(self)
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connections: 150,
            connections_per_host: 30,
            keep_alive: Duration::from_secs(30),
            dns_ttl: Duration::from_secs(300),
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            attempts: 4,
            backoff: Duration::from_millis(250),
            backoff_max: Duration::from_secs(10),
            retry_after_max: Duration::from_secs(60),
            redirects: 10,
            may_follow: None,
            body_max: 16 << 20,
            user_agent: concat!("rondel-scraper/", env!("CARGO_PKG_VERSION")).to_owned(),
            accept: "*/*".to_owned(),
            tls: None,
            seed: None,
            observer: None,
        }
    }
}

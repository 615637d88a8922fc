//! One fetch: attempts, redirects, the body.

use std::sync::Arc;

use url::{Position, Url};

use super::{ClientConfig, FetchError, Net, PoolStats, Response};
use crate::limits::Limiter;

/// Names the endpoint of a URL for the limiter, for example its first path segment.
pub type EndpointOf = fn(&Url) -> &str;

/// Host and port of `url` as the limiter knows them: `example.org`, `127.0.0.1:8080`. The port
/// is left out where it is the usual one of the scheme.
pub fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// The HTTP client. Cheap to clone; all clones share one pool.
pub struct Client<N: Net> {
    net: N,
    config: ClientConfig,
}

impl<N: Net> Client<N> {
    /// A client with an empty pool. Opens nothing yet.
    pub fn new(net: N, config: ClientConfig) -> Self {
        Self { net, config }
    }

    /// Asks `limiter` before each single request, retries and redirects included.
    #[must_use]
    pub fn limited(self, limiter: Arc<Limiter<N>>, endpoint_of: EndpointOf) -> Self {
        let _ = (limiter, endpoint_of);
        self
    }

    /// Gets `url`, with retries and redirects.
    ///
    /// # Errors
    ///
    /// [`FetchError`], if the last attempt failed; any status but 2xx is a failure.
    ///
    /// **Cancel-safe:** yes. The connection in use is closed.
    pub async fn fetch(&self, url: &Url) -> Result<Response, FetchError> {
        let _ = (url, &self.net, &self.config);
        todo!()
    }

    /// The counters of the pool.
    pub fn stats(&self) -> PoolStats {
        todo!()
    }
}

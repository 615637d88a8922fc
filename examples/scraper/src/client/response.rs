//! What a fetch returns.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use url::Url;

/// A complete answer with a 2xx status.
#[derive(Debug)]
#[non_exhaustive]
pub struct Response {
    /// The URL asked for.
    pub url: Url,
    /// The URL that answered, if that is another one because of redirects; see
    /// [`final_url`](Self::final_url).
    pub redirected_to: Option<Url>,
    /// The status: 2xx.
    pub status: StatusCode,
    /// The headers as sent.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// Attempts made, the successful one included. Redirects are no attempts.
    pub attempts: u32,
    /// The whole fetch, with redirects, limiter, retries and the sleeps between.
    pub elapsed: Duration,
    /// The last request alone: from asking the pool for a connection to the last byte.
    pub latency: Duration,
    /// Bytes of the body as sent, before decompression.
    pub wire_bytes: usize,
    /// Whether the last request went over a connection used before.
    pub reused: bool,
}

impl Response {
    /// The URL that answered, after redirects.
    pub fn final_url(&self) -> &Url {
        self.redirected_to.as_ref().unwrap_or(&self.url)
    }
}

/// Counters of the pool since the client was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Connections opened, failed ones not included.
    pub opened: u64,
    /// Requests sent over a connection that had served one before.
    pub reused: u64,
    /// Reused connections that turned out to be dead; their requests were sent again.
    pub stale: u64,
    /// Idle connections closed to make room for another host.
    pub evicted: u64,
    /// Connections open now: in use, idle, being opened or closed.
    pub open: usize,
    /// The most that were ever open at once.
    pub open_max: usize,
    /// Connections in use now.
    pub in_use: usize,
    /// The most that were ever in use at once: requests in flight.
    pub in_use_max: usize,
    /// Requests that had to wait for a connection because of a limit.
    pub waits: u64,
    /// How long they waited, together.
    pub waited: Duration,
}

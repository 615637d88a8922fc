//! The HTTP client: hyper's protocol over a connection pool of our own.
//!
//! ```text
//!   fetch(url) ─▶ limiter ─▶ pool ──idle one──▶ send ─▶ head ─▶ body ─▶ decompress ─▶ Response
//!      ▲                      └─none─▶ dns ─▶ connect ─▶ tls ─┘      │
//!      └── retry (backoff, Retry-After) ◀── redirect ◀───────────────┘
//! ```
//!
//! Rules
//! 1. No more connections are open than the two limits say: a connection counts from before its
//!    name is looked up until its socket is closed, used or idle.
//! 2. Certificates are always checked (the guide's client switched that off, erratum X10).
//! 3. A request that died on a reused connection before a byte came back is sent again at once and
//!    is no attempt: the server had closed an idle connection, which is its right.
//!
//! Everything is generic over [`Net`], so the same code runs on any executor.
//!
//! Real world: aiohttp's `TCPConnector` counts connections in use only, so its limit is passed by
//! idle ones; reqwest and hyper-util have no limit on open connections at all.

mod backoff;
mod body;
mod config;
mod dns;
mod error;
mod fetch;
mod http1;
mod net;
mod observer;
mod pool;
mod response;
mod stream;
mod timing;
pub mod tls;

pub use config::{ClientConfig, MayFollow};
pub use error::{Cause, FetchError, Phase, Timeout};
pub use fetch::{Client, EndpointOf, authority};
pub use net::{Clock, Net, RondelNet};
pub use observer::{Observer, Retry};
pub use response::{PoolStats, Response};

//! What is allowed, in numbers.

use std::collections::HashMap;
use std::time::Duration;

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LimitSpec {
    /// A token bucket: `per_second` on average, `burst` at once after a pause. In any span of
    /// `t` seconds at most `burst + t * per_second`.
    Bucket {
        /// Tokens that come back each second; more than zero.
        per_second: f64,
        /// Tokens the full bucket holds; at least 1.
        burst: u32,
    },
    /// A sliding window: in any span of `window` at most `limit`.
    Window {
        /// Requests; at least 1.
        limit: u32,
        /// Length of the span; more than zero.
        window: Duration,
    },
}

/// The three levels of a [`Limiter`](super::Limiter). `None` means no limit.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// All requests together.
    pub global: Option<LimitSpec>,
    /// Each host.
    pub host: Option<LimitSpec>,
    /// Each endpoint of each host.
    pub endpoint: Option<LimitSpec>,
    /// Hosts with a limit of their own instead of [`host`](Self::host).
    pub hosts: HashMap<String, LimitSpec>,
    /// Endpoints (by name, on any host) with a limit of their own instead of
    /// [`endpoint`](Self::endpoint).
    pub endpoints: HashMap<String, LimitSpec>,
}

//! The async front.

use std::time::Duration;

use super::{LimitSpec, Limits};
use crate::client::Clock;

/// A permission that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// How long it took.
    pub waited: Duration,
}

/// Counters of a [`Limiter`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterStats {
    /// Permissions granted.
    pub granted: u64,
    /// Those that had to wait.
    pub waits: u64,
    /// How long they waited, together.
    pub waited: Duration,
    /// The longest wait.
    pub waited_max: Duration,
    /// Waiting now.
    pub waiting: usize,
}

/// The three-level limiter: endpoint, host, global.
pub struct Limiter<C: Clock> {
    clock: C,
}

impl<C: Clock> Limiter<C> {
    /// A limiter with all its tokens.
    pub fn new(clock: C, limits: Limits) -> Self {
        let _ = limits;
        Self { clock }
    }

    /// Gives `host` a limit of its own from now on, for example its crawl delay.
    pub fn set_host(&self, host: &str, spec: LimitSpec) {
        let _ = (host, spec);
    }

    /// Waits until all three levels allow one request to `endpoint` of `host`, first come first served.
    ///
    /// **Cancel-safe:** yes. Nothing is lost: a permission already granted goes to the next.
    pub async fn acquire(&self, endpoint: &str, host: &str) -> Granted {
        let _ = (endpoint, host, &self.clock);
        todo!()
    }

    /// The counters.
    pub fn stats(&self) -> LimiterStats {
        todo!()
    }
}

//! At most so many requests in any minute.

use rondel::time::{Duration, Instant};

/// Counts requests.
pub struct Window {
    limit: usize,
    span: Duration,
    begun: Instant,
    count: usize,
}

impl Window {
    /// At most `limit` requests in any stretch of time of that `span`.
    pub fn new(limit: usize, span: Duration) -> Self {
        Self { limit, span, begun: Instant::now(), count: 0 }
    }

    /// Whether a request may pass now; if so, it is counted.
    pub fn try_pass(&mut self) -> bool {
        if self.begun.elapsed() >= self.span {
            self.begun = Instant::now();
            self.count = 0;
        }
        if self.count == self.limit {
            return false;
        }
        self.count += 1;
        true
    }
}

//! At most so many requests in any minute.

use rondel::time::{Duration, Instant};
use std::collections::VecDeque;

/// Remembers when each request of the last minute passed.
pub struct Window {
    limit: usize,
    span: Duration,
    passed: VecDeque<Instant>,
}

impl Window {
    /// At most `limit` requests in any stretch of time of that `span`.
    pub fn new(limit: usize, span: Duration) -> Self {
        Self { limit, span, passed: VecDeque::new() }
    }

    /// Whether a request may pass now; if so, it is counted.
    pub fn try_pass(&mut self) -> bool {
        let now = Instant::now();
        while self.passed.front().is_some_and(|when| now - *when >= self.span) {
            self.passed.pop_front();
        }
        if self.passed.len() == self.limit {
            return false;
        }
        self.passed.push_back(now);
        true
    }
}

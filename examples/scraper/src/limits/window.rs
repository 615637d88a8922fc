//! The sliding window: the exact time of each request of the last `window`.
//!
//! Rule: in any half-open span of length `window` at most `limit` requests. A fixed window (a
//! counter that is reset each minute) lets twice as many through around its edge (erratum X9).
//!
//! Costs 16 bytes for each request of the window; the token bucket costs nothing, but lets a burst
//! through on top of its rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A sliding window log. Pure: the time comes in through the arguments and must not go back.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    limit: usize,
    window: Duration,
    log: VecDeque<Instant>,
}

impl SlidingWindow {
    /// At most `limit` (at least 1) in any span of `window`.
    pub fn new(limit: u32, window: Duration) -> Self {
        Self { limit: limit.max(1) as usize, window, log: VecDeque::new() }
    }

    /// When there will be room, if nobody takes it before: not after `now` if there is.
    pub fn ready_at(&self, now: Instant) -> Instant {
        // Entries older than the window may still be in the log; the one that counts is the
        // `limit`-th from the end.
        match self.log.len().checked_sub(self.limit) {
            Some(nth) => (self.log[nth] + self.window).max(now),
            None => now,
        }
    }

    /// Takes a place.
    ///
    /// # Errors
    ///
    /// When there will be one, if there is none.
    pub fn try_take(&mut self, now: Instant) -> Result<(), Instant> {
        let at = self.ready_at(now);
        if at > now {
            return Err(at);
        }
        self.take(now);
        Ok(())
    }

    /// Takes a place that [`ready_at`](Self::ready_at) said is there.
    pub fn take(&mut self, now: Instant) {
        while self.log.front().is_some_and(|&oldest| oldest + self.window <= now) {
            self.log.pop_front();
        }
        self.log.push_back(now);
    }

    /// Gives back the place taken at `at` that was not used.
    pub fn refund(&mut self, at: Instant) {
        if let Ok(index) = self.log.binary_search(&at) {
            self.log.remove(index);
        }
    }
}

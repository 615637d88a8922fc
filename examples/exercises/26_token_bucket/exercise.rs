//! A token bucket: so many requests a second, and short bursts.

use rondel::time::{Duration, Instant, sleep};
use std::cell::Cell;

/// Holds at most `burst` tokens; one more every `every`.
pub struct TokenBucket {
    every: Duration,
    burst: u32,
    tokens: Cell<u32>,
    filled: Cell<Instant>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(every: Duration, burst: u32) -> Self {
        Self { every, burst, tokens: Cell::new(burst), filled: Cell::new(Instant::now()) }
    }

    /// Waits for a token and takes it.
    pub async fn take(&self) {
        loop {
            self.fill();
            if self.tokens.get() > 0 {
                self.tokens.set(self.tokens.get() - 1);
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Puts in what has come since the last time.
    fn fill(&self) {
        let passed = self.filled.get().elapsed();
        let new = (passed.as_nanos() / self.every.as_nanos()) as u32;
        self.tokens.set((self.tokens.get() + new).min(self.burst));
        self.filled.set(self.filled.get() + self.every * new);
    }
}

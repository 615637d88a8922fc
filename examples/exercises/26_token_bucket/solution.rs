//! A token bucket: so many requests a second, and short bursts.

use rondel::sync::Mutex;
use rondel::time::{Duration, Instant, sleep_until};
use std::cell::Cell;

/// Holds at most `burst` tokens; one more every `every`.
pub struct TokenBucket {
    every: Duration,
    burst: u32,
    tokens: Cell<u32>,
    filled: Cell<Instant>,
    /// First come, first served: one looks at the bucket, the others stand behind.
    line: Mutex<()>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(every: Duration, burst: u32) -> Self {
        let (tokens, filled) = (Cell::new(burst), Cell::new(Instant::now()));
        Self { every, burst, tokens, filled, line: Mutex::new(()) }
    }

    /// Waits for a token and takes it.
    pub async fn take(&self) {
        let _first = self.line.lock().await;
        self.fill();
        while self.tokens.get() == 0 {
            // Exactly until the next one comes.
            sleep_until(self.filled.get() + self.every).await;
            self.fill();
        }
        self.tokens.set(self.tokens.get() - 1);
    }

    /// Puts in what has come since the last time.
    fn fill(&self) {
        let passed = self.filled.get().elapsed();
        let new = (passed.as_nanos() / self.every.as_nanos()) as u32;
        self.tokens.set((self.tokens.get() + new).min(self.burst));
        self.filled.set(self.filled.get() + self.every * new);
    }
}

//! A cache in front of a dear query.

use rondel::time::{Duration, Instant};
use std::cell::RefCell;

/// Remembers the last answer for a while.
pub struct Cache {
    keep: Duration,
    last: RefCell<Option<(Instant, u32)>>,
}

impl Cache {
    /// A cache that keeps an answer for so long.
    pub fn new(keep: Duration) -> Self {
        Self { keep, last: RefCell::new(None) }
    }

    /// The answer: remembered, or by `query`.
    pub async fn get(&self, query: impl AsyncFn() -> u32) -> u32 {
        if let Some((when, answer)) = *self.last.borrow() {
            if when.elapsed() < self.keep {
                return answer;
            }
        }
        let answer = query().await;
        *self.last.borrow_mut() = Some((Instant::now(), answer));
        answer
    }
}

//! A cache in front of a dear query.

use rondel::sync::Mutex;
use rondel::time::{Duration, Instant};

/// Remembers the last answer for a while.
pub struct Cache {
    keep: Duration,
    last: Mutex<Option<(Instant, u32)>>,
}

impl Cache {
    /// A cache that keeps an answer for so long.
    pub fn new(keep: Duration) -> Self {
        Self { keep, last: Mutex::new(None) }
    }

    /// The answer: remembered, or by `query`.
    pub async fn get(&self, query: impl AsyncFn() -> u32) -> u32 {
        // Held across the await on purpose: the others wait here, and then find the answer.
        let mut last = self.last.lock().await;
        if let Some((when, answer)) = *last {
            if when.elapsed() < self.keep {
                return answer;
            }
        }
        let answer = query().await;
        *last = Some((Instant::now(), answer));
        answer
    }
}

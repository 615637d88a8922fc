//! Counts visitors.

use rondel::time::{Duration, sleep};
use std::cell::Cell;

/// A counter that visitors share.
#[derive(Default)]
pub struct Counter {
    visits: Cell<u32>,
}

impl Counter {
    pub fn visits(&self) -> u32 {
        self.visits.get()
    }

    /// Counts one visit, which has to be written to a log first: that takes a millisecond.
    pub async fn visit(&self) {
        sleep(Duration::from_millis(1)).await;
        // No await between reading and writing, so nobody comes between.
        self.visits.set(self.visits.get() + 1);
    }
}

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
        let visits = self.visits.get();
        sleep(Duration::from_millis(1)).await;
        self.visits.set(visits + 1);
    }
}

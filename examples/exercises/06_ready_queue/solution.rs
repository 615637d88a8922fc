//! The ready queue of an executor: which task is polled next.

use std::collections::{HashSet, VecDeque};

/// Tasks are numbers here.
#[derive(Default)]
pub struct ReadyQueue {
    tasks: VecDeque<usize>,
    queued: HashSet<usize>,
}

impl ReadyQueue {
    /// A waker of `task` was called.
    pub fn wake(&mut self, task: usize) {
        if self.queued.insert(task) {
            self.tasks.push_back(task);
        }
    }

    /// The task to poll next. It is taken out before it is polled.
    pub fn next(&mut self) -> Option<usize> {
        let task = self.tasks.pop_front()?;
        // From here on a wake-up means: once more, after this poll.
        self.queued.remove(&task);
        Some(task)
    }
}

//! The ready queue of an executor: which task is polled next.

use std::collections::VecDeque;

/// Tasks are numbers here.
#[derive(Default)]
pub struct ReadyQueue {
    tasks: VecDeque<usize>,
}

impl ReadyQueue {
    /// A waker of `task` was called.
    pub fn wake(&mut self, task: usize) {
        self.tasks.push_back(task);
    }

    /// The task to poll next. It is taken out before it is polled.
    pub fn next(&mut self) -> Option<usize> {
        self.tasks.pop_back()
    }
}

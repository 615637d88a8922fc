//! Floor 4. What was still there when a runtime ended.
//!
//! The end of a runtime cancels what is left, without a word: a program that is done does not care.
//! A program that believes everything of it has ended by itself does, and asks for this report.
//!
//! ```text
//!   2 tasks were cancelled, 1 closure of `spawn_blocking` still runs
//!     cancelled: task 3 `poller` (spawned at src/main.rs:20:9)
//!     cancelled: task 7 (spawned at src/main.rs:31:5)
//! ```
//!
//! Real world: `asyncio.run` cancels what is left and tells nobody; trio has nothing left by
//! construction; Go's `goleak` fails a test that leaves goroutines behind.

use crate::task::info::TaskInfo;
use std::fmt;

/// What was cancelled at the end of a runtime, and what could not be.
///
/// [`Runtime::shutdown_report`](crate::Runtime::shutdown_report) returns it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndReport {
    cancelled: Vec<TaskInfo>,
    workers_running: usize,
    closures_running: usize,
}

impl EndReport {
    pub(crate) fn new(
        cancelled: Vec<TaskInfo>,
        workers_running: usize,
        closures_running: usize,
    ) -> Self {
        Self { cancelled, workers_running, closures_running }
    }

    /// The tasks that had not ended: their futures were dropped. In the order of their numbers: of
    /// those that one thread spawned, that is the order of their birth.
    pub fn cancelled(&self) -> &[TaskInfo] {
        &self.cancelled
    }

    /// How many workers of the stealing flavour, or loops of the pinned one, were still stuck in a
    /// poll when the limit was over.
    /// They are left behind with their threads; what is left of the tasks ends when they do.
    pub fn workers_running(&self) -> usize {
        self.workers_running
    }

    /// How many closures of `spawn_blocking` still ran when the limit was over. They are left
    /// behind with their threads.
    pub fn closures_running(&self) -> usize {
        self.closures_running
    }

    /// Whether nothing was left: every task had ended, and every closure.
    pub fn is_clean(&self) -> bool {
        self.cancelled.is_empty() && self.workers_running == 0 && self.closures_running == 0
    }
}

impl fmt::Display for EndReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("nothing was left");
        }
        let (tasks, closures) = (self.cancelled.len(), self.closures_running);
        let task_word = if tasks == 1 { "task was" } else { "tasks were" };
        write!(f, "{tasks} {task_word} cancelled")?;
        match self.workers_running {
            0 => {}
            1 => f.write_str(", 1 worker is stuck in a poll")?,
            workers => write!(f, ", {workers} workers are stuck in a poll")?,
        }
        match closures {
            0 => {}
            1 => write!(f, ", 1 closure of `spawn_blocking` still runs")?,
            _ => write!(f, ", {closures} closures of `spawn_blocking` still run")?,
        }
        self.cancelled.iter().try_for_each(|task| write!(f, "\n  cancelled: {task}"))
    }
}

//! Floor 5. What a shutdown has to tell: of each task how it ended, and what did not end.
//!
//! "Stopped in 5.1 s" is what most services log. What one wants to know after the third slow deploy
//! is who took the five seconds, who had to be thrown out, and who was still there at the end:
//!
//! ```text
//!   shutdown after 5.2s (Ctrl-C): 41 had finished before, 1 ended when asked, 1 dropped, 1 LEAKED
//!     task 7 `worker` (spawned at src/main.rs:20:14) ended when asked, after 1.2s
//!     task 9 `stubborn` (spawned at src/main.rs:31:14) was dropped, after 5s
//!     task 12 `hash` (spawned at src/hash.rs:8:5) LEAKED: it still runs, after 5.2s
//! ```

use std::fmt;
use std::time::Duration;

use crate::task::TaskInfo;

/// How a task of a [`Shutdown`](super::Shutdown) ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShutdownOutcome {
    /// By itself, before the shutdown began.
    Finished,
    /// By itself, after the shutdown had begun, within the grace.
    Ended,
    /// It was aborted by somebody who has its handle.
    Aborted,
    /// The grace was over, and it was aborted.
    Dropped,
    /// It panicked, before or after the shutdown began.
    Panicked,
    /// It has not ended: a closure on the blocking pool, or a tracked future that somebody else
    /// has.
    Leaked,
}

/// All of them, in the order in which a report counts them.
const OUTCOMES: [ShutdownOutcome; 6] = [
    ShutdownOutcome::Finished,
    ShutdownOutcome::Ended,
    ShutdownOutcome::Aborted,
    ShutdownOutcome::Dropped,
    ShutdownOutcome::Panicked,
    ShutdownOutcome::Leaked,
];

/// How many of each outcome.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts([usize; OUTCOMES.len()]);

impl Counts {
    pub(super) fn add(&mut self, outcome: ShutdownOutcome) {
        self.0[outcome as usize] += 1;
    }

    fn of(&self, outcome: ShutdownOutcome) -> usize {
        self.0[outcome as usize]
    }
}

/// One task, and how it ended.
#[derive(Debug, Clone)]
pub struct ShutdownTask {
    pub(super) info: TaskInfo,
    pub(super) outcome: ShutdownOutcome,
    pub(super) took: Duration,
    pub(super) message: Option<String>,
}

impl ShutdownTask {
    /// Who it is: its id, its name, where it was spawned.
    pub fn info(&self) -> &TaskInfo {
        &self.info
    }

    /// How it ended.
    pub fn outcome(&self) -> ShutdownOutcome {
        self.outcome
    }

    /// How long that took, from the beginning of the shutdown (or from its spawn, if that was
    /// later). Of a task that ended before, its whole life.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// With what message it panicked, if it did and the message is text.
    pub fn panic_message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

/// What became of the tasks of a [`Shutdown`](super::Shutdown).
///
/// Its `Display` is meant to be logged: a line with the sums, and one for each task that was there
/// when the shutdown began, or panicked before.
///
/// Of tasks that ended before the shutdown only the last 64 are kept one by one; all are counted.
#[derive(Debug, Clone)]
pub struct ShutdownReport {
    pub(super) reason: Option<String>,
    pub(super) took: Duration,
    pub(super) tasks: Vec<ShutdownTask>,
    pub(super) counts: Counts,
}

impl ShutdownReport {
    /// Why it was begun.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// How long it took, from its beginning to this report.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// The tasks, in the order in which they ended; those that leaked come last.
    pub fn tasks(&self) -> &[ShutdownTask] {
        &self.tasks
    }

    /// The tasks with that outcome.
    pub fn of(&self, outcome: ShutdownOutcome) -> impl Iterator<Item = &ShutdownTask> {
        self.tasks.iter().filter(move |task| task.outcome == outcome)
    }

    /// How many tasks had that outcome, those that are not kept one by one among them.
    pub fn count(&self, outcome: ShutdownOutcome) -> usize {
        self.counts.of(outcome)
    }

    /// Whether nobody had to be dropped, nobody panicked, and nobody leaked.
    pub fn is_clean(&self) -> bool {
        use ShutdownOutcome::{Dropped, Leaked, Panicked};
        [Dropped, Leaked, Panicked].into_iter().all(|outcome| self.count(outcome) == 0)
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shutdown after {:?}", self.took)?;
        if let Some(reason) = &self.reason {
            write!(f, " ({reason})")?;
        }
        let mut comma = ": ";
        for outcome in OUTCOMES {
            let words = match outcome {
                ShutdownOutcome::Finished => "had finished before",
                ShutdownOutcome::Ended => "ended when asked",
                ShutdownOutcome::Aborted => "aborted by hand",
                ShutdownOutcome::Dropped => "dropped",
                ShutdownOutcome::Panicked => "panicked",
                ShutdownOutcome::Leaked => "LEAKED",
            };
            let count = self.count(outcome);
            if count > 0 {
                write!(f, "{comma}{count} {words}")?;
                comma = ", ";
            }
        }
        if comma == ": " {
            f.write_str(": there was no task")?;
        }
        let worth_a_line = |task: &&ShutdownTask| task.outcome != ShutdownOutcome::Finished;
        for task in self.tasks.iter().filter(worth_a_line) {
            write!(f, "\n  {task}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ShutdownTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.outcome {
            ShutdownOutcome::Finished => "finished",
            ShutdownOutcome::Ended => "ended when asked",
            ShutdownOutcome::Aborted => "was aborted by hand",
            ShutdownOutcome::Dropped => "was dropped",
            ShutdownOutcome::Panicked => "panicked",
            ShutdownOutcome::Leaked => "LEAKED: it still runs",
        };
        write!(f, "{} {what}, after {:?}", self.info, self.took)?;
        match &self.message {
            Some(message) => write!(f, ", with message {message:?}"),
            None => Ok(()),
        }
    }
}

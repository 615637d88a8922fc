//! Floor 2. The ready queue: who runs next. The seam between the flavours.
//!
//! The loop asks it four things, and everything in which the flavours differ is an answer to one
//! of them: where does the next task come from, and where do I look before I sleep.
//!
//! | the loop asks | the local flavour answers | a stealing one would |
//! |---|---|---|
//! | `push` | the back of the ring | the back of its own ring, which others can reach |
//! | `pop` | the front of the ring | the same |
//! | `refill` | is the ring empty? | look into the common queue, then rob a neighbour |
//! | `sleep` | is the inbox empty? | the same, and is nobody else overloaded? |
//!
//! Real world: asyncio's `_ready` deque; tokio's `Core` with its run queue and last-woken slot.

pub(crate) mod local;

use crate::task::cell::TaskRef;
use local::LocalQueue;

/// What stands in the queue.
pub(crate) enum Job {
    Task(TaskRef),
    /// The future given to `block_on`. It waits in line like everybody else.
    Root,
}

/// Where the loop takes its next job from.
pub(crate) trait ReadyQueue {
    /// Puts a job at the back.
    fn push(&self, job: Job);
    /// Takes the next job.
    fn pop(&self) -> Option<Job>;
    /// Looks wherever else work may be found before the loop sleeps. True if there is some.
    fn refill(&self) -> bool;
    /// Announces that the loop is about to sleep. False if it must not: work has come.
    fn sleep(&self) -> bool;
    /// Takes the announcement back.
    fn wake_up(&self);
}

/// The queue of the flavour that this loop is of.
pub(crate) enum Ready {
    Local(LocalQueue),
}

impl Ready {
    /// Puts a job at the back.
    #[inline]
    pub(crate) fn push(&self, job: Job) {
        match self {
            Self::Local(queue) => queue.push(job),
        }
    }

    /// Whether somebody is ready here and now.
    pub(crate) fn has_work(&self) -> bool {
        match self {
            Self::Local(queue) => queue.refill(),
        }
    }
}

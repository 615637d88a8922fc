//! Floor 2. The ready queue: who runs next. The seam between the flavours.
//!
//! The loop asks it four things, and everything in which the flavours differ is an answer to one
//! of them: where does the next task come from, and where do I look before I sleep.
//!
//! | the loop asks | the local flavour answers | the stealing one |
//! |---|---|---|
//! | `push` | the back of the ring | the back of its own ring, which others can reach |
//! | `pop` | the front of the ring | the task woken last, then the front of the ring |
//! | `refill` | is the ring empty? | look into the common queue, then rob a neighbour |
//! | `sleep` | is the inbox empty? | the same, and is there nothing to do for anybody? |
//!
//! Real world: asyncio's `_ready` deque; tokio's `Core` with its run queue and last-woken slot.

pub(crate) mod crew;
pub(crate) mod desk;
pub(crate) mod local;
pub(crate) mod plan;
pub(crate) mod rest;
pub(crate) mod ring;
pub(crate) mod steal;

use crate::task::cell::TaskRef;
use local::LocalQueue;
use std::time::Duration;
use steal::StealQueue;

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
    /// Whether another thread turns this loop from now on: whoever asks has to leave it.
    fn has_left(&self) -> bool {
        false
    }
}

/// The queue of the flavour that this loop is of.
pub(crate) enum Ready {
    Local(LocalQueue),
    Steal(StealQueue),
    /// Of a worker that stands in for a neighbour: it runs nothing meanwhile.
    Nowhere,
}

impl Ready {
    /// Puts a job at the back.
    #[inline]
    pub(crate) fn push(&self, job: Job) {
        match self {
            Self::Local(queue) => queue.push(job),
            Self::Steal(queue) => queue.push(job),
            Self::Nowhere => unreachable!("a stand-in queues nothing"),
        }
    }

    /// The queue of a loop of the local flavour.
    pub(crate) fn local(&self) -> &LocalQueue {
        match self {
            Self::Local(queue) => queue,
            _ => unreachable!("a worker is asked for the queue of a local loop"),
        }
    }

    /// The queue of a worker.
    pub(crate) fn steal(&self) -> &StealQueue {
        match self {
            Self::Steal(queue) => queue,
            _ => unreachable!("a local loop is asked for the queue of a worker"),
        }
    }

    /// Lets a shared task go that is done.
    pub(crate) fn retire(&self, task: TaskRef) {
        match self {
            Self::Steal(queue) => queue.crew().retire(task),
            _ => unreachable!("only a worker runs shared tasks"),
        }
    }

    /// How long this loop may sleep at most, because it watches its neighbours.
    pub(crate) fn watch(&self) -> Option<Duration> {
        match self {
            Self::Steal(queue) => queue.watch(),
            _ => None,
        }
    }

    /// Whether somebody is ready here and now.
    pub(crate) fn has_work(&self) -> bool {
        match self {
            Self::Local(queue) => queue.refill(),
            Self::Steal(queue) => queue.has_work(),
            Self::Nowhere => false,
        }
    }
}

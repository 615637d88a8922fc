//! Floor 1. What a task is doing, in one byte, and who may change it.
//!
//! The table stands in [`super`] (`task/mod.rs`); every method here is one row of it and every row
//! has a test below.
//!
//! ```text
//!   JOINER SHARED JOINED ABORTED DONE RUNNING QUEUED
//!     -      -      1      0      0     0      1      fresh from spawn
//!     -      -      1      0      0     1      0      being polled
//!     -      -      1      0      0     1      1      woken meanwhile: once more, please
//!     -      -      1      0      0     0      0      idle: waits to be woken
//!     -      -      1      1      0     0      1      aborted while idle: in the queue, to be
//!                                                     dropped there
//!     -      -      1      0      1     0      0      done; the output is the handle's
//!     -      -      0      0      1     0      0      done and detached: the output is dropped
//! ```
//!
//! A row is a function from the old bits to the new ones and to what is to be done next. There are
//! two ways to take it, and that is the whole difference between the flavours here:
//!
//! | the task | the byte is changed by | which costs | by whom |
//! |---|---|---|---|
//! | has a home | a load and a store | 0.5 ns | the one thread that is there |
//! | is SHARED | compare-and-swap | 7.5 ns | any thread |
//!
//! Rules
//! 1. A task is of one kind for life: SHARED, or written by its home's own thread alone. `home.rs`
//!    says who counts as that.
//! 2. Strangers only read, and only SHARED and DONE. Every change is a `Release`, so whoever sees
//!    DONE also sees the output that was written before it.
//! 3. A wake of a shared task writes the byte even if nothing changes in it, so that whoever takes
//!    the task from the queue afterwards sees what was written before the wake.
//!
//! Real world: tokio keeps six flags and the reference count in one atomic word and pays four
//! locked instructions a poll; asyncio keeps a string.

use crate::shim::atomic::{AtomicU8, Ordering};

/// In the ready queue, or to be put there once the running poll returns.
const QUEUED: u8 = 1;
/// Being polled right now.
const RUNNING: u8 = 1 << 1;
/// The future is gone and its output is in place. Never cleared.
const DONE: u8 = 1 << 2;
/// Somebody asked for the task to end; it ends when it is next taken from the queue.
const ABORTED: u8 = 1 << 3;
/// A `JoinHandle` exists: the output is its to take.
const JOINED: u8 = 1 << 4;
/// The task is of the stealing flavour: any thread may run it. Never changes.
const SHARED: u8 = 1 << 5;
/// Of a shared task: the joiner's waker is in its place, and belongs to whoever ends the task.
const JOINER: u8 = 1 << 6;

/// The byte.
#[derive(Debug)]
pub(crate) struct State(AtomicU8);

/// What the caller of [`State::wake`] or [`State::abort`] has to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AfterWake {
    /// Put the task into the ready queue.
    Queue,
    /// Nothing: it is queued already, or its runner will see to it, or it is done.
    Nothing,
}

/// What the loop has to do with the task that it took from the queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Poll the future.
    Poll,
    /// Drop the future: the task was aborted.
    Cancel,
}

/// What the loop has to do with the task whose poll returned `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing: somebody will wake it.
    Wait,
    /// Put it at the back of the queue: it was woken while it ran.
    Requeue,
    /// Drop the future: it was aborted while it ran.
    Cancel,
}

/// What is left to do when the output is in place.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finish {
    /// A `JoinHandle` takes the output; else the caller drops it.
    pub(crate) joined: bool,
    /// Of a shared task: the joiner's waker is there, and now the caller's.
    pub(crate) joiner: bool,
}

impl State {
    /// A task fresh from `spawn`: in the queue, with a `JoinHandle`.
    pub(crate) fn queued_and_joined(shared: bool) -> Self {
        Self(AtomicU8::new(QUEUED | JOINED | if shared { SHARED } else { 0 }))
    }

    /// Whether any thread may run the task (rule 1).
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        // Relaxed: this bit never changes.
        self.0.load(Ordering::Relaxed) & SHARED != 0
    }

    /// Whether the output is in place. Any thread may ask (rule 2).
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // Acquire: pairs with the Release of every change, so the output is visible too.
        self.0.load(Ordering::Acquire) & DONE != 0
    }

    /// Replaces the bits by what `row` makes of them, and returns what else it says. `row` may be
    /// asked more than once.
    #[inline]
    fn change<R>(&self, row: impl Fn(u8) -> (u8, R)) -> R {
        // Relaxed: see below for a shared byte; of the other kind only this thread writes, so it
        // reads its own last store (rule 1).
        let mut bits = self.0.load(Ordering::Relaxed);
        if bits & SHARED == 0 {
            let (new, next) = row(bits);
            // Release: pairs with the Acquire in `is_done` (rule 2).
            self.0.store(new, Ordering::Release);
            return next;
        }
        loop {
            let (new, next) = row(bits);
            // AcqRel: pairs with itself. What was written before a wake is seen by the poll after
            // it, and what a poll wrote by the next one, on whatever thread (rule 3).
            match self.0.compare_exchange_weak(bits, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return next,
                Err(now) => bits = now,
            }
        }
    }

    /// Row *wake*.
    #[inline]
    pub(crate) fn wake(&self) -> AfterWake {
        self.change(|bits| match bits & (QUEUED | DONE | RUNNING) {
            0 => (bits | QUEUED, AfterWake::Queue),
            RUNNING => (bits | QUEUED, AfterWake::Nothing),
            _ => (bits, AfterWake::Nothing),
        })
    }

    /// Row *abort*.
    pub(crate) fn abort(&self) -> AfterWake {
        self.change(|bits| match bits & (QUEUED | DONE | RUNNING) {
            0 => (bits | ABORTED | QUEUED, AfterWake::Queue),
            bits_of if bits_of & DONE != 0 => (bits, AfterWake::Nothing),
            // Of a running task QUEUED would say "once more, please", but its runner ends it by
            // itself.
            _ => (bits | ABORTED, AfterWake::Nothing),
        })
    }

    /// Row *run*. The task was just taken from the queue.
    #[inline]
    pub(crate) fn run(&self) -> Start {
        self.change(|bits| {
            debug_assert_eq!(bits & (QUEUED | RUNNING | DONE), QUEUED, "only queued tasks run");
            // QUEUED goes before the poll and not after it: a wake during the poll sets it anew,
            // and that is how `pending` learns of it.
            let start = if bits & ABORTED == 0 { Start::Poll } else { Start::Cancel };
            ((bits & !QUEUED) | RUNNING, start)
        })
    }

    /// Row *pending*. The poll returned `Pending`.
    #[inline]
    pub(crate) fn pending(&self) -> End {
        self.change(|bits| {
            debug_assert_eq!(bits & (RUNNING | DONE), RUNNING, "only a running task returns");
            if bits & ABORTED != 0 {
                // RUNNING stays: the drop of the future may wake its own task, which must not queue
                // it.
                return (bits, End::Cancel);
            }
            let end = if bits & QUEUED == 0 { End::Wait } else { End::Requeue };
            (bits & !RUNNING, end)
        })
    }

    /// Row *finish*. The output is in place.
    #[inline]
    pub(crate) fn finish(&self) -> Finish {
        self.change(|bits| {
            debug_assert_eq!(bits & DONE, 0, "a task ends once");
            let finish = Finish { joined: bits & JOINED != 0, joiner: bits & JOINER != 0 };
            ((bits & (JOINED | SHARED)) | DONE, finish)
        })
    }

    /// Row *detach*. The `JoinHandle` is gone. Returns whether the output is there already; if so,
    /// the caller drops it.
    #[must_use]
    pub(crate) fn detach(&self) -> bool {
        self.change(|bits| (bits & !JOINED, bits & DONE != 0))
    }

    /// Of a shared task: the joiner's waker is in its place. False if the task is done: nobody will
    /// look there.
    #[must_use]
    pub(crate) fn leave_joiner(&self) -> bool {
        self.change(|bits| match bits & DONE {
            0 => (bits | JOINER, true),
            _ => (bits, false),
        })
    }

    /// Of a shared task: the handle wants the place of the joiner's waker for itself again. False
    /// if the task is done: then it belongs to whoever ended it.
    #[must_use]
    pub(crate) fn take_joiner(&self) -> bool {
        // Relaxed: only the handle sets JOINER, so it knows by itself that it has not.
        match self.0.load(Ordering::Relaxed) & (JOINER | DONE) {
            0 => return true,
            JOINER => {}
            _ => return false, // it stays DONE; whoever needs what was written before that, asks it
        }
        self.change(|bits| (bits & !JOINER, bits & DONE == 0))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn queued(shared: bool) -> State {
        State::queued_and_joined(shared)
    }

    fn running(shared: bool) -> State {
        let byte = queued(shared);
        assert_eq!(byte.run(), Start::Poll);
        byte
    }

    fn idle(shared: bool) -> State {
        let byte = running(shared);
        assert_eq!(byte.pending(), End::Wait);
        byte
    }

    fn done(shared: bool) -> State {
        let byte = running(shared);
        let _ = byte.finish();
        byte
    }

    /// Goal: show every row of the table in task/mod.rs, from every state it can start in.
    /// Method: bring a fresh byte to the state by the rows themselves, then take the one step;
    /// plainly and shared.
    macro_rules! row {
        ($name:ident, $from:ident, $byte:ident => $steps:block) => {
            #[test]
            fn $name() {
                for shared in [false, true] {
                    let $byte = $from(shared);
                    $steps
                    assert_eq!($byte.is_shared(), shared);
                }
            }
        };
    }

    row!(wake_queues_an_idle_task_once, idle, byte => {
        assert_eq!(byte.wake(), AfterWake::Queue);
        assert_eq!(byte.wake(), AfterWake::Nothing);
    });

    row!(wake_of_a_queued_task_does_nothing, queued, byte => {
        assert_eq!(byte.wake(), AfterWake::Nothing);
    });

    row!(wake_of_a_running_task_makes_its_runner_requeue_it, running, byte => {
        assert_eq!(byte.wake(), AfterWake::Nothing);
        assert_eq!(byte.pending(), End::Requeue);
        assert_eq!(byte.run(), Start::Poll);
    });

    row!(wake_of_a_done_task_does_nothing, done, byte => {
        assert_eq!(byte.wake(), AfterWake::Nothing);
        assert!(byte.is_done());
    });

    row!(pending_without_a_wake_waits, running, byte => {
        assert_eq!(byte.pending(), End::Wait);
    });

    row!(abort_of_an_idle_task_queues_it_and_cancels_it_there, idle, byte => {
        assert_eq!(byte.abort(), AfterWake::Queue);
        assert_eq!(byte.abort(), AfterWake::Nothing);
        assert_eq!(byte.run(), Start::Cancel);
    });

    row!(abort_of_a_queued_task_cancels_it_when_its_turn_comes, queued, byte => {
        assert_eq!(byte.abort(), AfterWake::Nothing);
        assert_eq!(byte.run(), Start::Cancel);
    });

    row!(abort_of_a_running_task_cancels_it_when_the_poll_returns, running, byte => {
        assert_eq!(byte.abort(), AfterWake::Nothing);
        assert_eq!(byte.pending(), End::Cancel);
    });

    row!(abort_of_a_running_task_that_becomes_ready_comes_too_late, running, byte => {
        assert_eq!(byte.abort(), AfterWake::Nothing);
        assert!(byte.finish().joined, "the handle takes the output");
    });

    row!(abort_of_a_done_task_does_nothing, done, byte => {
        assert_eq!(byte.abort(), AfterWake::Nothing);
    });

    row!(finish_leaves_the_output_to_the_handle, running, byte => {
        assert_eq!(byte.finish(), Finish { joined: true, joiner: false });
    });

    row!(finish_of_a_detached_task_drops_the_output, running, byte => {
        assert!(!byte.detach(), "nothing to drop yet");
        assert!(!byte.finish().joined);
    });

    row!(detach_of_a_done_task_drops_the_output, done, byte => {
        assert!(byte.detach());
    });

    row!(detach_of_an_idle_task_changes_nothing_else, idle, byte => {
        assert!(!byte.detach());
        assert_eq!(byte.wake(), AfterWake::Queue);
    });

    #[test]
    fn the_place_of_the_joiner_belongs_to_the_handle_until_it_leaves_a_waker_there() {
        let byte = running(true);
        assert!(byte.leave_joiner());
        assert!(byte.take_joiner(), "not done: it may have it back");
        assert_eq!(byte.finish(), Finish { joined: true, joiner: false });
        assert!(!byte.leave_joiner(), "done: nobody would look there");
    }

    #[test]
    fn the_place_of_the_joiner_belongs_to_who_ends_the_task_if_a_waker_is_there() {
        let byte = running(true);
        assert!(byte.leave_joiner());
        assert_eq!(byte.finish(), Finish { joined: true, joiner: true });
        assert!(!byte.take_joiner());
    }
}

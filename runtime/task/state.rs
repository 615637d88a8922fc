//! Floor 1. What a task is doing, in one byte, and who may change it.
//!
//! The table stands in [`super`] (`task/mod.rs`); every method here is one row of it and every row
//! has a test below.
//!
//! ```text
//!   JOINED ABORTED DONE RUNNING QUEUED
//!      1      0      0     0      1      fresh from spawn
//!      1      0      0     1      0      being polled
//!      1      0      0     1      1      woken meanwhile: once more, please
//!      1      0      0     0      0      idle: waits to be woken
//!      1      1      0     0      1      aborted while idle: in the queue, to be dropped there
//!      1      0      1     0      0      done; the output is the handle's
//!      0      0      1     0      0      done and detached: the output is dropped
//! ```
//!
//! Rules
//! 1. Only the loop's own thread writes the byte. So a change is a load and a store, not a locked
//!    instruction (0.5 ns against 7.5 ns). `home.rs` says who counts as the loop's own thread.
//! 2. Strangers only read, and only DONE. Every store is a `Release`, so a stranger that sees DONE
//!    also sees the output that was written before it.
//! 3. The stealing flavour will bring its own byte, changed by compare-and-swap, with these same
//!    rows: the callers do not care.
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

impl State {
    /// A task fresh from `spawn`: in the queue, with a `JoinHandle`.
    pub(crate) fn queued_and_joined() -> Self {
        Self(AtomicU8::new(QUEUED | JOINED))
    }

    fn get(&self) -> u8 {
        // Relaxed: only the loop's thread writes, so it reads its own last store (rule 1).
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, bits: u8) {
        // Release: pairs with the Acquire in `is_done` (rule 2).
        self.0.store(bits, Ordering::Release);
    }

    /// Row *wake*.
    pub(crate) fn wake(&self) -> AfterWake {
        let bits = self.get();
        if bits & (QUEUED | DONE) != 0 {
            return AfterWake::Nothing;
        }
        self.set(bits | QUEUED);
        if bits & RUNNING == 0 { AfterWake::Queue } else { AfterWake::Nothing }
    }

    /// Row *abort*.
    pub(crate) fn abort(&self) -> AfterWake {
        let bits = self.get();
        if bits & DONE != 0 {
            return AfterWake::Nothing;
        }
        // Of a running task QUEUED would say "once more, please", but its runner ends it by itself.
        self.set(bits | ABORTED | if bits & RUNNING == 0 { QUEUED } else { 0 });
        if bits & (QUEUED | RUNNING) == 0 { AfterWake::Queue } else { AfterWake::Nothing }
    }

    /// Row *run*. The task was just taken from the queue.
    pub(crate) fn run(&self) -> Start {
        let bits = self.get();
        debug_assert_eq!(bits & (QUEUED | RUNNING | DONE), QUEUED, "only a queued task is run");
        // QUEUED goes before the poll and not after it: a wake during the poll sets it anew, and
        // that is how `pending` learns of it.
        self.set((bits & !QUEUED) | RUNNING);
        if bits & ABORTED == 0 { Start::Poll } else { Start::Cancel }
    }

    /// Row *pending*. The poll returned `Pending`.
    pub(crate) fn pending(&self) -> End {
        let bits = self.get();
        debug_assert_eq!(bits & (RUNNING | DONE), RUNNING, "only a running task returns");
        if bits & ABORTED != 0 {
            // RUNNING stays: the drop of the future may wake its own task, which must not queue it.
            return End::Cancel;
        }
        self.set(bits & !RUNNING);
        if bits & QUEUED == 0 { End::Wait } else { End::Requeue }
    }

    /// Row *finish*. The output is in place. Returns whether a `JoinHandle` waits for it; if not,
    /// the caller drops the output.
    #[must_use]
    pub(crate) fn finish(&self) -> bool {
        let bits = self.get();
        debug_assert_eq!(bits & DONE, 0, "a task ends once");
        self.set((bits & JOINED) | DONE);
        bits & JOINED != 0
    }

    /// Row *detach*. The `JoinHandle` is gone. Returns whether the output is there already; if so,
    /// the caller drops it.
    #[must_use]
    pub(crate) fn detach(&self) -> bool {
        let bits = self.get();
        self.set(bits & !JOINED);
        bits & DONE != 0
    }

    /// Whether the output is in place. Any thread may ask (rule 2).
    pub(crate) fn is_done(&self) -> bool {
        // Acquire: pairs with the Release in `set`, so the output is visible too.
        self.0.load(Ordering::Acquire) & DONE != 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Goal: show every row of the table in task/mod.rs, from every state it can start in.
    /// Method: bring a fresh byte to the state by the rows themselves, then take the one step.
    #[test]
    fn wake_queues_an_idle_task_once() {
        let state = idle();
        assert_eq!(state.wake(), AfterWake::Queue);
        assert_eq!(state.wake(), AfterWake::Nothing);
    }

    #[test]
    fn wake_of_a_queued_task_does_nothing() {
        assert_eq!(State::queued_and_joined().wake(), AfterWake::Nothing);
    }

    #[test]
    fn wake_of_a_running_task_makes_its_runner_requeue_it() {
        let state = running();
        assert_eq!(state.wake(), AfterWake::Nothing);
        assert_eq!(state.pending(), End::Requeue);
        assert_eq!(state.run(), Start::Poll);
    }

    #[test]
    fn wake_of_a_done_task_does_nothing() {
        let state = done();
        assert_eq!(state.wake(), AfterWake::Nothing);
        assert!(state.is_done());
    }

    #[test]
    fn pending_without_a_wake_waits() {
        assert_eq!(running().pending(), End::Wait);
    }

    #[test]
    fn abort_of_an_idle_task_queues_it_and_cancels_it_there() {
        let state = idle();
        assert_eq!(state.abort(), AfterWake::Queue);
        assert_eq!(state.abort(), AfterWake::Nothing);
        assert_eq!(state.run(), Start::Cancel);
    }

    #[test]
    fn abort_of_a_queued_task_cancels_it_when_its_turn_comes() {
        let state = State::queued_and_joined();
        assert_eq!(state.abort(), AfterWake::Nothing);
        assert_eq!(state.run(), Start::Cancel);
    }

    #[test]
    fn abort_of_a_running_task_cancels_it_when_the_poll_returns() {
        let state = running();
        assert_eq!(state.abort(), AfterWake::Nothing);
        assert_eq!(state.pending(), End::Cancel);
    }

    #[test]
    fn abort_of_a_running_task_that_becomes_ready_comes_too_late() {
        let state = running();
        assert_eq!(state.abort(), AfterWake::Nothing);
        assert!(state.finish(), "the handle takes the output");
    }

    #[test]
    fn abort_of_a_done_task_does_nothing() {
        assert_eq!(done().abort(), AfterWake::Nothing);
    }

    #[test]
    fn finish_leaves_the_output_to_the_handle() {
        assert!(running().finish());
    }

    #[test]
    fn finish_of_a_detached_task_drops_the_output() {
        let state = running();
        assert!(!state.detach(), "nothing to drop yet");
        assert!(!state.finish());
    }

    #[test]
    fn detach_of_a_done_task_drops_the_output() {
        assert!(done().detach());
    }

    #[test]
    fn detach_of_an_idle_task_changes_nothing_else() {
        let state = idle();
        assert!(!state.detach());
        assert_eq!(state.wake(), AfterWake::Queue);
    }

    fn running() -> State {
        let state = State::queued_and_joined();
        assert_eq!(state.run(), Start::Poll);
        state
    }

    fn idle() -> State {
        let state = running();
        assert_eq!(state.pending(), End::Wait);
        state
    }

    fn done() -> State {
        let state = running();
        let _ = state.finish();
        state
    }
}

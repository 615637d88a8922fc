//! Floor 1. The budget: a task that finds everything ready has to stand in line again.
//!
//! An `.await` gives way to others only when it has to wait. A task whose channel is never empty
//! would thus run for ever, in one poll, and sockets, timers and all other tasks would starve. So
//! each poll of a task begins with a share of steps, and each wait that could have waited takes
//! one. When the share is used up the next wait pretends to have to wait: it wakes its own task,
//! which goes to the back of the queue and begins with a new share.
//!
//! ```text
//!   a poll begins:  128 ──recv: ready──▶ 127 ──lock: ready──▶ 126 ──sleep: pending──▶ 126
//!   and ends:         1 ──recv: ready──▶   0 ──recv: "pending"; wakes its own task──▶ in line
//! ```
//!
//! Rules
//! 1. Outside a loop there is no budget: a primitive on another executor never pretends.
//! 2. Who gets nothing pays nothing: a step that ends in a real wait is given back.
//! 3. Each poll of a task or of the root future begins with a full share ([`refill`]).
//!
//! One thread-local byte: a step that is ready costs one read and one write of it, about 1 ns.
//!
//! Real world: tokio's `coop`, with the same 128 steps; asyncio has nothing of the kind, and a
//! coroutine that never waits owns the loop; Go's scheduler interrupts by a signal after 10 ms.

use std::cell::Cell;
use std::task::{Context, Poll};

/// Steps in one poll. As many as tokio gives: many enough that the way through the queue (some
/// 10 ns) is nothing beside them, few enough that nobody waits for longer than about 10 µs.
const SHARE: u8 = 128;
/// No loop polls here (rule 1), or the future was freed of its budget.
const UNLIMITED: u8 = u8::MAX;

thread_local! {
    static LEFT: Cell<u8> = const { Cell::new(UNLIMITED) };
}

/// Begins a poll with a full share (rule 3).
#[inline]
pub(crate) fn refill() {
    LEFT.set(SHARE);
}

/// Whether another step may be taken in this poll.
pub(crate) fn remains() -> bool {
    LEFT.get() > 0
}

/// Frees this thread of the budget until the guard is dropped.
pub(crate) fn unlimited() -> Outer {
    Outer(LEFT.replace(UNLIMITED))
}

/// A full share for futures that are polled within a poll, until the guard is dropped; none where
/// there is none.
pub(crate) fn renewed() -> Outer {
    let left = LEFT.get();
    if left != UNLIMITED {
        LEFT.set(SHARE);
    }
    Outer(left)
}

/// Puts the budget back that was there before.
pub(crate) struct Outer(u8);

impl Drop for Outer {
    fn drop(&mut self) {
        LEFT.set(self.0);
    }
}

/// Takes one step of the budget. `Pending`: there is none left, and the task has been woken.
#[inline]
pub(crate) fn poll_step(cx: &mut Context<'_>) -> Poll<Step> {
    let left = LEFT.get();
    if left == 0 {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    if left != UNLIMITED {
        LEFT.set(left - 1);
    }
    Poll::Ready(Step { before: left })
}

/// A step that was taken. Given back when dropped (rule 2), unless it led somewhere.
#[derive(Debug)]
#[must_use = "dropped at once, the step is given back and the budget bounds nothing"]
pub(crate) struct Step {
    before: u8,
}

impl Step {
    /// The step led somewhere: it stays paid.
    #[inline]
    pub(crate) fn made_progress(self) {
        std::mem::forget(self);
    }
}

impl Drop for Step {
    #[inline]
    fn drop(&mut self) {
        // A step that was carried out of its poll, into or out of a loop, gives nothing back
        // (rule 1).
        if self.before != UNLIMITED && LEFT.get() != UNLIMITED {
            LEFT.set(self.before);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes steps until there are none left, and says how many that were.
    fn spend(steps_max: usize) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        let take = |_: &usize| match poll_step(&mut cx) {
            Poll::Ready(step) => {
                step.made_progress();
                true
            }
            Poll::Pending => false,
        };
        (0..steps_max).take_while(take).count()
    }

    #[test]
    fn a_share_is_128_steps_and_comes_anew_with_each_poll() {
        let _outer = unlimited();
        refill();
        assert_eq!(spend(1_000), 128);
        assert!(!remains());
        refill();
        assert_eq!(spend(1_000), 128);
    }

    #[test]
    fn outside_a_loop_there_is_no_budget() {
        std::thread::spawn(|| assert_eq!(spend(1_000), 1_000)).join().unwrap();
    }

    #[test]
    fn a_step_that_led_nowhere_is_given_back() {
        let _outer = unlimited();
        refill();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1_000 {
            drop(poll_step(&mut cx));
        }
        assert_eq!(spend(1_000), 128);
    }

    #[test]
    fn a_renewed_share_is_full_and_leaves_the_outer_one_alone() {
        let _outermost = unlimited();
        refill();
        assert_eq!(spend(100), 100);
        let inner = renewed();
        assert_eq!(spend(1_000), 128);
        drop(inner);
        assert_eq!(spend(1_000), 28);
        let _free = unlimited();
        let _still_free = renewed();
        assert_eq!(spend(1_000), 1_000, "outside a loop there is none to renew");
    }

    #[test]
    fn the_guard_puts_the_outer_budget_back() {
        let outermost = unlimited();
        refill();
        assert_eq!(spend(28), 28);
        let inner = unlimited();
        assert_eq!(spend(1_000), 1_000);
        drop(inner);
        assert_eq!(spend(1_000), 100);
        drop(outermost);
        assert_eq!(spend(1_000), 1_000);
    }
}

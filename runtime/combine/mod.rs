//! Floor 5. Several futures in one task.
//!
//! | what                           | children          | ends                               |
//! |--------------------------------|-------------------|------------------------------------|
//! | [`join!`](crate::join)         | a list, any type  | when all have ended                |
//! | [`try_join!`](crate::try_join) | a list, any type  | when all went well, or one failed  |
//! | [`select!`](crate::select)     | a list, any type  | when one has ended                 |
//! | [`gather`]                     | any number        | when all have ended                |
//! | [`try_gather`]                 | any number        | when all went well, or one failed  |
//! | [`race`]                       | any number        | when one has ended                 |
//! | [`race_ok`]                    | any number        | when one went well, or all failed  |
//! | [`wait`]                       | any number        | as you say; gives the rest back    |
//! | [`as_completed`]               | any number        | a stream: outputs as they come     |
//! | [`buffered`]                   | n at a time       | a stream: outputs in their order   |
//! | [`buffer_unordered`]           | n at a time       | a stream: outputs as they come     |
//! | [`for_each_concurrent`]        | n at a time       | when all have ended                |
//! | [`try_for_each_concurrent`]    | n at a time       | when all went well, or one failed  |
//! | [`staggered`]                  | one more at a time | when one went well, or all failed |
//! | [`hedge`](hedge())             | one, then others  | when one went well, or all failed  |
//! | [`shield`](shield())           | one, as a task    | when it has ended; dropped, it goes on |
//!
//! Only `shield` makes a task. The children of the others live inside the task that waits for them
//! and run while it runs. So they may borrow from it, and dropping the combinator drops them all.
//! Where tasks are wanted, spawn them and give the handles to a combinator: a handle that is
//! dropped lets its task run on, as in asyncio.
//!
//! The macros poll every unfinished child at each wake; that is cheapest for a handful. The
//! functions give each child a waker of its own and poll only those that were woken; see
//! children.rs.

mod all_failed;
mod as_completed;
mod buffered;
pub(crate) mod children;
mod for_each;
mod gather;
mod hedge;
mod join;
mod limit;
mod maybe_done;
mod pin;
mod race;
mod select;
mod shield;
mod try_join;
mod turns;
mod wait;

pub use all_failed::AllFailed;
pub use as_completed::{AsCompleted, AsCompletedTimeout, as_completed};
pub use buffered::{BufferUnordered, Buffered, buffer_unordered, buffered};
pub use for_each::{for_each_concurrent, try_for_each_concurrent};
pub use gather::{Gather, TryGather, gather, try_gather};
pub use hedge::{Hedge, Staggered, hedge, staggered};
pub use race::{Race, RaceOk, race, race_ok};
pub use shield::{Shield, shield, shield_local};
pub use wait::{ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, ReturnWhen, Wait, Waited, wait};

/// What the macros need in the crates that use them. No promises are made about it.
#[doc(hidden)]
pub mod support {
    pub use std::future::poll_fn;
    use std::task::{Context, Poll};

    use crate::budget;

    pub use super::maybe_done::MaybeDone;
    pub use super::select::Branch;
    pub use super::turns::{Round, Turns};

    /// Pending, and the task is woken, if its budget is spent.
    #[inline]
    pub fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
        if budget::remains() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The end of a round: ready, unless a child is pending.
    #[inline]
    pub fn ready_unless(pending: bool) -> Poll<()> {
        if pending { Poll::Pending } else { Poll::Ready(()) }
    }
}

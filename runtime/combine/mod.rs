//! Floor 5. Several futures in one task.
//!
//! | what                              | children         | ends                               |
//! |-----------------------------------|------------------|------------------------------------|
//! | [`join!`](crate::join)            | a list, any type | when all have ended                |
//! | [`try_join!`](crate::try_join)    | a list, any type | when all went well, or one failed  |
//! | [`select!`](crate::select)        | a list, any type | when one has ended                 |
//! | [`gather`]                        | any number       | when all have ended                |
//! | [`try_gather`]                    | any number       | when all went well, or one failed  |
//!
//! None of them makes a task: the children live inside the task that waits for them and run while
//! it runs. So they may borrow from it, and dropping the combinator drops them all.
//!
//! The macros poll every unfinished child at each wake; that is cheapest for a handful. The
//! functions give each child a waker of its own and poll only those that were woken; see
//! children.rs.

mod children;
mod gather;
mod join;
mod maybe_done;
mod select;
mod try_join;
mod turns;

pub use gather::{Gather, TryGather, gather, try_gather};

/// What the macros need in the crates that use them. No promises are made about it.
#[doc(hidden)]
pub mod support {
    pub use std::future::poll_fn;
    use std::task::Poll;

    pub use super::maybe_done::MaybeDone;
    pub use super::select::Branch;
    pub use super::turns::{Round, Turns};

    /// The end of a round: ready, unless a child is pending.
    #[inline]
    pub fn ready_unless(pending: bool) -> Poll<()> {
        if pending { Poll::Pending } else { Poll::Ready(()) }
    }
}

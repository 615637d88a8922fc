//! Floor 5. A step of the task's budget around a poll that takes steps of its own.
//!
//! A [`budget::Step`] that is given back gives back all that was taken since. So who polls others
//! in between asks before whether there is any budget, and pays afterwards.

use std::task::{Context, Poll};

use crate::budget;

/// Pending, and the task is woken, if its budget is spent.
pub(super) fn poll_remains(cx: &mut Context<'_>) -> Poll<()> {
    if budget::remains() {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Takes a step, if one is left.
pub(super) fn pay(cx: &mut Context<'_>) {
    if budget::remains()
        && let Poll::Ready(step) = budget::poll_step(cx)
    {
        step.made_progress();
    }
}

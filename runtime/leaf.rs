//! Floor 1. A leaf: the place at the end of a chain of awaits where a task really waits.
//!
//! Every primitive wraps its innermost wait in one of these, and so has what each wait owes to the
//! others: it pays a step of the [budget](crate::budget), and it says its name at a
//! [roll call](crate::roll_call).
//!
//! ```text
//!   your async fn ─▶ Queue::get ─▶ leaf("Queue::get", wait list) ── budget left? ── poll ── name
//! ```
//!
//! Rules
//! 1. A wait goes through one leaf, not two: two would pay twice.
//! 2. The name is what the user called: type and method.
//!
//! Real world: tokio writes `ready!(coop::poll_proceed(cx))` into each primitive by hand.

use crate::{budget, roll_call};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Makes a leaf of `future`; `name` is what the user called.
#[inline]
pub(crate) fn leaf<F>(name: &'static str, future: F) -> Leaf<F> {
    Leaf { future, name }
}

/// One step of a leaf that is polled by hand.
#[inline]
pub(crate) fn poll_leaf<T>(
    name: &'static str,
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let step = ready!(budget::poll_step(cx));
    let polled = poll(cx);
    if polled.is_ready() {
        step.made_progress();
    } else {
        roll_call::note(|| name.to_owned());
    }
    polled
}

pin_project! {
    /// See [`leaf`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub(crate) struct Leaf<F> {
        #[pin]
        future: F,
        name: &'static str,
    }
}

impl<F: Future> Future for Leaf<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        poll_leaf(this.name, cx, |cx| this.future.poll(cx))
    }
}

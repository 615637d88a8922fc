//! Floor 5. `gather` and `try_gather`: any number of futures of one type in one task.
//!
//! The children live in one block and are polled only when they were woken; see children.rs. This
//! file only decides when the whole has ended.
//!
//! Real world: `asyncio.gather` makes a task of each child; futures-rs' `join_all` is a list that
//! is polled whole up to 30 children and an `Arc` a child from there on.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::children::Children;
use super::maybe_done::MaybeDone;

/// Runs any number of futures at once in the current task; returns all outputs in their order.
///
/// The twin of Python's `asyncio.gather(*children, return_exceptions=True)`, without a task for
/// each child, and of `futures::future::join_all`. An output that is a `Result` is an output like
/// any other: [`try_gather`] is the one that stops at the first error.
///
/// - `futures`: all of one type. Python's list of different coroutines is
///   [`join!`](crate::join), or a list of boxed futures.
/// - Resolves to a `Vec` with one output per future, in the order of `futures`; empty if there are
///   none.
/// - Panics if a child panics; the siblings are dropped with the rest.
///
/// To limit how many run at once, let each child take a permit of a
/// [`Semaphore`](crate::sync::Semaphore) first.
///
/// **Cancel-safe:** dropping it drops all children where they are, and the outputs collected.
/// **Cost:** two heap blocks for all children; a wake polls the children that were woken and no
/// other.
///
/// ```
/// rondel::run(async {
///     let squares = rondel::combine::gather((1..=4).map(|n| async move { n * n })).await;
///     assert_eq!(squares, [1, 4, 9, 16]);
/// });
/// ```
pub fn gather<I>(futures: I) -> Gather<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    Gather { children: Some(Children::new(futures)) }
}

/// Runs any number of futures at once in the current task, until all went well or one fails.
///
/// The twin of `futures::future::try_join_all`. Resolves to `Ok` with all values in the order of
/// `futures`, or to the first error in time; then the siblings have been dropped, wherever they
/// were.
///
/// **Not** like `asyncio.gather` without `return_exceptions`: that one reports the first exception
/// too, but does not cancel the siblings; they run on and nobody looks at them. Python's twin is a
/// `TaskGroup`.
///
/// - `futures`: all of one type, each with a `Result` as its output.
/// - Panics if a child panics; the siblings are dropped with the rest.
///
/// **Cancel-safe:** dropping it drops all children where they are, and the values collected.
/// **Cost:** that of [`gather`].
///
/// ```
/// rondel::run(async {
///     let parsed = ["1", "2", "x"].map(|text| async move { text.parse::<u8>() });
///     assert!(rondel::combine::try_gather(parsed).await.is_err());
/// });
/// ```
pub fn try_gather<I, T, E>(futures: I) -> TryGather<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>>>,
{
    TryGather { children: Some(Children::new(futures)) }
}

/// The future of [`gather`].
#[must_use = "futures do nothing unless polled"]
pub struct Gather<F: Future> {
    /// None: it has ended.
    children: Option<Children<F>>,
}

impl<F: Future> Future for Gather<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let children = self.children.as_mut().expect("gather polled again after it ended");
        let _ = children.poll_woken(cx, |_, _| ControlFlow::<()>::Continue(()));
        if children.running() > 0 {
            return Poll::Pending;
        }
        Poll::Ready(
            self.children.take().map_or_else(Vec::new, |ended| ended.empty(MaybeDone::take)),
        )
    }
}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.children.as_ref().map_or(0, Children::running);
        f.debug_struct("Gather").field("running", &running).finish_non_exhaustive()
    }
}

/// The future of [`try_gather`].
#[must_use = "futures do nothing unless polled"]
pub struct TryGather<F: Future> {
    /// None: it has ended.
    children: Option<Children<F>>,
}

impl<F, T, E> Future for TryGather<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let children = self.children.as_mut().expect("try_gather polled again after it ended");
        let outcome = children.poll_woken(cx, |_, child| match child.take_error() {
            Some(error) => ControlFlow::Break(error),
            None => ControlFlow::Continue(()),
        });
        match outcome {
            ControlFlow::Break(error) => {
                self.children = None; // the siblings end before the caller hears of the error
                Poll::Ready(Err(error))
            }
            ControlFlow::Continue(()) if children.running() > 0 => Poll::Pending,
            ControlFlow::Continue(()) => Poll::Ready(Ok(self
                .children
                .take()
                .map_or_else(Vec::new, |ended| ended.empty(MaybeDone::take_value)))),
        }
    }
}

impl<F: Future> fmt::Debug for TryGather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.children.as_ref().map_or(0, Children::running);
        f.debug_struct("TryGather").field("running", &running).finish_non_exhaustive()
    }
}

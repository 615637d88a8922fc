//! Floor 5. `gather` and `try_gather`: any number of futures of one type in one task.
//!
//! The children live in one block and are polled only when they were woken; see children.rs. This
//! file only decides when the whole has ended, and so what becomes of the siblings when one fails:
//!
//! | children         | `gather`           | `try_gather`, at the first error                     |
//! |------------------|--------------------|------------------------------------------------------|
//! | futures          | all run to the end | siblings are dropped where they are: cancelled       |
//! | handles of tasks | all run to the end | *handles* are dropped: their tasks run on, unwatched |
//!
//! The last square is `asyncio.gather`, whose children are always tasks. Many guides say that it
//! cancels the siblings when one fails. It does not: it raises the first exception and lets them
//! run. What does cancel them is to cancel the gather itself. Python's `TaskGroup` (3.11) came
//! because of that.
//!
//! Rules
//! 1. Outputs come in the order of the list, whenever each of them ended.
//! 2. Siblings that are dropped have been dropped before the caller sees the error.
//! 3. A future that is dropped drops its children; so whoever cancels a gather cancels them all.
//!
//! Real world: `asyncio.gather` makes a task of each child; futures-rs' `join_all` is a list that
//! is polled whole up to 30 children and an `Arc` a child from there on.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::children::{Children, Order};
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
/// To limit how many run at once, take [`buffered`](super::buffered): outputs in order as well.
///
/// Cancelling it cancels the children: a task that is aborted while it gathers drops them. (Handles
/// among them are dropped too, and their tasks run on; asyncio would cancel those.)
///
/// **Cancel-safe:** no: **dropping it drops all children where they are, and the outputs
/// collected**. `&mut gather` keeps it.
/// **Cost:** two heap blocks for all children; a wake polls the children that were woken and no
/// other.
///
/// ```
/// rondel::run(async {
///     let squares = rondel::combine::gather((1..=4).map(|n| async move { n * n })).await;
///     assert_eq!(squares, [1, 4, 9, 16]);
/// });
/// ```
///
/// *The same awaitable twice.* In Python `gather(a, a)` is allowed: one task, and its result
/// twice. A Rust future has one owner and gives its output away, so the compiler refuses:
///
/// ```compile_fail,E0382
/// # rondel::run(async {
/// let a = async { 6 * 7 };
/// rondel::combine::gather([a, a]).await; // error: use of moved value: `a`
/// # });
/// ```
///
/// Whoever needs the output twice clones the output, and not the work:
///
/// ```
/// # rondel::run(async {
/// let a = async { 6 * 7 };
/// let outputs = rondel::combine::gather([a]).await;
/// assert_eq!([outputs[0].clone(), outputs[0]], [42, 42]);
/// # });
/// ```
pub fn gather<I>(futures: I) -> Gather<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    Gather { children: Some(Children::new(futures, Order::OfRooms)) }
}

/// Runs any number of futures at once in the current task, until all went well or one fails.
///
/// The twin of `futures::future::try_join_all`. Resolves to `Ok` with all values in the order of
/// `futures`, or to the first error in time; then the siblings have been dropped, wherever they
/// were. That is the first mode of `asyncio.gather` (without `return_exceptions`), with one
/// difference to know:
///
/// - **Futures** that are dropped are cancelled: nobody runs on. Python's twin is a `TaskGroup`.
/// - **Handles of tasks** that are dropped are detached: the tasks run on, and nobody looks at
///   them. So it is always in `asyncio.gather`, whose children are tasks: it reports the first
///   exception and does *not* cancel the siblings, whatever the guides say. To have them cancelled
///   take a [`JoinSet`](crate::task::JoinSet): it aborts its tasks when it is dropped.
///
/// What it takes:
///
/// - `futures`: all of one type, each with a `Result` as its output. For a handle that is
///   `Result<T, JoinError>`: the first error is a panic or an abort.
/// - Panics if a child panics; the siblings are dropped with the rest.
///
/// **Cancel-safe:** no: **dropping it drops all children where they are, and the values
/// collected**. `&mut try_gather` keeps it.
/// **Cost:** four heap blocks for all children; a wake polls the children that were woken and no
/// other, in the order of wakes.
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
    TryGather { children: Some(Children::new(futures, Order::OfWakes)) }
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

//! Floor 5. `race` and `race_ok`: any number of futures of one type, until the first has won.
//!
//! ```text
//!                       ends first       is first with Ok       all fail      none given
//!   race(a, b, c)       its output       its output, an Ok      the first     panics
//!   race_ok(a, b, c)    only if Ok       its value              all errors    no errors
//! ```
//!
//! The losers are dropped, wherever they are, before the winner's output is handed out.
//!
//! Rules
//! 1. Children are polled in the order in which they were woken, so of tasks that have all ended
//!    the first to end wins. Those that are ready at the first poll win in the order of the list.
//!
//! Real world: JavaScript's `Promise.race` and `Promise.any`, whose losers run on; in Python
//! `asyncio.wait(..., return_when=FIRST_COMPLETED)` and a loop that cancels the rest; futures-rs'
//! `select_all`, which gives the losers back, and `select_ok`, which keeps only the last error.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::all_failed::AllFailed;
use super::children::{Children, Order};
use super::maybe_done::MaybeDone;

/// Runs any number of futures at once in the current task until the first ends; drops the others.
///
/// The twin of JavaScript's `Promise.race`. In Python it is `asyncio.wait(tasks,
/// return_when=FIRST_COMPLETED)`, and cancelling what is pending; [`wait`](super::wait) is that
/// without the cancelling. For a handful of futures of different types take
/// [`select!`](crate::select).
///
/// - `futures`: all of one type. Of those that are ready at the first poll the first one wins.
/// - Resolves to the output of the winner, also if that is an error; [`race_ok`] waits for a
///   success. The losers have been dropped by then. A [`JoinHandle`](crate::task::JoinHandle) that
///   loses is detached: its task runs on.
///
/// # Panics
///
/// If there are no futures: nobody could ever win. Also if a child panics; the siblings are dropped
/// with the rest.
///
/// **Cancel-safe:** dropping it drops all children where they are.
/// **Cost:** four heap blocks for all children; a wake polls the children that were woken and no
/// other.
///
/// ```
/// use rondel::time::{Duration, sleep};
///
/// rondel::run(async {
///     let mirrors = [("far", 30), ("near", 1)].map(|(name, millis)| async move {
///         sleep(Duration::from_millis(millis)).await;
///         name
///     });
///     assert_eq!(rondel::combine::race(mirrors).await, "near");
/// });
/// ```
#[track_caller]
pub fn race<I>(futures: I) -> Race<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let children = Children::new(futures, Order::OfWakes);
    assert!(children.running() > 0, "`race` was given no futures, so nobody can ever win");
    Race { children: Some(children) }
}

/// Runs any number of futures at once in the current task until the first success; drops the
/// others.
///
/// The twin of JavaScript's `Promise.any`, and of `futures::future::select_ok`, which keeps only
/// the last error.
///
/// - `futures`: all of one type, each with a `Result` as its output. Of those that are ready at the
///   first poll the first success wins.
/// - Resolves to the value of the first success; the others have been dropped by then.
///
/// # Errors
///
/// [`AllFailed`] with all errors, in the order of `futures`, once all have failed. Without any
/// futures that is so at once, and there are no errors in it.
///
/// # Panics
///
/// If a child panics; the siblings are dropped with the rest.
///
/// **Cancel-safe:** dropping it drops all children where they are, and the errors collected.
/// **Cost:** that of [`race`].
///
/// ```
/// rondel::run(async {
///     let parsed = ["x", "7", "8"].map(|text| async move { text.parse::<u8>() });
///     assert_eq!(rondel::combine::race_ok(parsed).await, Ok(7));
///
///     let failed = ["x", "y"].map(|text| async move { text.parse::<u8>() });
///     assert_eq!(rondel::combine::race_ok(failed).await.unwrap_err().errors().len(), 2);
/// });
/// ```
pub fn race_ok<I, T, E>(futures: I) -> RaceOk<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>>>,
{
    RaceOk { children: Some(Children::new(futures, Order::OfWakes)) }
}

/// The future of [`race`].
#[must_use = "futures do nothing unless polled"]
pub struct Race<F: Future> {
    /// None: it has ended.
    children: Option<Children<F>>,
}

impl<F: Future> Future for Race<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let children = self.children.as_mut().expect("race polled again after it ended");
        match children.poll_woken(cx, |_, child| ControlFlow::Break(child.take())) {
            ControlFlow::Continue(()) => Poll::Pending,
            ControlFlow::Break(output) => {
                self.children = None; // the losers end before the caller hears of the winner
                Poll::Ready(output)
            }
        }
    }
}

impl<F: Future> fmt::Debug for Race<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.children.as_ref().map_or(0, Children::running);
        f.debug_struct("Race").field("running", &running).finish_non_exhaustive()
    }
}

/// The future of [`race_ok`].
#[must_use = "futures do nothing unless polled"]
pub struct RaceOk<F: Future> {
    /// None: it has ended.
    children: Option<Children<F>>,
}

impl<F, T, E> Future for RaceOk<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, AllFailed<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let children = self.children.as_mut().expect("race_ok polled again after it ended");
        let outcome = children.poll_woken(cx, |_, child| match child.take_ok() {
            Some(value) => ControlFlow::Break(value),
            None => ControlFlow::Continue(()), // its error stays in its room
        });
        match outcome {
            ControlFlow::Break(value) => {
                self.children = None; // as in `Race`
                Poll::Ready(Ok(value))
            }
            ControlFlow::Continue(()) if children.running() > 0 => Poll::Pending,
            ControlFlow::Continue(()) => {
                let failed = self.children.take();
                let errors = failed.map_or_else(Vec::new, |all| all.empty(MaybeDone::take_failure));
                Poll::Ready(Err(AllFailed::new(errors)))
            }
        }
    }
}

impl<F: Future> fmt::Debug for RaceOk<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.children.as_ref().map_or(0, Children::running);
        f.debug_struct("RaceOk").field("running", &running).finish_non_exhaustive()
    }
}

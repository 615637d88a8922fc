//! Floor 5. `as_completed`: the outputs of any number of futures, one by one as they come.
//!
//! ```text
//!   rooms: [ running | done | running | done ]      ended: 3, 1      next() -> output of 3
//! ```
//!
//! Rules
//! 1. All children that were woken are polled, whether or not anybody asks for the second output:
//!    they run at once, not one after another. Outputs wait in their rooms until they are fetched.
//! 2. Children are polled in the order in which they were woken. So tasks that end between two
//!    polls come in the order of their ends, however late one asks. Only what had ended before the
//!    first poll comes in the order of the list.
//!
//! Real world: asyncio's `as_completed` is a queue that the tasks' done-callbacks fill; futures-rs'
//! `FuturesUnordered`, one heap node a child. [`JoinSet`](crate::task::JoinSet) does it for tasks.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::children::{Children, Order};
use super::limit::Limit;
use crate::time::error::Elapsed;

/// Runs any number of futures at once in the current task and hands out their outputs as they end.
///
/// The twin of `asyncio.as_completed` and of a `futures::stream::FuturesUnordered`. Nothing runs
/// but while somebody waits in [`next`](AsCompleted::next); give it
/// [`JoinHandle`](crate::task::JoinHandle)s for work that goes on by itself.
///
/// - `futures`: all of one type. None at all is fine: there are no outputs then.
/// - Returns a stream ([`futures_core::Stream`]) with a `next` of its own. Outputs come in the
///   order of their ends, also of tasks that end while nobody asks; those that had ended before the
///   first `next` come in the order of `futures`.
/// - `next` panics if a child panics; it cannot be called again then.
///
/// Dropping it drops the children that have not ended, where they are, and the outputs that were
/// not fetched. (asyncio's tasks run on; so do tasks whose handles are dropped here.)
///
/// **Cancel-safe:** yes; no output is lost when a `next` is dropped.
/// **Cost:** five heap blocks for all children; a wake polls the children that were woken and no
/// other.
///
/// ```
/// use rondel::time::{Duration, sleep};
///
/// rondel::run(async {
///     let naps = [3, 1, 2].map(|millis| async move {
///         sleep(Duration::from_millis(millis)).await;
///         millis
///     });
///     let mut ended = rondel::combine::as_completed(naps);
///     let mut order = Vec::new();
///     while let Some(millis) = ended.next().await {
///         order.push(millis);
///     }
///     assert_eq!(order, [1, 2, 3]);
/// });
/// ```
pub fn as_completed<I>(futures: I) -> AsCompleted<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    AsCompleted { children: Children::new(futures, Order::OfWakes), ended: VecDeque::new() }
}

/// An output, and which future it is of.
type Indexed<F> = (usize, <F as Future>::Output);

/// The stream of [`as_completed`].
#[must_use = "nothing runs unless `next` is awaited"]
pub struct AsCompleted<F: Future> {
    children: Children<F>,
    /// Who has ended and was not fetched yet.
    ended: VecDeque<usize>,
}

impl<F: Future> AsCompleted<F> {
    /// Waits for the next output. `None`: all have been fetched.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// # Panics
    ///
    /// If a child panics.
    pub async fn next(&mut self) -> Option<F::Output> {
        self.next_with_index().await.map(|(_, output)| output)
    }

    /// Waits for the next output, and says which future it is of: its place in the list, from 0.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// # Panics
    ///
    /// If a child panics.
    ///
    /// ```
    /// rondel::run(async {
    ///     let mut ended = rondel::combine::as_completed([async { "only" }]);
    ///     assert_eq!(ended.next_with_index().await, Some((0, "only")));
    ///     assert_eq!(ended.next_with_index().await, None);
    /// });
    /// ```
    pub async fn next_with_index(&mut self) -> Option<(usize, F::Output)> {
        poll_fn(|cx| self.poll_next_with_index(cx)).await
    }

    /// Gives up after `limit`, counted from the first poll that has to wait, for all outputs
    /// together.
    ///
    /// The twin of the `timeout` of `asyncio.as_completed`, with two differences: the error comes
    /// once and not for each future that is late, and it drops those futures. (Handles of tasks are
    /// dropped, so the tasks run on, as in asyncio.)
    ///
    /// ```
    /// use rondel::combine::as_completed;
    /// use rondel::time::{Duration, sleep};
    ///
    /// rondel::run(async {
    ///     let naps = [3_600_000, 1].map(|millis| sleep(Duration::from_millis(millis)));
    ///     let mut ended = as_completed(naps).timeout(Duration::from_millis(30));
    ///     assert_eq!(ended.next().await, Some(Ok(())));
    ///     assert!(ended.next().await.unwrap().is_err());
    ///     assert_eq!(ended.next().await, None);
    /// });
    /// ```
    pub fn timeout(self, limit: Duration) -> AsCompletedTimeout<F> {
        AsCompletedTimeout { rest: Some(self), limit: Limit::after(limit) }
    }

    fn poll_next_with_index(&mut self, cx: &mut Context<'_>) -> Poll<Option<Indexed<F>>> {
        let Self { children, ended } = self;
        if ended.is_empty() {
            let _ = children.poll_woken(cx, |index, _| {
                ended.push_back(index);
                ControlFlow::<()>::Continue(())
            });
        }
        match ended.pop_front() {
            Some(index) => Poll::Ready(Some((index, children.room(index).take()))),
            None if children.running() > 0 => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn left(&self) -> usize {
        self.children.running() + self.ended.len()
    }
}

impl<F: Future> Stream for AsCompleted<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_with_index(cx).map(|next| next.map(|(_, output)| output))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left(), Some(self.left()))
    }
}

impl<F: Future> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left()).finish_non_exhaustive()
    }
}

/// The stream of [`AsCompleted::timeout`].
#[must_use = "nothing runs unless `next` is awaited"]
pub struct AsCompletedTimeout<F: Future> {
    /// None: the time ran out, and that was said.
    rest: Option<AsCompleted<F>>,
    limit: Limit,
}

impl<F: Future> AsCompletedTimeout<F> {
    /// Waits for the next output. `None`: all have been fetched, or the time ran out before.
    ///
    /// # Errors
    ///
    /// `Some(Err(Elapsed))`, once, if the time ran out. The futures that were late are dropped.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// # Panics
    ///
    /// If a child panics; outside a runtime, if it has to wait.
    pub async fn next(&mut self) -> Option<Result<F::Output, Elapsed>> {
        self.next_with_index().await.map(|next| next.map(|(_, output)| output))
    }

    /// As [`next`](Self::next), and says which future the output is of.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    ///
    /// **Cancel-safe:** yes.
    ///
    /// # Panics
    ///
    /// As [`next`](Self::next).
    pub async fn next_with_index(&mut self) -> Option<Result<(usize, F::Output), Elapsed>> {
        poll_fn(|cx| self.poll_next_with_index(cx)).await
    }

    fn poll_next_with_index(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Indexed<F>, Elapsed>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        if let Poll::Ready(next) = rest.poll_next_with_index(cx) {
            return Poll::Ready(next.map(Ok));
        }
        let elapsed = ready!(self.limit.poll(cx, &rest.children));
        self.rest = None; // the late ones end before the caller hears of the error
        Poll::Ready(Some(Err(elapsed)))
    }
}

impl<F: Future> Stream for AsCompletedTimeout<F> {
    type Item = Result<F::Output, Elapsed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_with_index(cx).map(|next| next.map(|next| next.map(|(_, output)| output)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rest.as_ref().map_or(0, AsCompleted::left);
        (left.min(1), Some(left)) // the error takes the place of at least one output
    }
}

impl<F: Future> fmt::Debug for AsCompletedTimeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.rest.as_ref().map_or(0, AsCompleted::left);
        f.debug_struct("AsCompletedTimeout").field("left", &left).finish_non_exhaustive()
    }
}

//! Floor 5. `wait`: until all, the first, or the first failure of many; the rest comes back.
//!
//! The other combinators drop what they no longer need. This one hands it back, so that one can do
//! something else and then wait again:
//!
//! ```text
//!   wait([a, b, c], FirstCompleted).await  ──▶  done: [(1, output of b)]   pending: [a, c]
//!   wait([a, c],    AllCompleted).await    ──▶  done: [(1, ...), (0, ...)] pending: []
//! ```
//!
//! Rules
//! 1. A timeout is not an error and cancels nobody: it ends the waiting, and that is all.
//! 2. Everybody is asked before the clock is: who has ended when the time runs out is done.
//! 3. A future that is handed back was polled, so it must not mind being moved: `Unpin`. Handles of
//!    tasks do not mind, nor do boxed futures and `&mut` to pinned ones. (What a pending future
//!    keeps is the waker of a child that is gone; it takes the new one when it is polled again.)
//!
//! Real world: asyncio's `wait` adds a callback to each task at each call and removes it at the
//! end, the same price as here; trio has no such function and wants a nursery instead.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::children::{Children, Order};
use super::limit::Limit;
use super::maybe_done::MaybeDone;

/// When a [`wait`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReturnWhen {
    /// When all have ended. (asyncio's default.)
    #[default]
    AllCompleted,
    /// When at least one has ended, in whichever way.
    FirstCompleted,
    /// When one has failed, or all have ended; see [`wait`] for what a failure is.
    FirstException,
}

/// [`ReturnWhen::AllCompleted`] by asyncio's name.
pub const ALL_COMPLETED: ReturnWhen = ReturnWhen::AllCompleted;
/// [`ReturnWhen::FirstCompleted`] by asyncio's name.
pub const FIRST_COMPLETED: ReturnWhen = ReturnWhen::FirstCompleted;
/// [`ReturnWhen::FirstException`] by asyncio's name.
pub const FIRST_EXCEPTION: ReturnWhen = ReturnWhen::FirstException;

/// Waits for many futures, mostly tasks, until enough of them have ended; gives back the rest.
///
/// The twin of `asyncio.wait`.
///
/// - `futures`: all of one type, each with a `Result` as its output. They come back if they have
///   not ended, so they must be `Unpin`: a [`JoinHandle`](crate::task::JoinHandle), a `Box::pin`,
///   or a `&mut` of either. Futures that are not tasks make progress only while they are waited
///   for.
/// - `return_when`: all, the first, or the first failure. A failure is an `Err`; for a handle that
///   means a panic or an abort. For tasks that return a `Result` themselves, say so:
///   [`failed_if(Result::is_err)`](Wait::failed_if).
/// - Resolves to [`Waited`]: what is `done`, with the outputs, and what is `pending`. With
///   `FirstCompleted` that can be more than one: all that had ended when the task looked.
/// - Never an error and never an exception: failures are outputs in `done`.
/// - [`timeout`](Wait::timeout) sets a limit.
///
/// # Panics
///
/// If there are no futures, as `asyncio.wait` raises `ValueError`: a loop that waits for the first
/// of none would turn for ever. Also if a child panics; the siblings are dropped with the rest.
///
/// **Cancel-safe:** no: **dropping it drops the futures in it, and the outputs of those that had
/// ended are lost** (tasks whose handles are dropped run on). To keep it over the turns of a loop,
/// use `&mut wait`.
/// **Cost:** five heap blocks for all children, and one poll of each; so a loop of `FirstCompleted`
/// over N futures polls N² / 2 times. [`as_completed`](super::as_completed) and
/// [`JoinSet`](crate::task::JoinSet) do not.
///
/// ```
/// use rondel::combine::{ReturnWhen, Waited, wait};
/// use rondel::time::{Duration, sleep};
///
/// rondel::run(async {
///     let mut tasks = Vec::new();
///     for millis in [20, 1, 10] {
///         tasks.push(rondel::spawn(async move {
///             sleep(Duration::from_millis(millis)).await;
///             millis
///         }));
///     }
///     let Waited { done, pending } = wait(tasks, ReturnWhen::FirstCompleted).await;
///     let [(1, Ok(1))] = done[..] else { panic!("the second is the fastest: {done:?}") };
///
///     let rest = wait(pending, ReturnWhen::AllCompleted).await;
///     assert!(rest.pending.is_empty());
///     let ends: Vec<_> = rest.done.into_iter().map(|(_, output)| output.unwrap()).collect();
///     assert_eq!(ends, [10, 20]);
/// });
/// ```
#[track_caller]
pub fn wait<I, T, E>(futures: I, return_when: ReturnWhen) -> Wait<FutureOf<I>, fn(&T) -> bool>
where
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>, IntoFuture: Unpin>>,
{
    let children = Children::new(futures, Order::OfWakes);
    assert!(
        children.running() > 0,
        "`wait` was given no futures, and would wait for nothing: ask `is_empty` before"
    );
    let failed_if = |_: &T| false;
    Wait { children: Some(children), ended: Ended::default(), return_when, limit: None, failed_if }
}

type FutureOf<I> = <<I as IntoIterator>::Item as IntoFuture>::IntoFuture;

/// What a [`wait`] found.
pub struct Waited<F: Future> {
    /// Who has ended: the place in the list that was given, from 0, and the output. In the order of
    /// the ends; those that had ended before the first poll come in the order of the list.
    pub done: Vec<(usize, F::Output)>,
    /// Who has not ended, in the order of the list.
    pub pending: Vec<F>,
}

impl<F: Future<Output: fmt::Debug>> fmt::Debug for Waited<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = format_args!("{} futures", self.pending.len());
        f.debug_struct("Waited").field("done", &self.done).field("pending", &pending).finish()
    }
}

/// The future of [`wait`].
#[must_use = "futures do nothing unless polled"]
pub struct Wait<F: Future, P> {
    /// None: it has ended.
    children: Option<Children<F>>,
    ended: Ended,
    return_when: ReturnWhen,
    limit: Option<Limit>,
    failed_if: P,
}

/// Who has ended so far, in order, and whether one of them failed.
#[derive(Default)]
struct Ended {
    order: Vec<usize>,
    has_failure: bool,
}

// Nothing in it is pinned: the children are pinned elsewhere, and the predicate is only called.
impl<F: Future, P> Unpin for Wait<F, P> {}

impl<F: Future, P> Wait<F, P> {
    /// Waits no longer than `limit`, counted from the first poll that has to wait. What has not
    /// ended then is pending, and unharmed.
    ///
    /// Zero asks everybody once. What cannot be represented counts as 30 years.
    ///
    /// ```
    /// use rondel::combine::{ReturnWhen, wait};
    /// use rondel::time::Duration;
    ///
    /// rondel::run(async {
    ///     let never = rondel::spawn(std::future::pending::<()>());
    ///     let waited = wait([never], ReturnWhen::AllCompleted).timeout(Duration::ZERO).await;
    ///     assert!(waited.done.is_empty() && !waited.pending[0].is_finished());
    /// });
    /// ```
    pub fn timeout(self, limit: Duration) -> Self {
        Self { limit: Some(Limit::after(limit)), ..self }
    }

    /// Counts an `Ok(value)` as a failure if `is_failure(&value)`; an `Err` always is one.
    ///
    /// It decides when [`FirstException`](ReturnWhen::FirstException) ends, and nothing else; in
    /// the other modes it is not called. It is called once for each `Ok`.
    ///
    /// ```
    /// use rondel::combine::{ReturnWhen, wait};
    ///
    /// async fn print(pages: u32) -> Result<(), &'static str> {
    ///     if pages > 100 { Err("out of paper") } else { std::future::pending().await }
    /// }
    ///
    /// rondel::run(async {
    ///     let tasks = [200, 1].map(|pages| rondel::spawn(print(pages)));
    ///     let printed = wait(tasks, ReturnWhen::FirstException).failed_if(Result::is_err).await;
    ///     assert_eq!((printed.done.len(), printed.pending.len()), (1, 1));
    /// });
    /// ```
    pub fn failed_if<T, E, Q>(self, is_failure: Q) -> Wait<F, Q>
    where
        F: Future<Output = Result<T, E>>,
        Q: FnMut(&T) -> bool,
    {
        let Self { children, ended, return_when, limit, .. } = self;
        Wait { children, ended, return_when, limit, failed_if: is_failure }
    }
}

impl<F, P, T, E> Future for Wait<F, P>
where
    F: Future<Output = Result<T, E>> + Unpin,
    P: FnMut(&T) -> bool,
{
    type Output = Waited<F>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { children, ended, return_when, limit, failed_if } = &mut *self;
        let running = children.as_mut().expect("wait polled again after it ended");
        let _ = running.poll_woken(cx, |index, child| {
            ended.order.push(index);
            if *return_when == ReturnWhen::FirstException {
                ended.has_failure |= match &*child {
                    MaybeDone::Done { output: Ok(value) } => failed_if(value),
                    _ => true,
                };
            }
            ControlFlow::<()>::Continue(())
        });
        let is_enough = match return_when {
            ReturnWhen::AllCompleted => false,
            ReturnWhen::FirstCompleted => !ended.order.is_empty(),
            ReturnWhen::FirstException => ended.has_failure,
        };
        let mut is_late = || limit.as_mut().is_some_and(|limit| limit.poll(cx, running).is_ready());
        if !is_enough && running.running() > 0 && !is_late() {
            return Poll::Pending;
        }
        let rooms = children.take().map_or_else(Vec::new, Children::into_rooms);
        Poll::Ready(hand_out(rooms, &ended.order))
    }
}

/// Sorts the children: outputs in the order of their ends, futures in the order of the list.
fn hand_out<F: Future + Unpin>(mut rooms: Vec<MaybeDone<F>>, order: &[usize]) -> Waited<F> {
    let output = |&index: &usize| (index, Pin::new(&mut rooms[index]).take());
    let done = order.iter().map(output).collect();
    let running = |room| match room {
        MaybeDone::Running { future } => Some(future),
        MaybeDone::Done { .. } | MaybeDone::Gone => None,
    };
    Waited { done, pending: rooms.into_iter().filter_map(running).collect() }
}

impl<F: Future, P> fmt::Debug for Wait<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.children.as_ref().map_or(0, Children::running);
        f.debug_struct("Wait")
            .field("running", &running)
            .field("return_when", &self.return_when)
            .finish_non_exhaustive()
    }
}

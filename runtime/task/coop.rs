//! Floor 5. Giving way: what a task can do about its budget.
//!
//! | want | take |
//! |---|---|
//! | a loop of computations that lets others run now and then | [`consume_budget`] |
//! | the same for a future written by hand | [`poll_proceed`], [`cooperative`] |
//! | a future that never gives way unless it waits | [`unconstrained`] |
//!
//! How it works stands in `budget.rs`. The twin of `tokio::task::coop`.

use crate::budget::{self, Step};
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Takes one step of the task's budget; when none is left, lets the others go first.
///
/// For loops that compute and never wait. Unlike [`yield_now`](super::yield_now) it gives way only
/// each 128th time. The twin of `tokio::task::coop::consume_budget`; in asyncio one writes
/// `await asyncio.sleep(0)` now and then.
///
/// **Cancel-safe:** yes. **Cost:** about 1 ns; each 128th time a trip through the ready queue.
///
/// ```
/// use rondel::task::coop;
///
/// rondel::run(async {
///     let other = rondel::spawn(async { "I had my turn" });
///     while !other.is_finished() {
///         coop::consume_budget().await; // a busy loop that starves nobody
///     }
///     assert_eq!(other.await.unwrap(), "I had my turn");
/// });
/// ```
pub async fn consume_budget() {
    poll_fn(|cx| poll_proceed(cx).map(|step| step.made_progress())).await;
}

/// Whether the task has steps of its budget left in this poll; always true outside a loop.
///
/// The twin of `tokio::task::coop::has_budget_remaining`.
///
/// ```
/// use rondel::task::coop;
///
/// rondel::run(async {
///     let mut steps = 0;
///     while coop::has_budget_remaining() {
///         coop::consume_budget().await;
///         steps += 1;
///     }
///     assert_eq!(steps, 128);
/// });
/// ```
pub fn has_budget_remaining() -> bool {
    budget::remains()
}

/// Takes one step of the task's budget, for futures written by hand.
///
/// `Pending`: none is left, the task has been woken, and the caller returns `Pending` as well.
/// `Ready`: go on; call [`made_progress`](RestoreOnPending::made_progress) if that led somewhere,
/// else the step is given back when the value is dropped.
///
/// The twin of `tokio::task::coop::poll_proceed`.
///
/// **Cost:** one read and one write of a thread-local byte.
///
/// ```
/// use rondel::task::coop;
/// use std::future::poll_fn;
/// use std::task::{Poll, ready};
///
/// rondel::run(async {
///     let mut polls = 0;
///     poll_fn(|cx| {
///         polls += 1;
///         for _ in 0..200 {
///             ready!(coop::poll_proceed(cx)).made_progress();
///             if polls == 2 {
///                 return Poll::Ready(());
///             }
///         }
///         unreachable!("the budget is 128")
///     })
///     .await;
///     assert_eq!(polls, 2);
/// });
/// ```
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    budget::poll_step(cx).map(|step| RestoreOnPending(Cell::new(Some(step)), PhantomData))
}

/// A step of the budget; see [`poll_proceed`]. It belongs to one poll: to be dropped there.
#[must_use = "dropped at once, the step is given back and the budget bounds nothing"]
pub struct RestoreOnPending(Cell<Option<Step>>, PhantomData<*mut ()>); // of this thread's budget

impl RestoreOnPending {
    /// The step led somewhere: it stays paid.
    pub fn made_progress(&self) {
        self.0.take().into_iter().for_each(Step::made_progress);
    }
}

impl fmt::Debug for RestoreOnPending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RestoreOnPending")
    }
}

/// Frees `future` of the budget: it goes on as long as it finds everything ready.
///
/// Everybody else waits meanwhile, so it must be bounded otherwise. The twin of
/// `tokio::task::coop::unconstrained`; asyncio is like that always.
///
/// **Cancel-safe:** as `future`. **Cost:** two writes of a thread-local byte a poll.
///
/// ```
/// use rondel::task::coop;
///
/// rondel::run(coop::unconstrained(async {
///     let other = rondel::spawn(async {});
///     for _ in 0..1_000 {
///         coop::consume_budget().await;
///     }
///     assert!(!other.is_finished()); // nobody else had a turn
/// }));
/// ```
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// What [`unconstrained`] returns.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _outer = budget::unlimited();
        self.project().future.poll(cx)
    }
}

/// Makes `future`, which knows nothing of budgets, take one step of it each time it is ready.
///
/// The twin of `tokio::task::coop::cooperative`.
///
/// **Cancel-safe:** as `future`. **Cost:** as [`poll_proceed`].
///
/// ```
/// use rondel::task::coop;
///
/// rondel::run(async {
///     let other = rondel::spawn(async {});
///     for _ in 0..200 {
///         coop::cooperative(std::future::ready(())).await;
///     }
///     assert!(other.is_finished());
/// });
/// ```
pub fn cooperative<F: Future>(future: F) -> Coop<F> {
    Coop { future }
}

pin_project! {
    /// What [`cooperative`] returns.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Coop<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let step = ready!(poll_proceed(cx));
        let output = ready!(self.project().future.poll(cx));
        step.made_progress();
        Poll::Ready(output)
    }
}

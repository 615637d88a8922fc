//! Floor 5. `hedge` and `staggered`: second tries before the first has failed.
//!
//! A request that takes longer than nearly all others is mostly one that got stuck somewhere. To
//! ask somebody else then costs little, as few requests are so slow, and cuts off the long tail.
//!
//! ```text
//!   staggered(250 ms, [a, b, c])                 hedge(primary, 2 s, [b, c])
//!     0    a ━━━━━━━━━━━━━━━━━━━━━                 0    primary ━━━━━━━━━━━━━━━━━
//!   250         b ━━━━━ fails                      2 s              b ━━━━━━━━━
//!   330               c ━━━━━━ Ok: wins                             c ━━━━ Ok: wins
//! ```
//!
//! Rules
//! 1. Futures are started in their order; one that was not started has not been polled.
//! 2. The next start is `delay` after the last one, or at the failure of one that runs, whichever
//!    comes first. So nobody waits while nothing runs.
//! 3. Who was started earlier still counts. The first `Ok` wins, and all others are dropped before
//!    it is handed out.
//! 4. Futures are asked before the clock is: who ends at the moment of a start prevents it.
//!
//! Real world: asyncio has `staggered_race` for its connections only, Python code, not public;
//! trio's `open_tcp_stream` does the same; hyper-util's connector does it with two addresses.
//! Source: RFC 8305, "Happy Eyeballs Version 2", 2017; Dean & Barroso, "The Tail at Scale", 2013.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use pin_project_lite::pin_project;

use super::all_failed::AllFailed;
use super::children::{Children, Order};
use super::limit::Limit;
use super::maybe_done::MaybeDone;

/// Runs futures one after another, `delay` apart or as soon as one fails, until the first success.
///
/// The twin of asyncio's `staggered_race` (internal there, and used by
/// `loop.create_connection(happy_eyeballs_delay=0.25)`).
///
/// - `delay`: from one start to the next, from the first poll on. Zero starts all at once, but in
///   order, so that who is ready at once wins before the next is started. `None`: the next starts
///   only when one has failed.
/// - `futures`: all of one type, each with a `Result` as its output. They are made at once and
///   started one by one, so give it futures, and not handles of tasks that run already.
/// - Resolves to the value of the first success; the others have been dropped by then.
///
/// A failure of *any* future starts the next. (asyncio looks at the one that was started last, and
/// lets a gap stand where an earlier one fails.)
///
/// # Errors
///
/// [`AllFailed`] with all errors, in the order of `futures`, once all have failed. Without any
/// futures that is so at once, and there are no errors in it.
///
/// # Panics
///
/// If a child panics; the siblings are dropped with the rest. Outside a runtime, if it has to wait
/// before the last start.
///
/// **Cancel-safe:** dropping it drops all children where they are, and the errors collected.
/// **Cost:** five heap blocks for all children, one wheel entry at a time.
///
/// ```
/// use rondel::time::{Duration, sleep};
///
/// rondel::run(async {
///     let tries = [("black hole", 1_000, true), ("server", 1, true)].map(|(name, millis, ok)| {
///         async move {
///             sleep(Duration::from_millis(millis)).await;
///             if ok { Ok(name) } else { Err(name) }
///         }
///     });
///     let connected = rondel::combine::staggered(Duration::from_millis(5), tries).await;
///     assert_eq!(connected, Ok("server"));
/// });
/// ```
pub fn staggered<I, T, E>(
    delay: impl Into<Option<Duration>>,
    futures: I,
) -> Staggered<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>>>,
{
    let futures = futures.into_iter().map(IntoFuture::into_future);
    Staggered { attempts: Some(Attempts::new(delay.into(), 1, futures.collect())) }
}

/// Runs `primary`; if it has no success within `after`, or fails, runs all `secondaries` beside it,
/// until the first success.
///
/// A *hedged request*: "the primary within 2 s, else the first secondary that succeeds". The
/// primary still counts when the secondaries run. Python has none; there it is `asyncio.wait` with
/// a timeout, twice, and cancelling the rest.
///
/// - `after`: from the first poll on. Zero: `primary` is polled once before the others.
/// - `secondaries`: any number, all of one type, started together. To start them one by one, take
///   [`staggered`].
/// - Resolves to the value of the first success; the others have been dropped by then.
///
/// # Errors
///
/// [`AllFailed`] with all errors, that of `primary` first and then those of the secondaries in
/// their order, once all have failed.
///
/// # Panics
///
/// If a child panics; the siblings are dropped with the rest. Outside a runtime, if `primary` has
/// to wait.
///
/// **Cancel-safe:** dropping it drops all children where they are, and the errors collected.
/// **Cost:** five heap blocks for all children, one wheel entry until the secondaries start; no
/// clock is read if `primary` is ready at once.
///
/// ```
/// use rondel::time::{Duration, sleep};
///
/// async fn ask(replica: &str, millis: u64) -> Result<&str, std::io::Error> {
///     sleep(Duration::from_millis(millis)).await;
///     Ok(replica)
/// }
///
/// rondel::run(async {
///     let others = [ask("second", 30), ask("third", 2)];
///     let answer = rondel::combine::hedge(ask("first", 1_000), Duration::from_millis(5), others);
///     assert_eq!(answer.await.unwrap(), "third");
/// });
/// ```
pub fn hedge<P, I, T, E>(
    primary: P,
    after: Duration,
    secondaries: I,
) -> Hedge<P::IntoFuture, <I::Item as IntoFuture>::IntoFuture>
where
    P: IntoFuture<Output = Result<T, E>>,
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>>>,
{
    let mut all = vec![Either::Primary { future: primary.into_future() }];
    let secondary = |next: I::Item| Either::Secondary { future: next.into_future() };
    all.extend(secondaries.into_iter().map(secondary));
    Hedge { attempts: Some(Attempts::new(Some(after), usize::MAX, all)) }
}

/// Futures that are started one after another.
struct Attempts<F: Future> {
    /// A room for each; those of futures that were not started are vacant.
    children: Children<F>,
    waiting: vec::IntoIter<F>,
    delay: Option<Duration>,
    /// The time until the next start.
    limit: Option<Limit>,
    /// How many are started by one reason, after the first.
    at_once: usize,
    started: usize,
}

impl<F, T, E> Attempts<F>
where
    F: Future<Output = Result<T, E>>,
{
    fn new(delay: Option<Duration>, at_once: usize, futures: Vec<F>) -> Self {
        let children = Children::vacant(futures.len(), Order::OfWakes);
        let waiting = futures.into_iter();
        Self { children, waiting, delay, limit: None, at_once, started: 0 }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            let mut reasons = usize::from(self.children.running() == 0);
            let outcome = self.children.poll_woken(cx, |_, child| match child.take_ok() {
                Some(value) => ControlFlow::Break(value),
                None => {
                    reasons += 1; // its error stays in its room
                    ControlFlow::Continue(())
                }
            });
            if let ControlFlow::Break(value) = outcome {
                return Poll::Ready(Some(value));
            }
            if self.waiting.len() == 0 {
                let all_failed = self.children.running() == 0;
                return if all_failed { Poll::Ready(None) } else { Poll::Pending };
            }
            if reasons == 0
                && let Some(limit) = &mut self.limit
                && limit.poll(cx, &self.children).is_ready()
            {
                reasons = 1;
            }
            match reasons {
                0 => return Poll::Pending,
                _ if self.started == 0 => self.start(1),
                _ => self.start(self.at_once.saturating_mul(reasons)),
            }
        }
    }

    fn start(&mut self, len: usize) {
        for future in self.waiting.by_ref().take(len) {
            self.children.settle(self.started, future);
            self.started += 1;
        }
        self.limit = self.delay.map(Limit::after);
    }

    /// The errors of all, once all have failed.
    fn into_errors(self) -> AllFailed<E> {
        AllFailed::new(self.children.empty(MaybeDone::take_failure))
    }
}

/// Polls attempts that may have ended, and ends them.
fn poll_attempts<F, T, E>(
    attempts: &mut Option<Attempts<F>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, AllFailed<E>>>
where
    F: Future<Output = Result<T, E>>,
{
    let running = attempts.as_mut().expect("polled again after it ended");
    let outcome = std::task::ready!(running.poll(cx));
    let ended = attempts.take();
    Poll::Ready(match outcome {
        Some(value) => Ok(value), // and the losers end here, before the caller hears of it
        None => Err(ended.map_or_else(|| AllFailed::new(Vec::new()), Attempts::into_errors)),
    })
}

/// The future of [`staggered`].
#[must_use = "futures do nothing unless polled"]
pub struct Staggered<F: Future> {
    /// None: it has ended.
    attempts: Option<Attempts<F>>,
}

// Nothing in it is pinned: who was started is pinned elsewhere, and who was not may be moved.
impl<F: Future> Unpin for Staggered<F> {}

impl<F, T, E> Future for Staggered<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, AllFailed<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_attempts(&mut self.attempts, cx)
    }
}

impl<F: Future> fmt::Debug for Staggered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_attempts("Staggered", &self.attempts, f)
    }
}

/// The future of [`hedge`].
#[must_use = "futures do nothing unless polled"]
pub struct Hedge<P: Future, F: Future<Output = P::Output>> {
    /// None: it has ended.
    attempts: Option<Attempts<Either<P, F>>>,
}

// As for `Staggered`.
impl<P: Future, F: Future<Output = P::Output>> Unpin for Hedge<P, F> {}

impl<P, F, T, E> Future for Hedge<P, F>
where
    P: Future<Output = Result<T, E>>,
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, AllFailed<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_attempts(&mut self.attempts, cx)
    }
}

impl<P: Future, F: Future<Output = P::Output>> fmt::Debug for Hedge<P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_attempts("Hedge", &self.attempts, f)
    }
}

fn debug_attempts<F: Future>(
    name: &str,
    attempts: &Option<Attempts<F>>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let [running, waiting] = attempts
        .as_ref()
        .map_or([0; 2], |attempts| [attempts.children.running(), attempts.waiting.len()]);
    f.debug_struct(name)
        .field("running", &running)
        .field("waiting", &waiting)
        .finish_non_exhaustive()
}

pin_project! {
    /// The primary or a secondary, so that both can be children of one combinator.
    #[project = EitherPinned]
    enum Either<P, F> {
        Primary { #[pin] future: P },
        Secondary { #[pin] future: F },
    }
}

impl<P: Future, F: Future<Output = P::Output>> Future for Either<P, F> {
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            EitherPinned::Primary { future } => future.poll(cx),
            EitherPinned::Secondary { future } => future.poll(cx),
        }
    }
}

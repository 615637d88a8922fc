//! Floor 5. Waiting, but not for ever.
//!
//! Rules
//! 1. The future is tried first; only if it has to wait are clock and wheel touched. A future that
//!    is ready pays nothing for its time limit.
//! 2. A future that spends the whole budget of a poll, each time, does not outlive its limit: the
//!    limit is then looked at for free. If the budget was spent before, both wait.
//!
//! Real world: tokio reads the clock before it tries; asyncio's `wait_for` made a task of its own
//! for the inner future until 3.12, and has used a `timeout` block since.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::clock::Instant;
use super::sleep::{Sleep, sleep, sleep_until};
use crate::budget;

/// Waits for `future`, but at most `limit`.
///
/// The twin of Python's `asyncio.wait_for` and of `tokio::time::timeout`.
///
/// - `limit`: time from the first poll that has to wait, rounded up to the wheel's tick of 1 ms.
///   Zero polls `future` once and then gives up. What cannot be represented counts as 30 years.
/// - Returns `Err(Elapsed)` when the time ran out; `.await` has dropped `future` by then.
///
/// # Panics
///
/// The first poll that has to wait panics outside a runtime. A future that is ready needs none.
///
/// **Cancel-safe:** yes. Dropping the returned future drops `future` and disarms the timer.
/// **Cost:** nothing if `future` is ready at once, else a clock read and a wheel entry; no
/// allocation.
///
/// ```
/// use rondel::time::{Duration, timeout};
///
/// rondel::run(async {
///     assert_eq!(timeout(Duration::from_secs(1), async { 42 }).await, Ok(42));
///     let never = std::future::pending::<()>();
///     let error = timeout(Duration::from_millis(1), never).await.unwrap_err();
///     assert_eq!(error.to_string(), "deadline has elapsed");
/// });
/// ```
pub fn timeout<F: IntoFuture>(limit: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), timer: Timer::After { limit } }
}

/// Waits for `future`, but at most until `deadline`.
///
/// The twin of `asyncio.timeout_at` and of `tokio::time::timeout_at`. As [`timeout`]; a deadline
/// that is past polls `future` once and then gives up.
///
/// # Panics
///
/// The first poll that has to wait panics outside a runtime. A future that is ready needs none.
///
/// **Cancel-safe:** yes. Dropping the returned future drops `future` and disarms the timer.
/// **Cost:** as [`timeout`].
///
/// ```
/// use rondel::time::{Duration, Instant, timeout_at};
///
/// rondel::run(async {
///     let deadline = Instant::now() + Duration::from_millis(1);
///     assert!(timeout_at(deadline, std::future::pending::<()>()).await.is_err());
///     assert_eq!(timeout_at(deadline, async { "ready" }).await, Ok("ready"));
/// });
/// ```
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), timer: Timer::At { deadline } }
}

pin_project! {
    /// What [`timeout`] and [`timeout_at`] return.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        timer: Timer,
    }
}

#[derive(Debug)]
enum Timer {
    After { limit: Duration },
    At { deadline: Instant },
    Running(Sleep),
}

impl<F> Timeout<F> {
    /// The future that is waited for.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future that is waited for.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// Gives up the time limit and returns the future.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let had_budget = budget::remains();
        if let Poll::Ready(output) = me.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let started = match me.timer {
            Timer::After { limit } => Some(sleep(*limit)),
            Timer::At { deadline } => Some(sleep_until(*deadline)),
            Timer::Running(_) => None,
        };
        if let Some(sleep) = started {
            *me.timer = Timer::Running(sleep);
        }
        let Timer::Running(sleep) = me.timer else { return Poll::Pending };
        let _free = (had_budget && !budget::remains()).then(budget::unlimited); // rule 2
        Pin::new(sleep).poll(cx).map(|()| Err(Elapsed(())))
    }
}

/// The time of a [`timeout`] ran out before its future was done.
///
/// The twin of Python's `TimeoutError` and of `tokio::time::error::Elapsed`. It turns into an
/// [`io::Error`] of the kind `TimedOut`.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(pub(crate) ());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> Self {
        io::ErrorKind::TimedOut.into()
    }
}

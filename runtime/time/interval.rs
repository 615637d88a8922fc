//! Floor 5. Ticks: one moment after the other, and what to do about those that were missed.
//!
//! ```text
//!   period 10, one tick is taken at 35 instead of 20; the next ticks come at
//!   Burst   20 (at once), 30 (at once), 40, 50     all ticks, as fast as they are taken
//!   Delay   45, 55, 65                             a period from now, for good
//!   Skip    40, 50, 60                             the missed ones are left out
//! ```
//!
//! Real world: tokio's `Interval`; in asyncio one writes a loop around `sleep`, which drifts.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::clock::Instant;
use super::sleep::{Sleep, sleep_until};

/// A tick taken this late or less counts as in time: the wheel and a busy loop are a little late,
/// and that is no reason to leave ticks out. tokio has the same 5 ms.
const IN_TIME: Duration = Duration::from_millis(5);

/// Ticks every `period`; the first tick is now.
///
/// The twin of `tokio::time::interval`, and of a Python loop around `asyncio.sleep` without its
/// drift: a tick that was late does not move the later ones (see [`MissedTickBehavior`]).
///
/// # Panics
///
/// Panics if `period` is zero, and outside a runtime.
///
/// **Cost:** per tick one clock read and one wheel entry; no allocation.
///
/// ```
/// use rondel::time::{Duration, Instant, interval};
///
/// rondel::run(async {
///     let mut interval = interval(Duration::from_millis(2));
///     let first = interval.tick().await; // at once
///     let second = interval.tick().await;
///     assert_eq!(second - first, Duration::from_millis(2));
///     assert!(Instant::now() >= second);
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`; the first tick is at `start`.
///
/// The twin of `tokio::time::interval_at`; otherwise as [`interval`].
///
/// # Panics
///
/// Panics if `period` is zero, and outside a runtime.
///
/// ```
/// use rondel::time::{Duration, Instant, interval_at};
///
/// rondel::run(async {
///     let start = Instant::now() + Duration::from_millis(2);
///     assert_eq!(interval_at(start, Duration::from_secs(1)).tick().await, start);
/// });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "`period` must be non-zero.");
    Interval { sleep: sleep_until(start), period, missed: MissedTickBehavior::default() }
}

/// When the next tick is, after one that was taken more than 5 ms late.
///
/// The twin of `tokio::time::MissedTickBehavior`; see the picture at the head of `interval.rs`.
///
/// ```
/// use rondel::time::MissedTickBehavior;
///
/// assert_eq!(MissedTickBehavior::default(), MissedTickBehavior::Burst);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTickBehavior {
    /// Where it would have been: missed ticks come at once, one after the other, until the interval
    /// has caught up. For work that must be done a certain number of times.
    #[default]
    Burst,
    /// One period from now: the interval is late from then on. For a rest between two runs.
    Delay,
    /// At the next multiple of the period from the start: missed ticks never come. For work that
    /// looks at the present state only.
    Skip,
}

impl MissedTickBehavior {
    fn next_tick(self, missed: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            Self::Burst => missed.add_or_far(period),
            Self::Delay => now.add_or_far(period),
            Self::Skip => {
                let late = now.duration_since(missed).as_nanos() % period.as_nanos();
                // Late by less than a period; a period beyond u64 nanoseconds was never missed.
                let late = Duration::from_nanos(u64::try_from(late).unwrap_or(0));
                now.add_or_far(period.saturating_sub(late))
            }
        }
    }
}

/// What [`interval`] and [`interval_at`] return: a source of ticks.
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick and returns the moment it was due.
    ///
    /// **Cancel-safe:** yes. A tick that was not taken is still there.
    /// **Cost:** a clock read and a wheel entry.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// [`Interval::tick`] for futures written by hand.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let tick = self.sleep.deadline();
        let now = Instant::now();
        let next = if now.duration_since(tick) > IN_TIME {
            self.missed.next_tick(tick, now, self.period)
        } else {
            tick.add_or_far(self.period)
        };
        self.sleep.start_over(next, now);
        Poll::Ready(tick)
    }

    /// Makes the next tick come one period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Makes the next tick come now.
    pub fn reset_immediately(&mut self) {
        self.reset_at(Instant::now());
    }

    /// Makes the next tick come `after` from now; the later ones follow every period.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(Instant::now().add_or_far(after));
    }

    /// Makes the next tick come at `deadline`; the later ones follow every period.
    pub fn reset_at(&mut self, deadline: Instant) {
        Pin::new(&mut self.sleep).reset(deadline);
    }

    /// What happens to ticks that were missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Says what is to happen to ticks that are missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

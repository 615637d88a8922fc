//! Floor 1. What time it is: real, or virtual for tests.
//!
//! A loop has one [`Clock`]; it translates between moments ([`Instant`]) and the ticks of 1 ms that
//! the wheel counts from the loop's start. A virtual clock stands still until the loop, which has
//! nothing to run, moves it to the next deadline: a test of an hour takes a millisecond.
//!
//! ```text
//!   Instant::now() ── is this thread inside a loop with virtual time? ── yes ─▶ that loop's now
//!                                     └── no ─▶ the operating system's monotonic clock
//! ```
//!
//! Rules
//! 1. Deadlines are rounded up to ticks, now is rounded down: nothing ever fires early.
//! 2. While a thread is inside a loop it shows that loop's clock ([`Clock::show`]); only then, and
//!    only on that thread, may the loop call [`Clock::advance`].
//!
//! Rule 1 in numbers. At 0.7 ms after the start a task sleeps for 5 ms: the deadline 5.7 becomes
//! tick 6. At 5.9 ms the loop looks: that is tick 5, nothing is due. At 6.0 it is, 0.3 ms late.
//! Were the deadline rounded down, the task would be woken at 5.0; a program that measures its own
//! sleeps would call that a bug, and one that sleeps until a moment, in a loop, would spin.
//!
//! Real world: tokio freezes its clock with `pause`; asyncio's loop has a `time()` to be patched;
//! trio has a `MockClock` with an autojump.

use std::cell::Cell;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::{Duration, Instant as StdInstant};

use crate::shim::Arc;
use crate::shim::atomic::{AtomicU64, Ordering};

// Not a field of the clock alone: `Instant::now()` is a plain function, called by code that has no
// loop in its hands. The loop's thread keeps the time here for it, and it costs real time 1 ns.
thread_local! {
    /// The virtual now of the loop this thread is inside of. `None`: time is real here.
    static VIRTUAL_NOW: Cell<Option<StdInstant>> = const { Cell::new(None) };
}

/// "For ever" where a deadline is needed: about 30 years, which every platform can represent.
/// `sleep(Duration::MAX)` is a common way to say "never", and an addition that panics would be a
/// poor answer.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

const TICK_NANOS: u32 = 1_000_000;
const TICKS_PER_SECOND: u64 = 1_000;

/// A moment on the monotonic clock: the wall clock of the machine, or the virtual one of a test.
///
/// The twin of `tokio::time::Instant` and of the numbers that asyncio's `loop.time()` returns.
/// It is [`std::time::Instant`] but for [`Instant::now`], which knows about virtual time.
///
/// ```
/// use rondel::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let later = start + Duration::from_millis(5);
/// assert_eq!(later - start, Duration::from_millis(5));
/// assert_eq!(start - later, Duration::ZERO); // never negative, never a panic
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(StdInstant);

impl Instant {
    /// The present moment. Inside a loop with virtual time: that loop's present.
    ///
    /// **Cost:** one read of the clock, about 16 ns.
    #[inline]
    #[must_use]
    pub fn now() -> Self {
        Self(VIRTUAL_NOW.get().unwrap_or_else(StdInstant::now))
    }

    /// The same moment as the standard library's `std`.
    #[must_use]
    pub fn from_std(std: StdInstant) -> Self {
        Self(std)
    }

    /// The same moment as a [`std::time::Instant`].
    #[must_use]
    pub fn into_std(self) -> StdInstant {
        self.0
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time from `earlier` to this moment; `None` if `earlier` is later.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time from this moment to now; zero for a moment that is still to come.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// This moment plus `duration`; `None` if that is too far away to be represented.
    #[must_use]
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    /// This moment minus `duration`; `None` if that is too far away to be represented.
    #[must_use]
    pub fn checked_sub(&self, duration: Duration) -> Option<Self> {
        self.0.checked_sub(duration).map(Self)
    }

    /// This moment plus `duration`, or 30 years from now if that cannot be represented.
    #[inline]
    pub(crate) fn add_or_far(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or_else(Self::far_future)
    }

    /// A deadline nobody will see: about 30 years from now.
    pub(crate) fn far_future() -> Self {
        Self::now() + FAR
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<StdInstant> for Instant {
    fn from(std: StdInstant) -> Self {
        Self(std)
    }
}

impl From<Instant> for StdInstant {
    fn from(instant: Instant) -> Self {
        instant.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

// Clamped at zero like `duration_since`, though std's documents leave open whether theirs panics:
// "how much is left" is asked of deadlines that have passed, and the answer is none.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

// As with std's type, `+` and `-` with a duration panic when the moment cannot be represented;
// `checked_add` and `checked_sub` ask first. Between two moments `-` never does.
impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0 - duration)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

/// A loop's clock. Clones show the same time, also on other threads.
///
/// With the virtual one, two tasks that sleep for one and two hours take no time: nothing can run,
/// so the turn moves the clock from stop to stop of the wheel; after one hour of it the first task
/// runs, then nothing can run again, and so on. Between two stops any amount of work takes zero
/// time, so a test never depends on how fast the machine is.
///
/// An enum and not a trait: the choice is made once, by the builder, and a real clock pays for the
/// virtual one no more than a branch that is always predicted.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// The operating system's monotonic clock.
    Real {
        /// Tick 0.
        start: Instant,
    },
    /// A clock that stands still between two calls of [`Clock::advance`].
    Virtual {
        /// Tick 0.
        start: Instant,
        /// How far the clock has been moved since: nanoseconds, enough for 584 years. Shared
        /// and atomic, so that a clock may be cloned to where the loop is not.
        offset_nanos: Arc<AtomicU64>,
    },
}

impl Clock {
    /// A clock that runs; tick 0 is now.
    pub(crate) fn new_real() -> Self {
        Self::Real { start: Instant(StdInstant::now()) }
    }

    /// A clock that stands still; tick 0 is now.
    pub(crate) fn new_virtual() -> Self {
        let offset_nanos = Arc::new(AtomicU64::new(0));
        Self::Virtual { start: Instant(StdInstant::now()), offset_nanos }
    }

    /// Whether only [`Clock::advance`] moves this clock.
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, Self::Virtual { .. })
    }

    /// The moment of tick 0.
    #[inline]
    pub(crate) fn start(&self) -> Instant {
        match self {
            Self::Real { start } | Self::Virtual { start, .. } => *start,
        }
    }

    /// The present moment of this clock, from whichever thread.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::Real { .. } => Instant(StdInstant::now()),
            Self::Virtual { start, offset_nanos } => {
                // Relaxed: the time alone is read, nothing is published with it.
                let offset = Duration::from_nanos(offset_nanos.load(Ordering::Relaxed));
                // The addition was tried in `advance`, before the offset was stored.
                start.checked_add(offset).unwrap_or(*start)
            }
        }
    }

    /// The first tick that is not before `deadline` (rule 1). A moment before the start is tick 0.
    #[inline]
    pub(crate) fn ticks_up(&self, deadline: Instant) -> u64 {
        let since_start = deadline.duration_since(self.start());
        let part = u64::from(since_start.subsec_nanos().div_ceil(TICK_NANOS));
        since_start.as_secs().saturating_mul(TICKS_PER_SECOND).saturating_add(part)
    }

    /// The last tick that is not after `now` (rule 1). A moment before the start is tick 0.
    #[inline]
    pub(crate) fn ticks_down(&self, now: Instant) -> u64 {
        let since_start = now.duration_since(self.start());
        let part = u64::from(since_start.subsec_nanos() / TICK_NANOS);
        since_start.as_secs().saturating_mul(TICKS_PER_SECOND).saturating_add(part)
    }

    /// The moment of a tick; one too far away to be represented counts as 30 years from now.
    #[inline]
    pub(crate) fn instant_of(&self, ticks: u64) -> Instant {
        self.start().add_or_far(Duration::from_millis(ticks))
    }

    /// Moves a virtual clock forward; a real one needs no help. See rule 2 for who may call this.
    pub(crate) fn advance(&self, by: Duration) {
        let Self::Virtual { start, offset_nanos } = self else { return };
        let by_nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: one thread writes (rule 2), and readers want the time alone.
        let offset = offset_nanos.load(Ordering::Relaxed).saturating_add(by_nanos);
        // A step too far is not taken at all: the clock stands, and never goes back.
        if start.checked_add(Duration::from_nanos(offset)).is_some() {
            offset_nanos.store(offset, Ordering::Relaxed);
            VIRTUAL_NOW.set(Some(self.now().0));
        }
    }

    /// Makes [`Instant::now`] show `clock` on this thread from now on, or the system's without one.
    pub(crate) fn show(clock: Option<&Self>) {
        // A real clock shows `None`, and so hides the virtual one of a loop around this one.
        let shown = clock.filter(|clock| clock.is_virtual());
        VIRTUAL_NOW.set(shown.map(|clock| clock.now().0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_TICK: Duration = Duration::from_micros(500);

    /// Goal: a timer never fires early. Method: round a moment between two ticks both ways.
    #[test]
    fn deadlines_round_up_and_now_rounds_down() {
        let clock = Clock::new_virtual();
        let moment = clock.start() + Duration::from_millis(1_999) + HALF_TICK;
        assert_eq!(clock.ticks_up(moment), 2_000);
        assert_eq!(clock.ticks_down(moment), 1_999);
        let exact = clock.instant_of(1_999);
        assert_eq!((clock.ticks_up(exact), clock.ticks_down(exact)), (1_999, 1_999));
        let before = clock.start() - Duration::from_millis(1);
        assert_eq!((clock.ticks_up(before), clock.ticks_down(before)), (0, 0));
    }

    /// Goal: a virtual clock moves only when told. Method: compare two readings around `advance`.
    #[test]
    fn a_virtual_clock_stands_still_until_it_is_advanced() {
        let clock = Clock::new_virtual();
        Clock::show(Some(&clock));
        let start = Instant::now();
        assert_eq!(start, Instant::now());
        clock.advance(Duration::from_secs(3_600) + HALF_TICK);
        assert_eq!(Instant::now() - start, Duration::from_secs(3_600) + HALF_TICK);
        assert_eq!(clock.now(), Instant::now());
        assert_eq!(clock.ticks_down(clock.clone().now()), 3_600_000);
        Clock::show(None);
        assert!(Instant::now() < clock.now(), "outside, time is real again");
    }

    /// Goal: absurd durations are no panic. Method: advance and add the longest ones.
    #[test]
    fn moments_too_far_away_to_represent_count_as_far_future() {
        let clock = Clock::new_virtual();
        clock.advance(Duration::MAX);
        assert!(clock.now() >= clock.start());
        let far = Instant::now().add_or_far(Duration::MAX);
        assert!(far > Instant::now() + Duration::from_secs(86_400 * 365 * 29));
        assert!(clock.instant_of(u64::MAX) > clock.start());
    }
}

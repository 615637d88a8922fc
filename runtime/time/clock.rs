//! Floor 1. What time it is: the machine's, or a time that stands still until it is moved.
//!
//! A loop has one [`Clock`]; it translates between moments ([`Instant`]) and the ticks of 1 ms that
//! the wheel counts from the loop's start. A frozen clock stands still until the loop, which has
//! nothing to run, moves it to the next deadline: a test of an hour takes a millisecond.
//!
//! ```text
//!   running ──freeze──▶ frozen ──thaw──▶ running, from where it stood
//!                        │   ▲
//!                        └───┘ advance
//!   Instant::now() ── has a clock ever been frozen? ── no ─▶ the machine's monotonic clock
//!                         └── yes ─▶ what the clock of this thread's loop or handle shows
//! ```
//!
//! Rules
//! 1. Deadlines are rounded up to ticks, now is rounded down: nothing ever fires early.
//! 2. A thread that is inside a loop, or holds a handle of one, shows that loop's clock
//!    ([`Clock::show`]).
//! 3. No clock ever goes back: what was frozen goes on from where it stood.
//!
//! Rule 1 in numbers. At 0.7 ms after the start a task sleeps for 5 ms: the deadline 5.7 becomes
//! tick 6. At 5.9 ms the loop looks: that is tick 5, nothing is due. At 6.0 it is, 0.3 ms late.
//! Were the deadline rounded down, the task would be woken at 5.0; a program that measures its own
//! sleeps would call that a bug, and one that sleeps until a moment, in a loop, would spin.
//!
//! Real world: tokio freezes its clock with `pause`; asyncio's loop has a `time()` to be patched;
//! trio has a `MockClock` with an autojump.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::{Duration, Instant as StdInstant};

use crate::shim::atomic::{AtomicBool, Ordering};
use crate::shim::{Arc, Mutex, lock};

/// Whether a clock of this process was ever frozen. While none was, which is always so outside of
/// tests, to ask for the time costs one relaxed load more than the machine's clock.
static EVER_FROZEN: AtomicBool = AtomicBool::new(false);

// Not a field of the clock alone: `Instant::now()` is a plain function, called by code that has no
// loop in its hands.
thread_local! {
    /// The clock that this thread shows (rule 2).
    static SHOWN: RefCell<Option<Clock>> = const { RefCell::new(None) };
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
    /// The present moment. Inside a loop whose time is virtual: that loop's present.
    ///
    /// **Cost:** one read of the clock, about 16 ns.
    #[inline]
    #[must_use]
    pub fn now() -> Self {
        // Relaxed: who must know that a clock was frozen heard of it from the one who did it.
        if EVER_FROZEN.load(Ordering::Relaxed) { Self::shown() } else { Self(StdInstant::now()) }
    }

    /// What this thread's clock shows.
    #[cold]
    fn shown() -> Self {
        let shown = SHOWN.try_with(|shown| shown.borrow().as_ref().map(Clock::now));
        shown.ok().flatten().unwrap_or_else(|| Self(StdInstant::now()))
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

    /// A deadline nobody will see: about 30 years from now, or now at the end of time.
    pub(crate) fn far_future() -> Self {
        let now = Self::now();
        now.checked_add(FAR).unwrap_or(now)
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

/// A loop's clock. Clones are the same clock, also on other threads.
///
/// With a frozen one, two tasks that sleep for one and two hours take no time: nothing can run,
/// so the turn moves the clock from stop to stop of the wheel; after one hour of it the first task
/// runs, then nothing can run again, and so on. Between two stops any amount of work takes zero
/// time, so a test never depends on how fast the machine is.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Tick 0.
    start: Instant,
    /// Whether the face differs from the machine's clock: it was frozen once. Spares all others the
    /// lock.
    touched: AtomicBool,
    face: Mutex<Face>,
}

/// What a clock shows that was touched.
#[derive(Clone, Copy, Debug)]
enum Face {
    /// `since` was the time when the machine's clock said `machine`; it has run on from there.
    Running {
        machine: StdInstant,
        since: StdInstant,
    },
    Frozen {
        now: StdInstant,
    },
}

impl Face {
    fn now(self) -> StdInstant {
        match self {
            Self::Frozen { now } => now,
            // A sum that cannot be represented is only to be had by moving the clock to the end of
            // time: there it stands.
            Self::Running { machine, since } => {
                since.checked_add(machine.elapsed()).unwrap_or(since)
            }
        }
    }
}

impl Clock {
    /// A clock that runs; tick 0 is now.
    pub(crate) fn new() -> Self {
        let now = StdInstant::now();
        let face = Mutex::new(Face::Running { machine: now, since: now });
        Self(Arc::new(Shared { start: Instant(now), touched: AtomicBool::new(false), face }))
    }

    /// Stops the clock, at the next whole tick: from there on sleeps are exact. False if it stood
    /// already.
    #[must_use]
    pub(crate) fn freeze(&self) -> bool {
        let mut face = lock(&self.0.face);
        if matches!(*face, Face::Frozen { .. }) {
            return false;
        }
        *face = Face::Frozen { now: self.instant_of(self.ticks_up(Instant(face.now()))).0 };
        // Relaxed: see `Instant::now`; the lock carries the face itself.
        self.0.touched.store(true, Ordering::Relaxed);
        EVER_FROZEN.store(true, Ordering::Relaxed);
        true
    }

    /// Lets the clock run again, from where it stands. False if it runs.
    #[must_use]
    pub(crate) fn thaw(&self) -> bool {
        let mut face = lock(&self.0.face);
        let Face::Frozen { now } = *face else { return false };
        *face = Face::Running { machine: StdInstant::now(), since: now };
        true
    }

    /// Whether only [`advance`](Self::advance) moves this clock.
    #[inline]
    pub(crate) fn is_frozen(&self) -> bool {
        // Relaxed: see `Instant::now`.
        self.0.touched.load(Ordering::Relaxed) && matches!(*lock(&self.0.face), Face::Frozen { .. })
    }

    /// Moves a frozen clock forward, but not to a moment that cannot be represented. False if it
    /// runs.
    #[must_use]
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let mut face = lock(&self.0.face);
        let Face::Frozen { now } = *face else { return false };
        // A step too far is not taken at all: the clock stands, and never goes back (rule 3).
        *face = Face::Frozen { now: now.checked_add(by).unwrap_or(now) };
        true
    }

    /// The moment of tick 0.
    #[inline]
    pub(crate) fn start(&self) -> Instant {
        self.0.start
    }

    /// The present moment of this clock, from whichever thread.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        // Relaxed: see `Instant::now`.
        let touched = self.0.touched.load(Ordering::Relaxed);
        Instant(if touched { lock(&self.0.face).now() } else { StdInstant::now() })
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

    /// Makes [`Instant::now`] show `clock` on this thread from now on, or the machine's without one
    /// (rule 2).
    pub(crate) fn show(clock: Option<&Self>) {
        // An error means that the thread is ending: then it shows the machine's.
        let _ = SHOWN.try_with(|shown| shown.replace(clock.cloned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_TICK: Duration = Duration::from_micros(500);

    fn frozen() -> Clock {
        let clock = Clock::new();
        assert!(clock.freeze());
        clock
    }

    /// Goal: a timer never fires early. Method: round a moment between two ticks both ways.
    #[test]
    fn deadlines_round_up_and_now_rounds_down() {
        let clock = frozen();
        let moment = clock.start() + Duration::from_millis(1_999) + HALF_TICK;
        assert_eq!(clock.ticks_up(moment), 2_000);
        assert_eq!(clock.ticks_down(moment), 1_999);
        let exact = clock.instant_of(1_999);
        assert_eq!((clock.ticks_up(exact), clock.ticks_down(exact)), (1_999, 1_999));
        let before = clock.start() - Duration::from_millis(1);
        assert_eq!((clock.ticks_up(before), clock.ticks_down(before)), (0, 0));
    }

    /// Goal: a frozen clock moves only when told. Method: compare two readings around `advance`,
    /// here and on a thread that shows the same clock.
    #[test]
    fn a_frozen_clock_stands_still_until_it_is_advanced() {
        let clock = frozen();
        Clock::show(Some(&clock));
        let start = Instant::now();
        assert_eq!(start, Instant::now());
        assert!(clock.advance(Duration::from_secs(3_600) + HALF_TICK));
        assert_eq!(Instant::now() - start, Duration::from_secs(3_600) + HALF_TICK);
        assert_eq!(clock.now(), Instant::now());
        let (shown, here) = (clock.clone(), Instant::now());
        let there = std::thread::spawn(move || {
            let before = Instant::now();
            Clock::show(Some(&shown));
            (before, Instant::now())
        });
        let (before, there) = there.join().unwrap();
        assert_eq!(there, here);
        assert!(before < there, "a thread without a loop has the machine's time");
        Clock::show(None);
        assert!(Instant::now() < clock.now(), "outside, time is real again");
    }

    /// Goal: no moment comes twice, and sleeps are exact. Method: freeze, move, thaw, and freeze
    /// again; look at the ticks.
    #[test]
    fn a_thawed_clock_goes_on_from_where_it_stood() {
        let clock = Clock::new();
        assert!(!clock.advance(HALF_TICK) && !clock.thaw(), "it runs by itself");
        assert!(clock.freeze() && !clock.freeze() && clock.is_frozen());
        let stood = clock.now();
        assert_eq!(clock.ticks_up(stood), clock.ticks_down(stood));
        assert!(clock.advance(Duration::from_secs(60)) && clock.thaw() && !clock.is_frozen());
        let ran = clock.now();
        assert!(ran >= stood + Duration::from_secs(60));
        assert!(clock.freeze());
        assert!(clock.now() >= ran);
    }

    /// Goal: absurd durations are no panic. Method: advance and add the longest ones.
    #[test]
    fn moments_too_far_away_to_represent_count_as_far_future() {
        let clock = frozen();
        assert!(clock.advance(Duration::MAX));
        assert!(clock.now() >= clock.start());
        let far = Instant::now().add_or_far(Duration::MAX);
        assert!(far > Instant::now() + Duration::from_secs(86_400 * 365 * 29));
        assert!(clock.instant_of(u64::MAX) > clock.start());
    }
}

//! Floor 5. Waiting for a moment: one entry on the timer wheel, and who may touch it.
//!
//! A [`Sleep`] is armed at its first poll that has to wait. At home, on the thread that is inside
//! the loop, that is a plain insert into the wheel, with the task's waker as the payload. So it is
//! for whoever works for the same stealing runtime, where wheels are in locks. Another stranger (a
//! thread in `Handle::block_on`) cannot touch the wheel; it leaves an errand and keeps its end of
//! an [`Alarm`], whose other end lies in the wheel.
//!
//! ```text
//!            poll in reach of the wheel         poll on a thread in no loop
//!   unarmed ─────────────▶ wheel (key)          unarmed ─────────────▶ abroad (alarm)
//!              fired: the key is stale             fired: the alarm says so
//!   A sleep that is polled inside a loop, out of reach of where it is armed, moves there.
//! ```
//!
//! Rules
//! 1. A poll in reach reads no clock: an entry has fired if its key is stale, and not before;
//!    unless the loop has ended.
//! 2. Wakers are cloned before, and woken or dropped after, the borrow of the wheel or the lock of
//!    the alarm: they are other people's code.
//! 3. An alarm ends once: fired, lost (its loop ended before the deadline) or cancelled. Whatever
//!    becomes of the errand or of the loop, dropping the wheel's end ends it; nobody waits for
//!    ever.
//!
//! Real world: tokio links the entry into a locked wheel, whoever polls; asyncio's `call_later`
//! pushes on a heap and leaves cancelled entries there.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::clock::Instant;
use super::wheel::Key;
use crate::current::{Handle, here, reach, with_handle};
use crate::leaf::poll_leaf;
use crate::shim::{Mutex, lock};
use crate::task::home::HomeRef;

/// Waits for `duration`.
///
/// The twin of `asyncio.sleep` and of `tokio::time::sleep`.
///
/// - `duration`: time from now, rounded up to the wheel's tick of 1 ms: never early. Zero is ready
///   at once. What cannot be represented counts as 30 years.
///
/// # Panics
///
/// Panics outside a runtime, and says how to enter one.
///
/// **Cancel-safe:** yes. Dropping it disarms the timer.
/// **Cost:** one clock read, one wheel entry (40 bytes, used again), no allocation.
///
/// ```
/// use rondel::time::{Duration, Instant, sleep};
///
/// rondel::run(async {
///     let start = Instant::now();
///     sleep(Duration::from_millis(3)).await;
///     assert!(start.elapsed() >= Duration::from_millis(3));
/// });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let place = if duration.is_zero() { Place::Over } else { Place::Ahead };
    Sleep::new(Instant::now().add_or_far(duration), place)
}

/// Waits until `deadline`. If that is past, it is ready at once.
///
/// The twin of asyncio's `loop.call_at` and of `tokio::time::sleep_until`.
///
/// # Panics
///
/// Panics outside a runtime, and says how to enter one.
///
/// **Cancel-safe:** yes. Dropping it disarms the timer.
/// **Cost:** as [`sleep`]; the clock is read at the first poll.
///
/// ```
/// use rondel::time::{Duration, Instant, sleep_until};
///
/// rondel::run(async {
///     let deadline = Instant::now() + Duration::from_millis(3);
///     sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
/// });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline, Place::Unarmed)
}

/// What [`sleep`] and [`sleep_until`] return: a future that is ready from a moment on.
///
/// It may be polled on any thread. Unlike tokio's it is `Unpin`, so that it needs no box; pinning
/// it as tokio's programs do is no error. Polled again after it was ready, it is ready again.
///
/// # Panics
///
/// A poll panics on a thread that is inside no loop when the loop that kept the timer has ended.
///
/// ```
/// use rondel::time::{Duration, Instant, sleep};
/// use std::pin::pin;
///
/// rondel::run(async {
///     let mut sleep = pin!(sleep(Duration::from_secs(3_600)));
///     assert!(!sleep.is_elapsed());
///     sleep.as_mut().reset(Instant::now() + Duration::from_millis(1));
///     sleep.as_mut().await;
///     assert!(sleep.is_elapsed());
/// });
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    deadline: Instant,
    /// The loop that this was made in, or is armed at.
    home: HomeRef,
    place: Place,
}

enum Place {
    /// Not armed, and perhaps past already.
    Unarmed,
    /// Not armed, and known to have been ahead when the deadline was set.
    Ahead,
    /// On the wheel of `home`, or fired if the key is stale there.
    Wheel(Key),
    /// On the wheel of `home`, armed by a stranger.
    Abroad(Arc<Alarm>),
    /// It was ready.
    Over,
}

impl Sleep {
    #[track_caller]
    fn new(deadline: Instant, place: Place) -> Self {
        let home = here(|lp| lp.home.clone());
        // Not the handle's clone, which is several references counted.
        let home = home.or_else(|| with_handle(|handle, _| handle.home().clone()));
        let home = home.unwrap_or_else(|| Handle::current().home().clone()); // which panics
        Self { deadline, home, place }
    }

    /// The moment at which this is ready.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the moment has come.
    ///
    /// **Cost:** a clock read, until the first poll that was ready.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.place, Place::Over) || self.deadline <= Instant::now()
    }

    /// Moves the deadline, before or after this was ready.
    ///
    /// A task that waits for the old deadline waits for the new one from now on, without a poll.
    /// The twin of `tokio::time::Sleep::reset`.
    ///
    /// **Cost:** no clock read, no allocation; at home two touches of the wheel.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let sleep = self.get_mut();
        sleep.deadline = deadline;
        sleep.place = match mem::replace(&mut sleep.place, Place::Unarmed) {
            Place::Wheel(key) => move_on_wheel(&sleep.home, key, deadline).unwrap_or_else(|| {
                Place::Abroad(Alarm::set(&sleep.home, deadline, None, Some(key)))
            }),
            Place::Abroad(alarm) => match alarm.cancel(&sleep.home) {
                (None, None) => Place::Unarmed,
                (waker, key) => Place::Abroad(Alarm::set(&sleep.home, deadline, waker, key)),
            },
            Place::Unarmed | Place::Ahead | Place::Over => Place::Unarmed,
        };
    }

    /// Sets the deadline of a sleep that has just been ready; `now` saves the next poll a clock
    /// read.
    pub(super) fn start_over(&mut self, deadline: Instant, now: Instant) {
        self.disarm();
        self.deadline = deadline;
        self.place = if deadline > now { Place::Ahead } else { Place::Unarmed };
    }

    /// Arms at the loop this thread is inside of, else at the one it was made in.
    fn arm(&mut self, waker: &Waker) -> Poll<()> {
        let ahead = matches!(self.place, Place::Ahead);
        self.disarm();
        if !ahead && self.deadline <= Instant::now() {
            self.place = Place::Over;
            return Poll::Ready(());
        }
        let mut waker = Some(waker.clone());
        if !self.home.is_here()
            && let Some(home) = here(|lp| lp.home.clone())
        {
            self.home = home;
        }
        self.place = match set_on_wheel(&self.home, self.deadline, &mut waker) {
            Some(Some(key)) => Place::Wheel(key),
            Some(None) => Place::Over,
            None => Place::Abroad(Alarm::set(&self.home, self.deadline, waker, None)),
        };
        if matches!(self.place, Place::Over) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn disarm(&mut self) {
        match mem::replace(&mut self.place, Place::Unarmed) {
            Place::Wheel(key) => take_off(&self.home, key),
            Place::Abroad(alarm) => {
                if let (_waker, Some(key)) = alarm.cancel(&self.home) {
                    take_off(&self.home, key);
                }
            }
            Place::Unarmed | Place::Ahead | Place::Over => {}
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_leaf("sleep", cx, |cx| self.poll_moment(cx))
    }
}

impl Sleep {
    /// The poll without budget and name, for those that are leaves themselves.
    pub(super) fn poll_moment(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = match &self.place {
            Place::Wheel(key) => match look_at_wheel(&self.home, *key, cx.waker()) {
                Some(polled) => polled,
                None => return self.arm(cx.waker()),
            },
            Place::Abroad(alarm) if here(|_| ()).is_none() => alarm.poll(cx.waker()),
            Place::Over => Poll::Ready(()),
            _ => return self.arm(cx.waker()),
        };
        if polled.is_ready() {
            self.place = Place::Over;
        }
        polled
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Sets a timer, if that wheel is in reach and will turn; `Some(None)`: it is due already.
#[inline]
fn set_on_wheel(
    home: &HomeRef,
    deadline: Instant,
    waker: &mut Option<Waker>,
) -> Option<Option<Key>> {
    let (set, oversleeps) = reach(home, |reach| {
        let deadline_ticks = reach.clock.ticks_up(deadline);
        let mut wheel = reach.wheel();
        if wheel.is_over() {
            return None;
        }
        if deadline_ticks <= wheel.now_ticks() {
            return Some((None, false));
        }
        let key = wheel.insert(deadline_ticks, waker.take()?);
        Some((Some(key), reach.oversleeps(&mut wheel, deadline_ticks)))
    })??;
    if oversleeps {
        home.rouse();
    }
    Some(set)
}

/// Rule 1: ready if the key is stale. Else the entry wakes `waker` from now on. `None`: out of
/// reach, or the loop has ended.
fn look_at_wheel(home: &HomeRef, key: Key, waker: &Waker) -> Option<Poll<()>> {
    let is_same = reach(home, |reach| {
        let mut wheel = reach.wheel();
        match wheel.get_mut(key) {
            Some(armed) => Some(Some(armed.will_wake(waker))),
            None => (!wheel.is_over()).then_some(None),
        }
    });
    match is_same?? {
        None => return Some(Poll::Ready(())),
        Some(true) => return Some(Poll::Pending),
        Some(false) => {}
    }
    let mut waker = waker.clone();
    let is_armed = reach(home, |reach| {
        let mut wheel = reach.wheel();
        let swapped = wheel.get_mut(key).map(|armed| mem::swap(armed, &mut waker)).is_some();
        // A neighbour may have fired it since we looked.
        if swapped || !wheel.is_over() { Some(swapped) } else { None }
    });
    let is_armed = is_armed??;
    Some(if is_armed { Poll::Pending } else { Poll::Ready(()) }) // the former waker goes (rule 2)
}

/// Gives an entry of a wheel in reach a new deadline; its task goes on waiting.
fn move_on_wheel(home: &HomeRef, key: Key, deadline: Instant) -> Option<Place> {
    let mut due = None;
    let (is_armed, oversleeps) = reach(home, |reach| {
        let mut wheel = reach.wheel();
        let deadline_ticks = reach.clock.ticks_up(deadline);
        if deadline_ticks <= wheel.now_ticks() {
            due = wheel.remove(key);
            return (false, false);
        }
        let is_armed = wheel.rearm(key, deadline_ticks);
        (is_armed, is_armed && reach.oversleeps(&mut wheel, deadline_ticks))
    })?;
    if oversleeps {
        home.rouse();
    }
    if let Some(waker) = due {
        waker.wake();
        return Some(Place::Over);
    }
    Some(if is_armed { Place::Wheel(key) } else { Place::Unarmed })
}

/// Removes an entry from the wheel of `home`, now or soon.
fn take_off(home: &HomeRef, key: Key) {
    let Some(removed) = reach(home, |reach| reach.wheel().remove(key)) else {
        // False: the loop is gone, and the entry with it.
        let _ = home.errand(move || drop(here(|lp| lp.outlook.wheel.borrow().remove(key))));
        return;
    };
    drop(removed); // after the borrow (rule 2)
}

const LOOP_GONE: &str = "the loop that kept this timer has ended: keep the `Runtime` until the \
                         threads that use its `Handle` are done";

/// What a sleep on a stranger's thread shares with its entry on the wheel.
struct Alarm {
    state: Mutex<AlarmState>,
}

struct AlarmState {
    end: Option<End>,
    /// Who is to be woken at the end.
    waker: Option<Waker>,
    /// The entry on the wheel, as soon as the errand has armed it.
    key: Option<Key>,
    /// Until then the entry of the sleep itself, armed at home, with the waker that waits there.
    instead_of: Option<Key>,
}

#[derive(Clone, Copy)]
enum End {
    Fired,
    Lost,
    Cancelled,
}

impl Alarm {
    /// Has an entry put on the wheel of `home` soon; the waker of `instead_of` goes over to it.
    fn set(
        home: &HomeRef,
        deadline: Instant,
        waker: Option<Waker>,
        instead_of: Option<Key>,
    ) -> Arc<Self> {
        let state = AlarmState { end: None, waker, key: None, instead_of };
        let alarm = Arc::new(Self { state: Mutex::new(state) });
        let hammer = Arc::new(Hammer { alarm: alarm.clone(), deadline });
        // False: the loop is gone. The hammer is dropped then, and says so (rule 3).
        let _ = home.errand(move || hammer.hang());
        alarm
    }

    fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut mine = Some(waker.clone());
        let end = {
            let mut state = lock(&self.state);
            if state.end.is_none() {
                mem::swap(&mut state.waker, &mut mine);
            }
            state.end
        };
        drop(mine); // after the lock (rule 2)
        match end {
            None => Poll::Pending,
            Some(End::Fired) => Poll::Ready(()),
            Some(End::Lost | End::Cancelled) => panic!("{LOOP_GONE}"),
        }
    }

    /// Ends it, if it has not ended, and wakes who waits (rule 3).
    fn end(&self, end: End) {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return;
        }
        state.end = Some(end);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends it silently and disarms it. Returns the waker that still waits, or the entry that has
    /// it, as long as the errand was not run.
    fn cancel(&self, home: &HomeRef) -> (Option<Waker>, Option<Key>) {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return (None, None);
        }
        state.end = Some(End::Cancelled);
        let (waker, key) = (state.waker.take(), state.key.take());
        let instead_of = state.instead_of.take();
        drop(state);
        if let Some(key) = key {
            take_off(home, key);
        }
        (waker, instead_of)
    }
}

/// The end of an alarm that lies in the errand, then in the wheel; woken, it ends the alarm.
struct Hammer {
    alarm: Arc<Alarm>,
    deadline: Instant,
}

impl Hammer {
    /// Arms it, at home, unless it was cancelled meanwhile.
    fn hang(self: Arc<Self>) {
        let mut hammer = Some(Waker::from(self.clone()));
        let mut before = None;
        here(|lp| {
            let mut wheel = lp.outlook.wheel.borrow();
            let mut state = lock(&self.alarm.state);
            if state.end.is_some() {
                return; // and who cancelled it has what it was set instead of
            }
            before = state.instead_of.take().and_then(|key| wheel.remove(key));
            if state.waker.is_none() {
                state.waker = before.take();
            }
            let deadline_ticks = lp.clock.ticks_up(self.deadline);
            state.key = hammer.take().map(|hammer| wheel.insert(deadline_ticks, hammer));
        });
        // What was not used is dropped here (rule 2).
    }
}

impl Wake for Hammer {
    fn wake(self: Arc<Self>) {
        // A loop that ends wakes everybody: then the deadline is still ahead.
        let is_due = here(|lp| lp.clock.now() >= self.deadline);
        self.alarm.end(if is_due == Some(true) { End::Fired } else { End::Lost });
    }
}

impl Drop for Hammer {
    fn drop(&mut self) {
        self.alarm.end(End::Lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers_len() -> usize {
        here(|lp| lp.outlook.wheel.borrow().len()).unwrap()
    }

    /// Goal: no entry stays on the wheel for a sleep that nobody has any more; from outside that
    /// would be seen only as memory. Method: drop sleeps at home and on a stranger's thread, before
    /// and after the stranger's errand was done, and count the entries.
    #[test]
    fn a_dropped_sleep_leaves_no_entry_behind() {
        const HOUR: Duration = Duration::from_secs(3_600);
        let poll = |sleep: &mut Sleep| {
            let polled = Pin::new(sleep).poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        };
        crate::run(async move {
            let mut at_home = sleep(HOUR);
            poll(&mut at_home);
            assert_eq!(timers_len(), 1);
            drop(at_home);
            assert_eq!(timers_len(), 0);

            let handle = Handle::current();
            let stranger = move || {
                let _entered = handle.enter();
                let count = || handle.block_on(handle.spawn(async { timers_len() })).unwrap();
                let (mut kept, mut brief) = (sleep(HOUR), sleep(HOUR));
                poll(&mut kept);
                assert_eq!(count(), 1);
                Pin::new(&mut kept).reset(Instant::now() + HOUR);
                assert_eq!(count(), 1);
                drop(kept);
                assert_eq!(count(), 0);
                poll(&mut brief);
                drop(brief);
                assert_eq!(count(), 0);
            };
            crate::spawn_blocking(stranger).await.unwrap();
        });
    }
}

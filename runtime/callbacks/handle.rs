//! Floor 5. Having functions called: soon, later, at a moment; and taking that back.
//!
//! A callback is a task whose one poll calls the function, so it stands in the loop's line like any
//! other task, and cancelling it is aborting that task:
//!
//! | what | its life |
//! |---|---|
//! | `call_soon(f)` | ready queue, `f()` |
//! | `call_later(delay, f)` | ready queue, wheel, ready queue, `f()` |
//! | `cancel()` | the task is aborted: in line or on the wheel, `f` is dropped and never called |
//!
//! Rules
//! 1. A timer goes through the wheel even if its moment is past. So it runs behind what was ready
//!    before, as in asyncio, and behind the timers that were due before it.
//!
//! Real world: asyncio's `_ready`, a deque of handles, and `_scheduled`, a heap of timer handles,
//! in which cancelled ones stay until they come up.

use super::exception::guarded;
use crate::birth::spawn_here;
use crate::current::here;
use crate::leaf::poll_leaf;
use crate::shim::atomic::{AtomicBool, Ordering::Relaxed};
use crate::task::{AbortHandle, spawn};
use crate::time::wheel::Key;
use crate::time::{Duration, Instant};
use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Has `callback` called by the loop, after all that is ready now.
///
/// The twin of `loop.call_soon`. In Rust arguments are what the closure has captured.
///
/// # Panics
///
/// Panics outside a loop. A panic of `callback` goes to the
/// [exception handler](super::set_exception_handler).
///
/// **Cost:** that of a task.
///
/// ```
/// use rondel::callbacks::call_soon;
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// rondel::run(async {
///     let log = Rc::new(RefCell::new(Vec::new()));
///     let (first, second) = (log.clone(), log.clone());
///     call_soon(move || first.borrow_mut().push("first"));
///     call_soon(move || second.borrow_mut().push("second"));
///     log.borrow_mut().push("not yet");
///     rondel::task::yield_now().await;
///     assert_eq!(*log.borrow(), ["not yet", "first", "second"]);
/// });
/// ```
#[track_caller]
pub fn call_soon<F: FnOnce() + 'static>(callback: F) -> Handle {
    let location = Location::caller();
    let task = spawn_here(async move { guarded(location, callback) }, None);
    Handle::of(task.abort_handle())
}

/// Has `callback` called by the loop of the runtime that this thread works for, from any thread.
///
/// That is the runtime whose [`Handle`](crate::Handle) this thread has
/// [entered](crate::Handle::enter), as threads of its blocking pool have. A loop that sleeps is
/// woken. If the loop is gone, `callback` is dropped. The twin of `loop.call_soon_threadsafe`; its
/// handle may be used on any thread, too.
///
/// # Panics
///
/// Panics outside a runtime.
///
/// **Cost:** that of a task, and a note to the loop.
///
/// ```
/// use rondel::callbacks::{Promise, call_soon_threadsafe};
///
/// rondel::run(async {
///     let answer = Promise::new();
///     let theirs = answer.clone();
///     rondel::spawn_blocking(move || {
///         call_soon_threadsafe(move || theirs.set_result(42).unwrap());
///     });
///     assert_eq!(answer.await.unwrap(), 42);
/// });
/// ```
#[track_caller]
pub fn call_soon_threadsafe<F: FnOnce() + Send + 'static>(callback: F) -> Handle {
    let location = Location::caller();
    let task = spawn(async move { guarded(location, callback) });
    Handle::of(task.abort_handle())
}

/// Has `callback` called by the loop after `delay`.
///
/// The twin of `loop.call_later`; otherwise as [`call_at`].
///
/// # Panics
///
/// Panics outside a loop.
///
/// **Cost:** that of a task and of a timer.
///
/// ```
/// use rondel::callbacks::{Promise, call_later, time};
/// use std::time::Duration;
///
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     let (start, rung) = (time(), Promise::new());
///     let bell = rung.clone();
///     call_later(Duration::from_secs(60), move || bell.set_result(time()).unwrap());
///     assert_eq!(rung.await.unwrap() - start, Duration::from_secs(60));
/// });
/// ```
#[track_caller]
pub fn call_later<F: FnOnce() + 'static>(delay: Duration, callback: F) -> TimerHandle {
    call_at(Instant::now().add_or_far(delay), callback)
}

/// Has `callback` called by the loop at `when`; as soon as the loop looks at its timers if that is
/// past.
///
/// Moments are rounded up to ticks of 1 ms; callbacks of one tick, and those whose moment is past,
/// run in the order in which they were scheduled. The twin of `loop.call_at`.
///
/// # Panics
///
/// Panics outside a loop.
///
/// **Cost:** that of a task and of a timer.
///
/// ```
/// use rondel::callbacks::{Promise, call_at, time};
/// use std::time::Duration;
///
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     let (rung, noon) = (Promise::new(), time() + Duration::from_secs(3_600));
///     let bell = rung.clone();
///     call_at(noon, move || bell.set_result(time()).unwrap());
///     assert_eq!(rung.await.unwrap(), noon);
/// });
/// ```
#[track_caller]
pub fn call_at<F: FnOnce() + 'static>(when: Instant, callback: F) -> TimerHandle {
    let location = Location::caller();
    let timer = async move {
        let mut fire = Fire { when, key: None };
        poll_fn(|cx| poll_leaf("callbacks::call_at", cx, |cx| fire.poll(cx))).await;
        guarded(location, callback);
    };
    TimerHandle { handle: Handle::of(spawn_here(timer, None).abort_handle()), when }
}

/// The present moment of this loop's clock.
///
/// The twin of `loop.time`; the same as [`Instant::now`].
///
/// ```
/// use rondel::time::{Duration, Instant, sleep};
///
/// rondel::run(async {
///     let start = rondel::callbacks::time();
///     sleep(Duration::from_millis(2)).await;
///     assert!(rondel::callbacks::time() - start >= Duration::from_millis(2));
/// });
/// ```
pub fn time() -> Instant {
    Instant::now()
}

/// The way to take a callback back. Dropping it changes nothing; clones are the same handle.
///
/// The twin of `asyncio.Handle`.
#[derive(Clone)]
pub struct Handle {
    task: AbortHandle,
    cancelled: Arc<AtomicBool>,
}

impl Handle {
    fn of(task: AbortHandle) -> Self {
        Self { task, cancelled: Arc::new(AtomicBool::new(false)) }
    }

    /// The callback will not be called, if it has not been yet. The loop drops it, soon.
    ///
    /// ```
    /// rondel::run(async {
    ///     let handle = rondel::callbacks::call_soon(|| unreachable!("it was taken back"));
    ///     handle.cancel();
    ///     rondel::task::yield_now().await;
    ///     assert!(handle.cancelled());
    /// });
    /// ```
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed); // Relaxed: the abort is what counts
        self.task.abort();
    }

    /// Whether [`cancel`](Self::cancel) was called, in time or not.
    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Relaxed) // Relaxed: as above
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("cancelled", &self.cancelled()).finish_non_exhaustive()
    }
}

/// The [`Handle`] of a callback with a time.
///
/// The twin of `asyncio.TimerHandle`.
#[derive(Clone, Debug)]
pub struct TimerHandle {
    handle: Handle,
    when: Instant,
}

impl TimerHandle {
    /// See [`Handle::cancel`]. The timer is disarmed, too.
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// See [`Handle::cancelled`].
    pub fn cancelled(&self) -> bool {
        self.handle.cancelled()
    }

    /// The moment for which it is scheduled.
    pub fn when(&self) -> Instant {
        self.when
    }
}

/// An entry on the wheel of the loop, for a task that does not change its waker (rule 1).
///
/// A `Sleep` would be ready at once if its moment is past.
struct Fire {
    when: Instant,
    key: Option<Key>,
}

impl Fire {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(key) = self.key {
            let is_set = here(|lp| lp.outlook.wheel.borrow().get_mut(key).is_some());
            return if is_set == Some(true) { Poll::Pending } else { Poll::Ready(()) };
        }
        let mut waker = Some(cx.waker().clone()); // before the borrow
        let key = here(|lp| {
            let now = lp.clock.now();
            let is_past = self.when <= now; // not rounded up: it would wait for the next tick
            let ticks =
                if is_past { lp.clock.ticks_down(now) } else { lp.clock.ticks_up(self.when) };
            Some(lp.outlook.wheel.borrow().insert(ticks, waker.take()?))
        });
        self.key = key.flatten();
        Poll::Pending
    }
}

impl Drop for Fire {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = here(|lp| lp.outlook.wheel.borrow().remove(key));
            drop(waker); // after the borrow
        }
    }
}

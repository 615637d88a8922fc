//! Floor 5. A task in the test's own hands: it polls when it wants to, and counts the wakes.
//!
//! An executor polls whenever it was woken. A test of a primitive wants to stand between the two:
//! has the future been woken, by whom, and what would it find if it were polled now?
//!
//! ```text
//!   loop:   poll ─▶ pending … woken ─▶ poll                   nobody can look
//!   test:   poll ─▶ pending … is it woken? do things … ─▶ poll
//! ```
//!
//! Rules
//! 1. `wakes` only ever grows; "woken" means that it has grown since the last poll.
//! 2. Each poll has a full share of the budget, as one by a loop has: what else the test did in its
//!    own poll must not make a future that is ready look as if it waited.
//!
//! Real world: `tokio_test::task` has the same names; futures' `noop_waker` is enough if the wakes
//! do not matter.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Arc, Weak}; // not the shim's: a `Waker` is made of std's
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;

use crate::budget;
use crate::shim::atomic::{AtomicUsize, Ordering::*};
use crate::shim::{Mutex, lock};

/// How often [`Spawn::poll_until_idle`] polls before it says that this leads nowhere. As many as
/// tokio-test allows: a chain of wakes in a test is far shorter.
const POLLS_MAX: usize = 150;

/// Takes a future or a stream into the test's own hands: nobody polls it but the test.
///
/// The twin of `tokio_test::task::spawn`.
///
/// **Cost:** two allocations.
///
/// ```
/// use rondel::sync::Notify;
/// use rondel::testing::task;
/// use rondel::{assert_pending, assert_ready};
///
/// let notify = Notify::new();
/// let mut waiting = task::spawn(notify.notified());
/// assert_pending!(waiting.poll());
/// assert!(!waiting.is_woken());
/// notify.notify_one();
/// assert!(waiting.is_woken());
/// assert_ready!(waiting.poll());
/// ```
pub fn spawn<T>(future: T) -> Spawn<T> {
    let wakes = Wakes { count: AtomicUsize::new(0), listener: Mutex::new(None) };
    Spawn { future: Box::pin(future), wakes: Arc::new(wakes), seen: 0 }
}

/// A future or a stream that only the test polls; see [`spawn`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Spawn<T> {
    future: Pin<Box<T>>,
    wakes: Arc<Wakes>,
    /// The wakes that had come when it was polled last (rule 1).
    seen: usize,
}

impl<T> Spawn<T> {
    /// Gives the future back.
    pub fn into_inner(self) -> T
    where
        T: Unpin,
    {
        *Pin::into_inner(self.future)
    }

    /// Whether it was woken since it was last polled or entered, also while that lasted.
    pub fn is_woken(&self) -> bool {
        self.wakes() != self.seen
    }

    /// How often it was woken altogether.
    pub fn wakes(&self) -> usize {
        // Acquire: who sees the wake sees what was done before it; pairs with `wake_by_ref`.
        self.wakes.count.load(Acquire)
    }

    /// How many hold its waker, one for the task itself included: 1 if nobody has kept it.
    pub fn waker_ref_count(&self) -> usize {
        Arc::strong_count(&self.wakes)
    }

    /// Calls `f` with the future and with a context whose wakes are counted here.
    pub fn enter<F, R>(&mut self, f: F) -> R
    where
        F: FnOnce(&mut Context<'_>, Pin<&mut T>) -> R,
    {
        self.seen = self.wakes();
        let _share = budget::renewed(); // rule 2
        let waker = Waker::from(self.wakes.clone());
        f(&mut Context::from_waker(&waker), self.future.as_mut())
    }

    /// Ready once it was woken since it was last polled. Only the waker of the last call is woken.
    pub(crate) fn poll_woken(&self, cx: &mut Context<'_>) -> Poll<()> {
        let listener = cx.waker().clone();
        // Put up before the look: a wake that comes between the two finds it.
        let former = lock(&self.wakes.listener).replace(listener);
        drop(former); // after the lock
        if self.is_woken() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// What counts the wakers that are still around, also when the task is gone.
    pub(crate) fn wakers(&self) -> WakersKept {
        WakersKept(Arc::downgrade(&self.wakes))
    }
}

impl<T: Future> Spawn<T> {
    /// Polls the future once.
    pub fn poll(&mut self) -> Poll<T::Output> {
        self.enter(|cx, future| future.poll(cx))
    }

    /// Polls the future until it is ready, or waits and was not woken.
    ///
    /// # Panics
    ///
    /// Panics if it is still woken after 150 polls: it wakes itself and gets nowhere.
    pub fn poll_until_idle(&mut self) -> Poll<T::Output> {
        for _ in 0..POLLS_MAX {
            let polled = self.poll();
            if polled.is_ready() || !self.is_woken() {
                return polled;
            }
        }
        panic!("`poll_until_idle` polled {POLLS_MAX} times, and the future still wakes itself");
    }
}

impl<T: Stream> Spawn<T> {
    /// Polls the stream once.
    ///
    /// ```
    /// use rondel::testing::task;
    /// # use std::pin::Pin;
    /// # use std::task::{Context, Poll};
    /// # struct Two(u32);
    /// # impl futures_core::Stream for Two {
    /// #     type Item = u32;
    /// #     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
    /// #         self.0 += 1;
    /// #         Poll::Ready((self.0 < 3).then_some(self.0))
    /// #     }
    /// # }
    /// let mut stream = task::spawn(Two(0)); // a stream of 1 and 2
    /// rondel::assert_ready_eq!(stream.poll_next(), Some(1));
    /// rondel::assert_ready_eq!(stream.poll_next(), Some(2));
    /// rondel::assert_ready_eq!(stream.poll_next(), None);
    /// ```
    pub fn poll_next(&mut self) -> Poll<Option<T::Item>> {
        self.enter(|cx, stream| stream.poll_next(cx))
    }
}

impl<T: Unpin> Deref for Spawn<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.future
    }
}

impl<T: Unpin> DerefMut for Spawn<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.future
    }
}

/// Awaited, it is the future itself: the waker of whoever awaits is woken then, and not counted.
impl<T: Future> Future for Spawn<T> {
    type Output = T::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl<T: Stream> Stream for Spawn<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        self.future.as_mut().poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.future.size_hint()
    }
}

/// The waker: counts, and tells whoever listens.
#[derive(Debug)]
struct Wakes {
    count: AtomicUsize,
    listener: Mutex<Option<Waker>>,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: what was done before the wake; pairs with Acquire in `Spawn::wakes`.
        self.count.fetch_add(1, Release);
        let listener = lock(&self.listener).take();
        listener.into_iter().for_each(Waker::wake); // after the lock
    }
}

/// See [`Spawn::wakers`].
pub(crate) struct WakersKept(Weak<Wakes>);

impl WakersKept {
    /// How many wakers are left of a task that was dropped.
    pub(crate) fn count(&self) -> usize {
        self.0.strong_count()
    }
}

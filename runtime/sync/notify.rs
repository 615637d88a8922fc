//! Floor 5. "Something happened": a wake-up without a value.
//!
//! A notification is a permit of `wait_list.rs` that somebody leaves on the table:
//!
//! | call             | somebody waits                     | nobody waits                        |
//! |------------------|------------------------------------|-------------------------------------|
//! | `notify_one`     | the one who waits longest goes on  | one permit is left, never two       |
//! | `notify_last`    | the one who came last goes on      | one permit is left, never two       |
//! | `notify_waiters` | all go on                          | nothing, but see rule 2             |
//!
//! Rules
//! 1. A future that was chosen by `notify_one` or `notify_last` and is dropped before it looked
//!    hands the notification on. One that was sent off by `notify_waiters` does not.
//! 2. `notify_waiters` also reaches futures that exist but were not polled yet: each future
//!    remembers how many such calls there had been when it was made.
//! 3. So "make the future, look, wait" misses nothing: who does not see what was done before
//!    `notify_waiters` has made the future before that call, and is reached by it.
//!
//! Real world: asyncio's `Condition` without its lock; a condition variable that remembers one
//! signal.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::leaf::poll_leaf;
use crate::shim::atomic::{AtomicUsize, Ordering::*};
use crate::shim::const_outside_loom;
use crate::wait_list::{End, Place, WaitList};

/// Wakes one waiting task, or all of them.
///
/// The twin of `tokio::sync::Notify`; near to `asyncio.Event` and `asyncio.Condition`.
///
/// **Cost:** one atomic operation to notify while nobody waits; a short lock otherwise.
///
/// ```
/// use rondel::sync::Notify;
/// use std::sync::Arc;
///
/// rondel::run(async {
///     let doorbell = Arc::new(Notify::new());
///     let ringer = doorbell.clone();
///     rondel::spawn(async move { ringer.notify_one() });
///     doorbell.notified().await;
/// });
/// ```
#[derive(Debug)]
pub struct Notify {
    list: WaitList,
    /// How often `notify_waiters` was called (rule 2). Written under the lock of the list.
    calls: AtomicUsize,
}

impl Notify {
    /// Nobody waits, nothing is left.
    pub fn new() -> Self {
        Self::const_new()
    }

    const_outside_loom! {
        /// [`new`](Self::new) for a `static`.
        ///
        /// ```
        /// use rondel::sync::Notify;
        /// static CHANGED: Notify = Notify::const_new();
        /// CHANGED.notify_one();
        /// ```
        pub const fn const_new() -> Self {
            Self { list: WaitList::new(0), calls: AtomicUsize::new(0) }
        }
    }

    /// Waits for a notification.
    ///
    /// The future is reached by [`notify_waiters`](Self::notify_waiters) from the moment it is
    /// made, and by [`notify_one`](Self::notify_one) once it was polled or
    /// [enabled](Notified::enable).
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue. A notification that had chosen
    /// it goes to the next one.
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, wait: self.begin() }
    }

    /// [`notified`](Self::notified) for a future that may outlive this borrow.
    ///
    /// **Cancel-safe:** as [`notified`](Self::notified).
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let wait = self.begin();
        OwnedNotified { notify: self, wait }
    }

    /// Wakes the one who waits longest. If nobody waits, the next one to come does not have to;
    /// several calls count as one then.
    pub fn notify_one(&self) {
        self.list.leave_one(End::Front);
    }

    /// Like [`notify_one`](Self::notify_one), but wakes the one who came last.
    pub fn notify_last(&self) {
        self.list.leave_one(End::Back);
    }

    /// Wakes all who wait now. Nothing is left for those who come later.
    ///
    /// ```
    /// use rondel::sync::Notify;
    ///
    /// rondel::run(async {
    ///     let changed = Notify::new();
    ///     let early = changed.notified(); // not polled yet, and reached all the same
    ///     changed.notify_waiters();
    ///     early.await;
    /// });
    /// ```
    pub fn notify_waiters(&self) {
        // Release: pairs with Acquire in `begin` (rule 3). Those who queue up later see it by the
        // lock.
        self.list.dismiss_all(|| _ = self.calls.fetch_add(1, Release));
    }

    fn begin(&self) -> Wait {
        // Acquire: pairs with Release in `notify_waiters` (rule 3).
        Wait { place: Place::default(), calls: self.calls.load(Acquire), stage: Stage::New }
    }

    fn poll(&self, wait: &mut Wait, waker: Option<&Waker>) -> Poll<()> {
        if wait.stage == Stage::Done {
            return Poll::Ready(());
        }
        let calls = wait.calls;
        // Relaxed: ordered by the lock, or by the permit we took.
        let stale = || self.calls.load(Relaxed) != calls;
        let result = self.list.poll(&mut wait.place, 1, waker, stale);
        if wait.stage == Stage::New && result == Poll::Ready(Ok(())) && stale() {
            self.list.leave_one(End::Front); // it was reached anyway: the permit is for another one
        }
        wait.stage = if result.is_pending() { Stage::Waiting } else { Stage::Done };
        // Notified or dismissed by `notify_waiters`: both mean "go on".
        result.map(|_| ())
    }

    fn end(&self, wait: &mut Wait) {
        if wait.stage == Stage::Waiting
            && let Some(end) = self.list.leave(&mut wait.place)
        {
            self.list.leave_one(end); // rule 1
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Wait {
    place: Place,
    /// The calls of `notify_waiters` at the start (rule 2).
    calls: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Waiting,
    Done,
}

/// Waits for a notification; see [`Notify::notified`].
#[must_use = "futures do nothing unless awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    wait: Wait,
}

impl Notified<'_> {
    /// Queues up without waiting; from now on [`Notify::notify_one`] can choose this future.
    /// Returns whether a notification is there already.
    ///
    /// ```
    /// use rondel::sync::Notify;
    ///
    /// rondel::run(async {
    ///     let changed = Notify::new();
    ///     let mut first = Box::pin(changed.notified());
    ///     assert!(!first.as_mut().enable());
    ///     changed.notify_one(); // chooses `first`, leaves nothing
    ///     first.await;
    /// });
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.get_mut();
        this.notify.poll(&mut this.wait, None).is_ready()
    }

    /// The poll for whoever waits here under a name of its own (rule 2 of `leaf.rs`).
    pub(crate) fn poll_as(&mut self, name: &'static str, cx: &mut Context<'_>) -> Poll<()> {
        poll_leaf(name, cx, |cx| self.notify.poll(&mut self.wait, Some(cx.waker())))
    }

    /// Waits as a part of somebody else's wait, which is a leaf already.
    pub(super) async fn within_a_leaf(mut self) {
        poll_fn(|cx| self.notify.poll(&mut self.wait, Some(cx.waker()))).await;
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_as("Notify::notified", cx)
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        self.notify.end(&mut self.wait);
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").field("stage", &self.wait.stage).finish_non_exhaustive()
    }
}

/// Waits for a notification; see [`Notify::notified_owned`].
#[must_use = "futures do nothing unless awaited"]
pub struct OwnedNotified {
    notify: Arc<Notify>,
    wait: Wait,
}

impl OwnedNotified {
    /// See [`Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.get_mut();
        this.notify.poll(&mut this.wait, None).is_ready()
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        poll_leaf("Notify::notified", cx, |cx| this.notify.poll(&mut this.wait, Some(cx.waker())))
    }
}

impl Drop for OwnedNotified {
    fn drop(&mut self) {
        self.notify.end(&mut self.wait);
    }
}

impl fmt::Debug for OwnedNotified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedNotified").field("stage", &self.wait.stage).finish_non_exhaustive()
    }
}

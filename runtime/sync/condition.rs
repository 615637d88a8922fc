//! Floor 5. Waiting, with a lock given up meanwhile, until others have changed what it guards.
//!
//! "Wait until the list is not empty" needs three steps: look, under the lock; unlock; sleep. If
//! somebody adds to the list and notifies between the last two, the sleeper is told before it
//! sleeps, and sleeps for ever. A condition makes the two one:
//!
//! ```text
//!   waiter:    look ─▶ queue up ─▶ unlock ─────────── asleep ───────────▶ lock ─▶ look again
//!                      (rule 1)       │                 ▲        (rule 3)
//!   notifier:                         └▶ lock, change, notify ─▶ unlock
//! ```
//!
//! Rules
//! 1. A waiter takes its place in the list while it still has the lock. Whoever changes the value
//!    under the lock after that finds it there.
//! 2. A notification is for those who wait now. Without any it is gone: there is nothing to tell,
//!    as everybody looks at the value before it waits. So there is never a permit in the list, and
//!    who queues up has to wait.
//! 3. A notification that chose one waiter is used up when that waiter has the lock again. Dropped
//!    before, it hands the notification on: to the one who waits longest.
//!
//! Real world: asyncio's `Condition`, which brings its own lock; `std::sync::Condvar` for threads,
//! which may also wake for no reason; tokio has none, as a `Notify` beside a lock will do if one is
//! careful about rule 1.
//! Source: Hoare, "Monitors: An Operating System Structuring Concept", 1974; with the notified
//! going behind the notifier, as in Mesa (Lampson & Redell, 1980).

use std::fmt;
use std::future::Future;
use std::ops::DerefMut;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::mutex::{Mutex, MutexGuard, OwnedMutexGuard};
use crate::leaf::leaf;
use crate::shim::const_outside_loom;
use crate::wait_list::{End, Place, WaitList};

/// Lets tasks wait until others have changed what a [`Mutex`] guards.
///
/// The twin of `asyncio.Condition` and, for tasks, of `std::sync::Condvar`; tokio has none. It is
/// used with one mutex; the guard goes into [`wait`](Self::wait) and comes out again. To notify
/// needs no lock, but change the value under it.
///
/// **Cost:** no allocation; one atomic load to notify while nobody waits, else a short lock.
///
/// ```
/// use rondel::sync::{Condition, Mutex};
/// use std::sync::Arc;
///
/// rondel::run(async {
///     let shared = Arc::new((Mutex::new(Vec::new()), Condition::new()));
///     let other = shared.clone();
///     rondel::spawn(async move {
///         other.0.lock().await.push("an order");
///         other.1.notify_one();
///     });
///     let (orders, changed) = &*shared;
///     let mut orders = changed.wait_for(orders.lock().await, |orders| !orders.is_empty()).await;
///     assert_eq!(orders.pop(), Some("an order"));
/// });
/// ```
pub struct Condition {
    waiters: WaitList,
}

impl Condition {
    /// A condition that nobody waits for.
    pub fn new() -> Self {
        Self::const_new()
    }

    const_outside_loom! {
        /// [`new`](Self::new) for a `static`.
        ///
        /// ```
        /// use rondel::sync::Condition;
        /// static CHANGED: Condition = Condition::const_new();
        /// CHANGED.notify_all();
        /// ```
        pub const fn const_new() -> Self {
            Self { waiters: WaitList::new(0) }
        }
    }

    /// Unlocks the mutex, waits for a notification, and locks the mutex again.
    ///
    /// `guard` is a [`MutexGuard`] or an [`OwnedMutexGuard`], and the same kind comes back. It is
    /// given up at the first poll. A notification that comes after that is not missed.
    ///
    /// What was waited for may have changed again before the lock is back, so look at the value in
    /// a loop, or use [`wait_for`](Self::wait_for). It does not wake without a notification; but
    /// one that a cancelled waiter has handed on may come late.
    ///
    /// **Cancel-safe:** yes. A notification that had chosen this waiter goes to the next one, also
    /// if it was about to get the lock. The lock is not held after the drop. (asyncio locks again
    /// before it raises `CancelledError`, as the `async with` around it will unlock; here the guard
    /// is in the future and goes with it.)
    /// **Cost:** a place in the waiting list, and the lock.
    ///
    /// ```
    /// use rondel::sync::{Condition, Mutex};
    ///
    /// rondel::run(async {
    ///     let (stage, changed) = (Mutex::new(0), Condition::new());
    ///     rondel::join!(
    ///         async {
    ///             let mut stage = stage.lock().await;
    ///             while *stage < 1 {
    ///                 stage = changed.wait(stage).await;
    ///             }
    ///         },
    ///         async {
    ///             *stage.lock().await = 1;
    ///             changed.notify_all();
    ///         },
    ///     );
    /// });
    /// ```
    pub async fn wait<G: ConditionGuard>(&self, guard: G) -> G {
        let mut wait = Wait { condition: self, place: Place::default(), chosen: false };
        let _ = wait.poll_place(None); // rule 1; pending by rule 2
        let mutex = G::unlock(guard);
        leaf("Condition::wait", &mut wait).await;
        let guard = G::lock(mutex).await;
        wait.chosen = false; // rule 3
        guard
    }

    /// Waits until `predicate` says yes of the value; it is asked at once, and then after each
    /// notification, always under the lock.
    ///
    /// The twin of `asyncio.Condition.wait_for`, whose result is the predicate's; here it is the
    /// guard.
    ///
    /// **Cancel-safe:** yes, as [`wait`](Self::wait).
    /// **Cost:** as [`wait`](Self::wait) for each notification.
    pub async fn wait_for<G, F>(&self, mut guard: G, mut predicate: F) -> G
    where
        G: ConditionGuard,
        F: FnMut(&mut G::Target) -> bool,
    {
        while !predicate(&mut guard) {
            guard = self.wait(guard).await;
        }
        guard
    }

    /// Waits as long as `condition` says yes of the value: [`wait_for`](Self::wait_for) the other
    /// way round, as `std::sync::Condvar` has it.
    ///
    /// **Cancel-safe:** yes, as [`wait`](Self::wait).
    /// **Cost:** as [`wait`](Self::wait) for each notification.
    ///
    /// ```
    /// use rondel::sync::{Condition, Mutex};
    ///
    /// rondel::run(async {
    ///     let (busy, changed) = (Mutex::new(false), Condition::new());
    ///     let guard = changed.wait_while(busy.lock().await, |busy| *busy).await;
    ///     assert!(!*guard);
    /// });
    /// ```
    pub async fn wait_while<G, F>(&self, guard: G, mut condition: F) -> G
    where
        G: ConditionGuard,
        F: FnMut(&mut G::Target) -> bool,
    {
        self.wait_for(guard, |value| !condition(value)).await
    }

    /// Wakes the one who waits longest, if anybody does. It goes on when it has the lock again.
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes up to `n` of those who wait, in the order in which they came.
    ///
    /// The twin of `asyncio.Condition.notify(n)`, which raises an error without the lock; here the
    /// lock is not needed.
    ///
    /// ```
    /// use rondel::sync::{Condition, Mutex};
    ///
    /// rondel::run(async {
    ///     let (tickets, changed) = (Mutex::new(0), Condition::new());
    ///     let buy = || async {
    ///         *changed.wait_for(tickets.lock().await, |tickets| *tickets > 0).await -= 1;
    ///     };
    ///     rondel::join!(buy(), buy(), async {
    ///         *tickets.lock().await += 2;
    ///         changed.notify(2);
    ///     });
    ///     assert_eq!(tickets.into_inner(), 0);
    /// });
    /// ```
    pub fn notify(&self, n: usize) {
        // A look without the list's lock: who must not be missed queued up under the mutex, which
        // the caller has, or had when it changed the value (rule 1).
        if self.waiters.has_waiters() {
            self.waiters.hand_out(n, End::Front);
        }
    }

    /// Wakes all who wait now. They get the lock one after the other.
    pub fn notify_all(&self) {
        self.waiters.dismiss_all(|| ());
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waited_for = self.waiters.has_waiters();
        f.debug_struct("Condition").field("is_waited_for", &waited_for).finish_non_exhaustive()
    }
}

/// A waiter, from its place in the queue until it has the lock again.
struct Wait<'a> {
    condition: &'a Condition,
    place: Place,
    /// A notification was for this one, and is not used up yet (rule 3).
    chosen: bool,
}

impl Wait<'_> {
    fn poll_place(&mut self, waker: Option<&Waker>) -> Poll<()> {
        // An error: all were sent off. Then there is nothing to hand on.
        let list = &self.condition.waiters;
        self.chosen = ready!(list.poll(&mut self.place, 1, waker, || false)).is_ok();
        Poll::Ready(())
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_place(Some(cx.waker()))
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.condition.waiters.leave(&mut self.place).is_some() || self.chosen {
            self.condition.notify_one(); // rule 3
        }
    }
}

/// A guard that a [`Condition`] can give up and get back: [`MutexGuard`] and [`OwnedMutexGuard`].
/// Nothing else can be one.
pub trait ConditionGuard: DerefMut + sealed::Sealed {
    /// What can be locked again.
    #[doc(hidden)]
    type Lock;

    #[doc(hidden)]
    fn unlock(this: Self) -> Self::Lock;

    #[doc(hidden)]
    fn lock(lock: Self::Lock) -> impl Future<Output = Self>;
}

mod sealed {
    /// Keeps others from implementing a trait.
    pub trait Sealed {}
}

impl<T: ?Sized> sealed::Sealed for MutexGuard<'_, T> {}
impl<T: ?Sized> sealed::Sealed for OwnedMutexGuard<T> {}

impl<'a, T: ?Sized> ConditionGuard for MutexGuard<'a, T> {
    type Lock = &'a Mutex<T>;

    fn unlock(this: Self) -> &'a Mutex<T> {
        MutexGuard::mutex(&this)
    }

    fn lock(mutex: &'a Mutex<T>) -> impl Future<Output = Self> {
        mutex.lock()
    }
}

impl<T: ?Sized> ConditionGuard for OwnedMutexGuard<T> {
    type Lock = Arc<Mutex<T>>;

    fn unlock(this: Self) -> Arc<Mutex<T>> {
        OwnedMutexGuard::mutex(&this).clone()
    }

    fn lock(mutex: Arc<Mutex<T>>) -> impl Future<Output = Self> {
        mutex.lock_owned()
    }
}

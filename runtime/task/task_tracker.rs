//! Floor 5. Waiting for tasks that nobody joins: a count of those who are there.
//!
//! A [`JoinSet`](super::JoinSet) keeps every task until its output is fetched. A server that starts
//! one task per connection fetches nothing; all it wants to know is when the last one is gone. So
//! here is only a number, and a task that ends takes all its memory with it.
//!
//! ```text
//!   tracker ──spawn──▶ task { future, token }          token: one of the count
//!      │                     │ ends: the future is dropped, then the token
//!      └──wait: closed, and the count is 0 ◀───────────┘
//! ```
//!
//! Rules
//! 1. A tracked future is dropped before its token: when a wait is over, so are all drops.
//!
//! Real world: tokio-util's `TaskTracker`, of which this is the twin; Go's `sync.WaitGroup`; in
//! Python one keeps a set of tasks and discards each in its done-callback.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::tally::{Tally, Wait};
use super::{JoinHandle, LocalSet, spawn, spawn_blocking, spawn_local};
use crate::current::Handle;
use crate::shim::Arc;

/// Counts tasks and lets one wait until all have ended.
///
/// Clones are the same tracker. Dropping it aborts nobody. The twin of
/// `tokio_util::task::TaskTracker`; together with a
/// [`CancellationToken`](crate::sync::CancellationToken) it makes a graceful shutdown, which
/// [`Shutdown`](super::Shutdown) has ready-made and with a report.
///
/// **Cost:** one heap block; two atomic operations per task, and a clone of an `Arc`.
///
/// ```
/// use rondel::task::TaskTracker;
///
/// rondel::run(async {
///     let tracker = TaskTracker::new();
///     for _ in 0..10 {
///         tracker.spawn(rondel::task::yield_now());
///     }
///     assert_eq!(tracker.len(), 10);
///     tracker.close();
///     tracker.wait().await;
///     assert!(tracker.is_empty());
/// });
/// ```
#[derive(Clone)]
pub struct TaskTracker {
    tally: Arc<Tally>,
}

impl TaskTracker {
    /// An open tracker with no tasks.
    #[must_use]
    pub fn new() -> Self {
        Self { tally: Arc::new(Tally::new()) }
    }

    /// Waits until the tracker is closed and all its tasks have ended, at the same moment.
    ///
    /// A wait that was made before such a moment is over after it, even if it was not polled
    /// meanwhile and the tracker has tasks again. (So is one that was made while another thread was
    /// about to tell of such a moment. As with tokio-util: whoever goes on spawning after the close
    /// cannot rely on the count.)
    ///
    /// **Cancel-safe:** yes. Only the promise above begins anew with each call.
    /// **Cost:** no allocation of its own; a place in the waiting list once it waits.
    pub fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        TaskTrackerWaitFuture { wait: self.tally.wait("TaskTracker::wait") }
    }

    /// Lets [`wait`](Self::wait) end once no task is left. New tasks may be spawned all the same.
    /// False: it was closed already.
    pub fn close(&self) -> bool {
        self.tally.close()
    }

    /// Keeps [`wait`](Self::wait) from ending, even while there is no task. False: it was open
    /// already.
    pub fn reopen(&self) -> bool {
        self.tally.reopen()
    }

    /// Whether it is [closed](Self::close).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.tally.is_closed()
    }

    /// How many tasks (and tokens) there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tally.len()
    }

    /// Whether there is no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// [`task::spawn`](spawn), tracked.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn(self.track_future(future))
    }

    /// [`Handle::spawn`], tracked.
    #[track_caller]
    pub fn spawn_on<F>(&self, future: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        handle.spawn(self.track_future(future))
    }

    /// [`task::spawn_local`](spawn_local), tracked.
    ///
    /// # Panics
    ///
    /// As [`task::spawn_local`](spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn_local(self.track_future(future))
    }

    /// [`LocalSet::spawn_local`], tracked.
    #[track_caller]
    pub fn spawn_local_on<F>(&self, future: F, local_set: &LocalSet) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        local_set.spawn_local(self.track_future(future))
    }

    /// [`task::spawn_blocking`](spawn_blocking), tracked.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread, or if no thread can be started.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_blocking(self.track_call(work))
    }

    /// [`Handle::spawn_blocking`], tracked.
    ///
    /// # Panics
    ///
    /// If no thread can be started.
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(&self, work: F, handle: &Handle) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        handle.spawn_blocking(self.track_call(work))
    }

    fn track_call<F: FnOnce() -> T, T>(&self, work: F) -> impl FnOnce() -> T + use<F, T> {
        let token = self.token();
        move || {
            // In this order also if it never runs: what is named first is dropped first (rule 1).
            let (work, _token) = (work, token);
            work()
        }
    }

    /// Makes `future` count as a task, whoever polls it, until it is dropped.
    ///
    /// ```
    /// use rondel::task::{JoinSet, TaskTracker};
    ///
    /// rondel::run(async {
    ///     let (tracker, mut set) = (TaskTracker::new(), JoinSet::new());
    ///     set.spawn(tracker.track_future(async { 42 }));
    ///     assert_eq!(tracker.len(), 1);
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 42);
    ///     assert!(tracker.is_empty());
    /// });
    /// ```
    pub fn track_future<F: Future>(&self, future: F) -> TrackedFuture<F> {
        TrackedFuture { future, token: self.token() }
    }

    /// Counts as a task until it is dropped.
    pub fn token(&self) -> TaskTrackerToken {
        self.tally.enter();
        TaskTrackerToken { tracker: self.clone() }
    }

    /// Whether two trackers are clones of each other.
    #[must_use]
    pub fn ptr_eq(left: &Self, right: &Self) -> bool {
        Arc::ptr_eq(&left.tally, &right.tally)
    }
}

impl Default for TaskTracker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TaskTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskTracker");
        debug.field("len", &self.len()).field("is_closed", &self.is_closed()).finish()
    }
}

/// Counts as one task of a [`TaskTracker`] until it is dropped; a clone counts as another.
#[must_use = "dropped at once, it tracks nothing"]
#[derive(Debug)]
pub struct TaskTrackerToken {
    tracker: TaskTracker,
}

impl TaskTrackerToken {
    /// The tracker that counts it.
    #[must_use]
    pub fn task_tracker(&self) -> &TaskTracker {
        &self.tracker
    }
}

impl Clone for TaskTrackerToken {
    fn clone(&self) -> Self {
        self.tracker.token()
    }
}

impl Drop for TaskTrackerToken {
    fn drop(&mut self) {
        self.tracker.tally.leave();
    }
}

pin_project! {
    /// A future that counts as a task; see [`TaskTracker::track_future`].
    #[must_use = "futures do nothing unless polled"]
    pub struct TrackedFuture<F> {
        #[pin]
        future: F,
        // Behind the future: fields are dropped in this order (rule 1).
        token: TaskTrackerToken,
    }
}

impl<F: Future> Future for TrackedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

impl<F: fmt::Debug> fmt::Debug for TrackedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TrackedFuture");
        debug.field("future", &self.future).field("tracker", &self.token.tracker).finish()
    }
}

/// Waits until a tracker is closed and empty; see [`TaskTracker::wait`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct TaskTrackerWaitFuture<'a> {
    wait: Wait<'a>,
}

impl Future for TaskTrackerWaitFuture<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.wait.poll(cx)
    }
}

//! Floor 5. A task that is a promise of its output.
//!
//! ```text
//!   create_task(future) ─▶ Job in the loop { future, promise } ──ends──▶ promise settled
//!          └─▶ Task { promise, way to abort }                    ready: Ok    panic: Failed
//!                                                                aborted: Cancelled
//! ```
//!
//! Rules
//! 1. The future is dropped before the promise is settled: whoever hears of the end may rely on its
//!    drops.
//! 2. Whatever becomes of the job, its promise is settled: by its end, or by its drop.
//!
//! Real world: asyncio's `Task` is a `Future`, and its coroutine can catch the `CancelledError`;
//! here no code of the future runs but its drops.

use super::promise::{CallbackId, Promise, PromiseError, PromiseFuture};
use crate::birth::spawn_here;
use crate::task::{self, AbortHandle, Id, JoinError};
use pin_project_lite::pin_project;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

/// Starts a task that can be awaited by many and has done-callbacks.
///
/// The twin of `loop.create_task`. Without callbacks, [`spawn`](crate::spawn) does the same at a
/// lower price, and its output need not be cloned.
///
/// # Panics
///
/// Panics outside a loop.
///
/// **Cost:** that of a task and of a [`Promise`].
///
/// ```
/// use rondel::callbacks::create_task;
///
/// rondel::run(async {
///     let task = create_task(async { 6 * 7 });
///     assert_eq!((&task).await.unwrap(), 42);
///     assert_eq!(task.result().unwrap(), 42); // as often as you like
/// });
/// ```
#[track_caller]
pub fn create_task<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: Send + Sync,
{
    create(future, None)
}

/// [`create_task`] with a name, which stands in reports.
///
/// The twin of `loop.create_task(…, name=…)`.
///
/// # Panics
///
/// Panics outside a loop.
///
/// ```
/// rondel::run(async {
///     let task = rondel::callbacks::create_named_task("greeter", async { "hello" });
///     assert_eq!(task.await.unwrap(), "hello");
/// });
/// ```
#[track_caller]
pub fn create_named_task<F>(name: &str, future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: Send + Sync,
{
    create(future, Some(name))
}

#[track_caller]
fn create<F>(future: F, name: Option<&str>) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: Send + Sync,
{
    let promise = Promise::reporting("the error of a task was never looked at");
    let asked = Arc::new(OnceLock::new());
    let end = End { promise: promise.clone(), asked: asked.clone() };
    let handle = spawn_here(Job { future: Some(future), end }, name);
    let name = name.map_or_else(|| format!("Task-{}", handle.id()), str::to_owned);
    Task { promise, asked, abort: handle.abort_handle(), name: name.into() }
}

/// A task, as a promise of its output. Clones are the same task; dropping them lets it run.
///
/// The twin of `asyncio.Task`. A panic is its error; if nobody ever looks at that, the
/// [exception handler](super::set_exception_handler) hears of it.
pub struct Task<T> {
    promise: Promise<T>,
    /// The reason of the first cancel.
    asked: Arc<OnceLock<Option<Cow<'static, str>>>>,
    abort: AbortHandle,
    name: Arc<str>,
}

impl<T> Task<T> {
    /// Asks the task to end at the await it waits at. False: it has ended.
    ///
    /// The loop drops the future when the task's turn comes; until then it is not
    /// [`done`](Self::done). The twin of `Task.cancel`.
    ///
    /// ```
    /// rondel::run(async {
    ///     let task = rondel::callbacks::create_task(std::future::pending::<()>());
    ///     assert!(task.cancel_with("no longer needed"));
    ///     assert_eq!((&task).await.unwrap_err().to_string(), "cancelled: no longer needed");
    ///     assert!(task.cancelled() && !task.cancel());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        self.cancel_for(None)
    }

    /// [`cancel`](Self::cancel), and says why. The first reason counts.
    pub fn cancel_with(&self, reason: impl Into<Cow<'static, str>>) -> bool {
        self.cancel_for(Some(reason.into()))
    }

    fn cancel_for(&self, reason: Option<Cow<'static, str>>) -> bool {
        if self.done() {
            return false;
        }
        let _ = self.asked.set(reason); // refused if it was asked before
        self.abort.abort();
        true
    }

    /// Whether it has ended.
    pub fn done(&self) -> bool {
        self.promise.done()
    }

    /// Whether it was cancelled, and has ended by that.
    pub fn cancelled(&self) -> bool {
        self.promise.cancelled()
    }

    /// See [`Promise::error`].
    ///
    /// # Errors
    ///
    /// If it has not ended, and if it was cancelled.
    pub fn error(&self) -> Result<Option<Arc<dyn Error + Send + Sync>>, PromiseError> {
        self.promise.error()
    }

    /// See [`Promise::remove_done_callback`].
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        self.promise.remove_done_callback(id)
    }

    /// The name it was given, or `Task-` and its id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.abort.id()
    }
}

impl<T: Send + Sync + 'static> Task<T> {
    /// See [`Promise::add_done_callback`]; what it is called with is the task's promise.
    ///
    /// # Panics
    ///
    /// Panics outside a runtime.
    #[track_caller]
    pub fn add_done_callback<F>(&self, callback: F) -> CallbackId
    where
        F: FnOnce(&Promise<T>) + Send + 'static,
    {
        self.promise.add_done_callback(callback)
    }
}

impl<T: Clone> Task<T> {
    /// The output, or why there is none.
    ///
    /// # Errors
    ///
    /// If it panicked or was cancelled, and if it has not ended.
    pub fn result(&self) -> Result<T, PromiseError> {
        self.promise.result()
    }
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        Self {
            promise: self.promise.clone(),
            asked: self.asked.clone(),
            abort: self.abort.clone(),
            name: self.name.clone(),
        }
    }
}

impl<T: Clone> IntoFuture for Task<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        self.promise.into_future()
    }
}

impl<T: Clone> IntoFuture for &Task<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        (&self.promise).into_future()
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.name)
            .field("promise", &self.promise)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The task in the loop.
    struct Job<F: Future>
    where
        F::Output: Send,
        F::Output: Sync,
        F::Output: 'static,
    {
        // Before `end`, so that it is dropped first (rule 1). None: it has ended.
        #[pin]
        future: Option<F>,
        end: End<F::Output>,
    }
}

impl<F: Future> Future for Job<F>
where
    F::Output: Send + Sync + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let future = this.future.as_mut().as_pin_mut();
            future.expect("a job is polled until it has ended").poll(cx)
        }));
        let output = match polled {
            Ok(polled) => Ok(ready!(polled)),
            Err(panic) => Err(panic),
        };
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        let settled = match output.and_then(|output| dropped.map(|()| output)) {
            Ok(output) => this.end.promise.set_result(output),
            Err(panic) => this.end.promise.set_error(JoinError::panicked(task::id(), panic)),
        };
        debug_assert!(settled.is_ok(), "nobody else settles it");
        Poll::Ready(())
    }
}

/// Settles the promise of a job that is dropped before its end (rule 2).
struct End<T: Send + Sync + 'static> {
    promise: Promise<T>,
    asked: Arc<OnceLock<Option<Cow<'static, str>>>>,
}

impl<T: Send + Sync + 'static> Drop for End<T> {
    fn drop(&mut self) {
        if !self.promise.done() {
            self.promise.cancel_for(self.asked.get().cloned().flatten());
        }
    }
}

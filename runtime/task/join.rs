//! Floor 1. The handle of a task: wait for its output, ask it to end, or let it go.
//!
//! A handle serves three kinds of work: a task of a loop; a task of a `LocalSet`, which knows no
//! loop (`local_work.rs`); and something that runs elsewhere (a closure on the blocking pool) and
//! is reached through the small trait of `elsewhere.rs`.
//!
//! ```text
//!   handle      at home                               from another thread
//!   awaited     done: move the output out             the same: DONE is seen, so is the output
//!               not yet: leave the waker              not yet: the waker goes in a note
//!   dropped     not done: JOINED and the waker go     a note
//!               done: drop the output                 the same
//!   abort       ABORTED, and into the queue           a note
//! ```
//!
//! Rules
//! 1. The output has one owner: the handle while it exists, else home, which drops it.
//! 2. The right to it (`OutputOf`) is not cloned; an [`AbortHandle`] is, for it has no such right.
//! 3. A panic of a task ends the task and nobody else. It travels as a value to whoever awaits the
//!    handle; without a handle one line on stderr tells of it.
//!
//! Real world: asyncio's `Task` is task and handle in one, so dropping it may lose the task, and an
//! exception that nobody fetched is logged when the object dies; tokio's handle is this one. A
//! trio nursery or Python's `TaskGroup` has no such loose end: see [`JoinSet`](super::JoinSet).

use super::cell::{OutputOf, TaskRef};
use super::elsewhere::{Elsewhere, OutputElsewhere, Stop};
use super::home::HomeRef;
use super::id::{Id, Origin};
use super::info::TaskInfo;
use super::local_work::LocalOutput;
use super::payload::PanicPayload;
use crate::{budget, roll_call};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// The right to wait for a task and to take its output.
///
/// A future: awaiting it gives `Ok(output)`, or a [`JoinError`] if the task panicked or was
/// aborted. Dropping it *detaches* the task, which goes on.
///
/// The twin of `tokio::task::JoinHandle` and of `asyncio.Task`. (asyncio forgets a task whose
/// object is dropped; Rondel's loop owns its tasks.)
///
/// **Cancel-safe:** yes, by `&mut handle`. **Cost:** 16 bytes; one reference to the task.
///
/// # Panics
///
/// Awaiting it again after it gave the output panics.
///
/// ```
/// rondel::run(async {
///     let handle = rondel::spawn(async { 6 * 7 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
pub struct JoinHandle<T>(Work<T>);

/// One word and a tag, so that a handle is returned in registers; through memory it would cost the
/// spawner 5 ns. The rarer kind pays for that with a box.
enum Work<T> {
    Task(OutputOf<T>),
    Local(LocalOutput<T>),
    Elsewhere(OutputElsewhere<T>),
}

// A panic inside the task is caught before anybody can see it through the handle: nothing half
// changed is to be seen here, whatever `T` is. tokio promises the same.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
// The output is in the task's block, not in here; moving the handle moves a pointer.
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// Makes a task of a future: two references for the loop, and the handle.
    #[inline(always)]
    pub(crate) fn new_pair<F: Future<Output = T> + 'static>(
        future: F,
        home: HomeRef,
        origin: Origin,
    ) -> ([TaskRef; 2], Self) {
        let (task, output) = TaskRef::new(future, home, origin);
        (task, Self(Work::Task(output)))
    }

    pub(crate) fn of_elsewhere(work: Arc<dyn Elsewhere<T>>) -> Self {
        Self(Work::Elsewhere(OutputElsewhere::new(work)))
    }

    pub(crate) fn of_local(output: LocalOutput<T>) -> Self {
        Self(Work::Local(output))
    }

    fn origin(&self) -> &Origin {
        match &self.0 {
            Work::Task(output) => output.task().origin(),
            Work::Local(output) => output.remote().origin(),
            Work::Elsewhere(output) => output.work().origin(),
        }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.origin().id
    }

    /// Who the task is: its id, its name, where it was spawned.
    pub fn info(&self) -> TaskInfo {
        TaskInfo::new(self.origin().clone())
    }

    /// Whether the task has ended, by itself, by a panic or by an abort.
    ///
    /// An aborted task has ended once its future is dropped, which the loop does a turn later.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Work::Task(output) => output.task().is_done(),
            Work::Local(output) => output.remote().is_finished(),
            Work::Elsewhere(output) => output.work().is_finished(),
        }
    }

    /// Asks the task to end at the await it waits at.
    ///
    /// The loop drops the future when the task's turn comes; awaiting the handle then gives a
    /// [`JoinError`] that [is cancelled](JoinError::is_cancelled). A task that finishes first has
    /// finished. A closure on the blocking pool can be aborted only before it starts.
    ///
    /// The twin of `asyncio.Task.cancel`, with one difference: no code of the task runs but its
    /// drops, so it can neither refuse nor wait.
    ///
    /// ```
    /// rondel::run(async {
    ///     let handle = rondel::spawn(std::future::pending::<()>());
    ///     handle.abort();
    ///     assert!(handle.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort(&self) {
        match &self.0 {
            Work::Task(output) => output.task().abort(),
            Work::Local(output) => output.remote().abort(),
            Work::Elsewhere(output) => output.work().abort(),
        }
    }

    /// A handle that can abort the task but not wait for it.
    #[must_use = "abort handles do nothing unless `.abort` is called"]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(match &self.0 {
            Work::Task(output) => Abortable::Task(output.task().clone()),
            Work::Local(output) => Abortable::Elsewhere(output.remote().clone()),
            Work::Elsewhere(output) => Abortable::Elsewhere(output.work().clone().stop()),
        })
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let step = ready!(budget::poll_step(cx));
        // Asked before and not after: so the output goes straight to its place (see cell.rs).
        if self.is_finished() {
            step.made_progress();
        } else {
            roll_call::note(|| self.origin().to_string());
        }
        self.poll_free(cx)
    }
}

impl<T> JoinHandle<T> {
    /// Has `waker` woken once the task has ended; at once if it has. For sets of handles.
    pub(crate) fn join(&self, waker: &Waker) {
        match &self.0 {
            Work::Task(output) => output.task().join(waker),
            Work::Local(output) => output.join(waker),
            Work::Elsewhere(output) => output.work().join(waker),
        }
    }

    /// The poll without the budget, for sets of handles, which pay for themselves.
    #[inline(always)]
    pub(crate) fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        match &mut self.0 {
            Work::Elsewhere(output) => output.work().poll_output(cx.waker()),
            Work::Local(output) => output.poll(cx.waker()),
            Work::Task(output) if output.task().is_done() => {
                let taken = output.take();
                assert!(
                    taken.is_ready(),
                    "a `JoinHandle` was awaited again after it gave its output"
                );
                taken
            }
            // It may get done between the question and the note of a stranger. Then home reads the
            // note, finds it done, and wakes at once: this wait is never one too long.
            Work::Task(output) => {
                output.task().join(cx.waker());
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// A handle that can abort a task but not wait for it; many can exist.
///
/// The twin of `tokio::task::AbortHandle`. **Cost:** one reference to the task, which keeps its
/// block of memory; the future in it is dropped all the same when the task ends.
#[derive(Clone)]
pub struct AbortHandle(Abortable);

#[derive(Clone)]
enum Abortable {
    Task(TaskRef),
    Elsewhere(Arc<dyn Stop>),
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// Asks the task to end; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        match &self.0 {
            Abortable::Task(task) => task.abort(),
            Abortable::Elsewhere(work) => work.abort(),
        }
    }

    /// Whether the task has ended; see [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Abortable::Task(task) => task.is_done(),
            Abortable::Elsewhere(work) => work.is_finished(),
        }
    }

    fn origin(&self) -> &Origin {
        match &self.0 {
            Abortable::Task(task) => task.origin(),
            Abortable::Elsewhere(work) => work.origin(),
        }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.origin().id
    }

    /// Who the task is; see [`JoinHandle::info`].
    pub fn info(&self) -> TaskInfo {
        TaskInfo::new(self.origin().clone())
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Why a task has no output: it panicked, or it was aborted.
///
/// The twin of `tokio::task::JoinError`, and of the exception that awaiting an `asyncio.Task`
/// raises again.
pub struct JoinError {
    id: Id,
    why: Why,
}

enum Why {
    Cancelled,
    Panicked(PanicPayload),
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> Self {
        Self { id, why: Why::Cancelled }
    }

    pub(crate) fn panicked(id: Id, payload: Box<dyn Any + Send>) -> Self {
        Self { id, why: Why::Panicked(PanicPayload::new(payload)) }
    }

    /// Whether the task was aborted, or its runtime ended first.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.why, Why::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        !self.is_cancelled()
    }

    /// The panic's payload, for `std::panic::resume_unwind`.
    ///
    /// # Panics
    ///
    /// Panics if the task was cancelled; [`try_into_panic`](Self::try_into_panic) does not.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic().expect("`JoinError` reason is not a panic.")
    }

    /// The panic's payload, or the error itself if the task was cancelled.
    ///
    /// # Errors
    ///
    /// Gives `self` back if the task was cancelled.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        match self.why {
            Why::Panicked(payload) => Ok(payload.into_inner()),
            Why::Cancelled => Err(self),
        }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    fn message(&self) -> Option<String> {
        let Why::Panicked(payload) = &self.why else { return None };
        payload.message()
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.why, self.message()) {
            (Why::Cancelled, _) => write!(f, "task {} was cancelled", self.id),
            (_, Some(text)) => write!(f, "task {} panicked with message {text:?}", self.id),
            (_, None) => write!(f, "task {} panicked", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.why, self.message()) {
            (Why::Cancelled, _) => write!(f, "JoinError::Cancelled({:?})", self.id),
            (_, Some(text)) => write!(f, "JoinError::Panic({:?}, {text:?}, ...)", self.id),
            (_, None) => write!(f, "JoinError::Panic({:?}, ...)", self.id),
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        Self::other(match error.why {
            Why::Cancelled => "task was cancelled",
            Why::Panicked(_) => "task panicked",
        })
    }
}

//! Floor 5. A child of a group, seen from the sibling or the body that wants its value.
//!
//! A task's `JoinHandle` has the whole outcome. A child's has only the value: an error or a panic
//! belongs to the group, which returns it once, with all others. Who awaits a child that failed
//! learns just that; mostly it does not get so far, because the group ends it first.
//!
//! Before a child begins it comes through a gate: where the number of children is limited it waits
//! there, and where the group was cancelled meanwhile it goes no further.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::sync::{AcquireError, CancellationToken, OwnedSemaphorePermit, Semaphore};
use crate::task::{AbortOnDrop, Id, JoinHandle, TaskInfo};

/// Waits for the value of a child of a [`TaskGroup`](super::TaskGroup).
///
/// A future: `Ok` is the value that the child returned in `Ok`. Dropping the handle changes
/// nothing: the group waits for the child all the same.
///
/// The twin of the task that `asyncio.TaskGroup.create_task` returns.
///
/// **Cancel-safe:** yes, by `&mut handle`. **Cost:** that of a [`JoinHandle`].
///
/// # Panics
///
/// Awaiting it again after it gave its answer panics.
///
/// ```
/// use rondel::task::{ErrorGroup, TaskGroup};
///
/// rondel::run(async {
///     let sum: Result<_, ErrorGroup<String>> = TaskGroup::run(async |group| {
///         let (a, b) = (group.spawn(async { Ok(1) }), group.spawn(async { Ok(2) }));
///         Ok(a.await.unwrap() + b.await.unwrap())
///     })
///     .await;
///     assert_eq!(sum.unwrap(), 3);
/// });
/// ```
pub struct ChildHandle<T> {
    child: Child<T>,
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoValue {
    Failed,
    Cancelled,
}

enum Child<T> {
    Task(JoinHandle<Result<T, NoValue>>),
    /// There is no task: the group took no more.
    Refused(TaskInfo),
}

impl<T> ChildHandle<T> {
    pub(super) fn new(handle: JoinHandle<Result<T, NoValue>>) -> Self {
        Self { child: Child::Task(handle) }
    }

    pub(super) fn refused(info: TaskInfo) -> Self {
        Self { child: Child::Refused(info) }
    }

    /// For a child that is not to outlive its start.
    pub(super) fn abort_on_drop(self) -> Option<AbortOnDrop>
    where
        T: 'static,
    {
        match self.child {
            Child::Task(handle) => Some(AbortOnDrop::new(handle.abort_handle())),
            Child::Refused(_) => None,
        }
    }

    /// Asks the child to end, alone: that is no failure of the group.
    ///
    /// The twin of `asyncio.Task.cancel` on a task of a group. See [`JoinHandle::abort`].
    pub fn abort(&self) {
        if let Child::Task(handle) = &self.child {
            handle.abort();
        }
    }

    /// Whether the child has ended, in whichever way.
    pub fn is_finished(&self) -> bool {
        match &self.child {
            Child::Task(handle) => handle.is_finished(),
            Child::Refused(_) => true,
        }
    }

    /// The child's id.
    pub fn id(&self) -> Id {
        match &self.child {
            Child::Task(handle) => handle.id(),
            Child::Refused(info) => info.id(),
        }
    }

    /// Who the child is: its id, its name, where it was spawned.
    pub fn info(&self) -> TaskInfo {
        match &self.child {
            Child::Task(handle) => handle.info(),
            Child::Refused(info) => info.clone(),
        }
    }
}

impl<T> Future for ChildHandle<T> {
    type Output = Result<T, ChildError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let why = match &mut self.child {
            Child::Refused(_) => NoValue::Cancelled,
            Child::Task(handle) => match ready!(Pin::new(handle).poll(cx)) {
                Ok(Ok(value)) => return Poll::Ready(Ok(value)),
                Ok(Err(why)) => why,
                Err(_) => NoValue::Cancelled, // aborted: a panic is caught, and a failure
            },
        };
        Poll::Ready(Err(ChildError { info: self.info(), why }))
    }
}

impl<T> fmt::Debug for ChildHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Why a child of a group has no value: it failed, or it was cancelled.
///
/// The error or the panic itself is in the [`ErrorGroup`](super::ErrorGroup) of the group.
#[derive(Debug, Clone)]
pub struct ChildError {
    info: TaskInfo,
    why: NoValue,
}

impl ChildError {
    /// Whether it failed, by an error or by a panic.
    pub fn is_failed(&self) -> bool {
        self.why == NoValue::Failed
    }

    /// Whether it was cancelled: aborted, by its handle or with its group, or refused by the group.
    pub fn is_cancelled(&self) -> bool {
        self.why == NoValue::Cancelled
    }

    /// Who the child is.
    pub fn info(&self) -> &TaskInfo {
        &self.info
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            NoValue::Failed => write!(f, "{} failed: its error is in that of its group", self.info),
            NoValue::Cancelled => write!(f, "{} was cancelled", self.info),
        }
    }
}

impl Error for ChildError {}

/// A group takes no more tasks: it was cancelled, one of its tasks has failed, or it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupClosed {
    pub(super) reason: Option<String>,
}

impl GroupClosed {
    /// Why the group was cancelled; `None` if it is over.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

impl fmt::Display for GroupClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task group takes no more tasks: ")?;
        match &self.reason {
            Some(reason) => write!(f, "it was cancelled: {reason}"),
            None => f.write_str("it is over"),
        }
    }
}

impl Error for GroupClosed {}

type Permit = Result<OwnedSemaphorePermit, AcquireError>;

pin_project! {
    /// A future that begins only if its group was not cancelled before, and when it has one of the
    /// group's permits, if those are limited. `None`: it has not begun.
    pub(super) struct Gated<F> {
        #[pin]
        future: F,
        // Behind the future: it is dropped before the next one may begin.
        gate: Gate,
    }
}

enum Gate {
    Shut(CancellationToken, Option<Arc<Semaphore>>),
    /// In a box, as its type has no name; so only groups with a limit pay for it.
    Waiting(CancellationToken, Pin<Box<dyn Future<Output = Option<Permit>> + Send>>),
    Passed {
        _permit: Option<Permit>,
    },
}

impl<F> Gated<F> {
    pub(super) fn new(
        future: F,
        token: &CancellationToken,
        limit: Option<&Arc<Semaphore>>,
    ) -> Self {
        Self { future, gate: Gate::Shut(token.clone(), limit.cloned()) }
    }
}

impl<F: Future> Future for Gated<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        loop {
            *this.gate = match this.gate {
                Gate::Passed { .. } => return this.future.poll(cx).map(Some),
                Gate::Shut(token, _) if token.is_cancelled() => return Poll::Ready(None),
                Gate::Shut(_, None) => Gate::Passed { _permit: None },
                Gate::Shut(token, Some(limit)) => {
                    let permit = limit.clone().acquire_owned(); // no error: it is never closed
                    let permit = token.clone().run_until_cancelled_owned(permit);
                    Gate::Waiting(token.clone(), Box::pin(permit))
                }
                Gate::Waiting(token, permit) => match ready!(permit.as_mut().poll(cx)) {
                    // A sibling that failed gave its permit back, and cancelled the group after
                    // that: so both may have come.
                    Some(permit) if !token.is_cancelled() => Gate::Passed { _permit: Some(permit) },
                    _ => return Poll::Ready(None),
                },
            };
        }
    }
}

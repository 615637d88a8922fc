//! Floor 5. What passes between a child that starts and whoever waits for that.
//!
//! Until the handshake the child belongs to whoever awaits the start, after it to the group:
//!
//! ```text
//!   group.start(|started| async move {     before `send`            after `send`
//!       listen().await?;                   an error goes to start   an error goes to the group
//!       started.send(port);                start dropped: aborted   start has its value
//!       serve().await
//!   })
//! ```
//!
//! Rules
//! 1. A child starts before it ends, or ends before it has started; which of the two is decided
//!    once, by a flag: whoever sets it first, `send` or the end, has something to tell the start.
//!    So an error is never told twice, nor lost to a start that gets a value.
//! 2. A child whose start was dropped before the handshake is aborted; should it fail all the same,
//!    that goes to the group.
//!
//! Real world: a future and its promise that break when either end is dropped, as in C++ and Rust;
//! here there are two of them, and one flag says which of them counts.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::GroupClosed;
use crate::leaf::poll_leaf;
use crate::shim::Arc;
use crate::shim::atomic::{AtomicBool, Ordering::*};
use crate::sync::oneshot;
use crate::task::{AbortOnDrop, PanicPayload};

/// The child with its end of the handshake, and the other end.
pub(crate) fn handshake<V, E, F, Fut>(child: F) -> (Starting<Fut, E>, Start<V, E>)
where
    F: FnOnce(Started<V>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let (value, values) = oneshot::channel();
    let (early, earlies) = oneshot::channel();
    let decided = Arc::new(AtomicBool::new(false));
    let future = child(Started { value, decided: decided.clone() });
    let starting = Starting { future, early: Some(early), decided: decided.clone() };
    (
        starting,
        Start { value: Some(values), early: Some(earlies), refused: None, child: None, decided },
    )
}

/// Says that a child is ready; see [`TaskGroup::start`](crate::task::TaskGroup::start).
///
/// Dropping it says nothing: the start goes on waiting, until the child ends.
#[derive(Debug)]
pub struct Started<V> {
    value: oneshot::Sender<V>,
    decided: Arc<AtomicBool>,
}

impl<V> Started<V> {
    /// The child is ready: hands `value` to whoever awaits the start. If the start was dropped
    /// before, so is the value, and the child is being aborted. Nor does it reach anybody when the
    /// child has ended before.
    pub fn send(self, value: V) {
        // AcqRel: pairs with the swap in `Starting`; whoever comes second sees what the first did.
        // (Mostly both are the child itself.)
        if !self.decided.swap(true, AcqRel) {
            let _ = self.value.send(value);
        }
    }
}

pin_project! {
    /// The child, as long as nobody knows whose failures are to be told of.
    pub(crate) struct Starting<F, E> {
        #[pin]
        future: F,
        early: Option<oneshot::Sender<Early<E>>>,
        decided: Arc<AtomicBool>,
    }
}

/// How a child ended that had not started.
pub(crate) enum Early<E> {
    Failed(E),
    Panicked(PanicPayload),
    Ended,
}

impl<F, E> Future for Starting<F, E>
where
    F: Future<Output = Result<(), E>>,
{
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let early = match catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => Early::Ended,
            Ok(Poll::Ready(Err(error))) => Early::Failed(error),
            Err(payload) => Early::Panicked(PanicPayload::new(payload)),
        };
        let has_started = this.decided.swap(true, AcqRel); // pairs with that in `send` (rule 1)
        let sender = this.early.take().filter(|_| !has_started);
        let untold = match sender {
            Some(sender) => sender.send(early).err(), // back if nobody awaits the start (rule 2)
            None => Some(early),
        };
        Poll::Ready(match untold {
            None | Some(Early::Ended) => Ok(()),
            Some(Early::Failed(error)) => Err(error),
            Some(Early::Panicked(payload)) => resume_unwind(payload.into_inner()),
        })
    }
}

/// Waits until a child has started; see [`TaskGroup::start`](crate::task::TaskGroup::start).
///
/// # Panics
///
/// Awaiting it again after it gave its answer panics.
#[must_use = "dropped, it aborts a child that has not started"]
pub struct Start<V, E> {
    /// None: no value will come.
    value: Option<oneshot::Receiver<V>>,
    /// None: the child has no more to say.
    early: Option<oneshot::Receiver<Early<E>>>,
    refused: Option<GroupClosed>,
    /// Some until it has started or ended.
    child: Option<AbortOnDrop>,
    decided: Arc<AtomicBool>,
}

impl<V, E> Start<V, E> {
    pub(super) fn seat(&mut self, child: Result<Option<AbortOnDrop>, GroupClosed>) {
        match child {
            Ok(child) => self.child = child,
            Err(refused) => self.refused = Some(refused),
        }
    }

    /// The child is one of the group now.
    fn let_go(&mut self) {
        if let Some(child) = self.child.take() {
            let _ = child.detach();
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<V, StartError<E>>> {
        if let Some(refused) = self.refused.take() {
            (self.value, self.early) = (None, None);
            return Poll::Ready(Err(StartError::Refused(refused)));
        }
        assert!(self.early.is_some() || self.value.is_some(), "a `Start` was awaited again");
        if let Some(receiver) = &mut self.value {
            // Also while the sender lives in a part of the child that outlasts its end: then the
            // other channel has the answer.
            if let Poll::Ready(value) = receiver.poll_value(cx) {
                self.value = None;
                if let Ok(value) = value {
                    self.early = None;
                    self.let_go();
                    return Poll::Ready(Ok(value));
                }
            }
        }
        let Some(early) = &mut self.early else { return Poll::Pending };
        let told = ready!(early.poll_value(cx));
        self.early = None;
        // AcqRel: pairs with the other swaps. A child that was dropped says nothing; nor does one
        // that has started elsewhere, where its value is on its way.
        if told.is_err() && self.decided.swap(true, AcqRel) && self.value.is_some() {
            return Poll::Pending;
        }
        (self.value, self.child) = (None, None); // it has ended
        Poll::Ready(Err(match told {
            Ok(Early::Failed(error)) => StartError::Failed(error),
            Ok(Early::Panicked(payload)) => StartError::Panicked(payload),
            Ok(Early::Ended) => StartError::Ended,
            Err(_) => StartError::Cancelled,
        }))
    }
}

impl<V, E> Future for Start<V, E> {
    type Output = Result<V, StartError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_leaf("TaskGroup::start", cx, |cx| self.poll_answer(cx))
    }
}

impl<V, E> Drop for Start<V, E> {
    fn drop(&mut self) {
        // Acquire: pairs with the swaps. A child that has started is one of the group, though
        // nobody has looked at its value; one that has ended cannot be aborted.
        if self.decided.load(Acquire) {
            self.let_go();
        }
    }
}

// Nothing in it is pinned.
impl<V, E> Unpin for Start<V, E> {}

impl<V, E> fmt::Debug for Start<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("child", &self.child).finish_non_exhaustive()
    }
}

/// Why a child did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError<E> {
    /// It failed before.
    Failed(E),
    /// It panicked before.
    Panicked(PanicPayload),
    /// It ended without saying that it has started.
    Ended,
    /// It was aborted before, alone or with its group.
    Cancelled,
    /// The group takes no more tasks.
    Refused(GroupClosed),
}

impl<E: fmt::Display> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "the task failed before it started: {error}"),
            Self::Panicked(payload) => write!(f, "the task {payload} before it started"),
            Self::Ended => f.write_str("the task ended without calling `Started::send`"),
            Self::Cancelled => f.write_str("the task was cancelled before it started"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for StartError<E> {}

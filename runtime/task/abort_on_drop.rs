//! Floor 5. Handles that end their task when they are dropped.
//!
//! Dropping a [`JoinHandle`] detaches its task. Whoever wants the task to end with the function
//! that started it puts the handle in one of these:
//!
//! | have          | want                               | take                  |
//! |---------------|------------------------------------|-----------------------|
//! | `JoinHandle`  | to await it, and no loose end      | [`AbortOnDropHandle`] |
//! | `AbortHandle` | no loose end, in a list of all `T` | [`AbortOnDrop`]       |
//!
//! Real world: tokio-util has both; smol's `Task` is like that by itself; in Python a `TaskGroup`
//! does it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{AbortHandle, JoinError, JoinHandle};

/// A [`JoinHandle`] that aborts its task when dropped.
///
/// The task ends a turn later, as always with [`abort`](JoinHandle::abort). The twin of
/// `tokio_util::task::AbortOnDropHandle`.
///
/// **Cancel-safe:** yes, when polled by reference; dropped, it aborts the task.
/// **Cost:** nothing beside the handle.
///
/// ```
/// use rondel::task::AbortOnDropHandle;
///
/// rondel::run(async {
///     let (mut alive, task) = rondel::sync::oneshot::channel::<()>();
///     let handle = AbortOnDropHandle::new(rondel::spawn(async { task.await }));
///     drop(handle);
///     alive.closed().await; // the task has dropped its end
/// });
/// ```
#[must_use = "dropping the handle aborts the task immediately"]
pub struct AbortOnDropHandle<T> {
    /// Some until `detach`.
    handle: Option<JoinHandle<T>>,
}

impl<T> AbortOnDropHandle<T> {
    /// Takes the handle in.
    pub fn new(handle: JoinHandle<T>) -> Self {
        Self { handle: Some(handle) }
    }

    fn handle(&self) -> &JoinHandle<T> {
        self.handle.as_ref().expect("only `detach` takes it out, and ends this")
    }

    /// Asks the task to end; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.handle().abort();
    }

    /// Whether the task has ended; see [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.handle().is_finished()
    }

    /// A handle that can abort the task but not wait for it.
    pub fn abort_handle(&self) -> AbortHandle {
        self.handle().abort_handle()
    }

    /// Gives the handle back; the task goes on.
    pub fn detach(mut self) -> JoinHandle<T> {
        self.handle.take().expect("only `detach` takes it out, and ends this")
    }
}

impl<T> Future for AbortOnDropHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.handle.as_mut().expect("only `detach` takes it out, and ends this");
        Pin::new(handle).poll(cx)
    }
}

impl<T> AsRef<JoinHandle<T>> for AbortOnDropHandle<T> {
    fn as_ref(&self) -> &JoinHandle<T> {
        self.handle()
    }
}

impl<T> Drop for AbortOnDropHandle<T> {
    fn drop(&mut self) {
        self.handle.iter().for_each(JoinHandle::abort);
    }
}

impl<T> fmt::Debug for AbortOnDropHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortOnDropHandle").field("id", &self.handle().id()).finish()
    }
}

/// An [`AbortHandle`] that aborts its task when dropped.
///
/// The twin of `tokio_util::task::AbortOnDrop`.
///
/// **Cost:** nothing beside the handle.
///
/// ```
/// use rondel::task::AbortOnDrop;
///
/// rondel::run(async {
///     let task = rondel::spawn(std::future::pending::<()>());
///     drop(AbortOnDrop::new(task.abort_handle()));
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
#[must_use = "dropping the handle aborts the task immediately"]
pub struct AbortOnDrop {
    /// Some until `detach`.
    handle: Option<AbortHandle>,
}

impl AbortOnDrop {
    /// Takes the handle in.
    pub fn new(handle: AbortHandle) -> Self {
        Self { handle: Some(handle) }
    }

    fn handle(&self) -> &AbortHandle {
        self.handle.as_ref().expect("only `detach` takes it out, and ends this")
    }

    /// Asks the task to end; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.handle().abort();
    }

    /// Whether the task has ended; see [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.handle().is_finished()
    }

    /// Gives the handle back; the task goes on.
    pub fn detach(mut self) -> AbortHandle {
        self.handle.take().expect("only `detach` takes it out, and ends this")
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.handle.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for AbortOnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortOnDrop").field("id", &self.handle().id()).finish()
    }
}

//! Floor 1. Work that is not a task of a loop but has a handle like one.
//!
//! A closure on the blocking pool, a task of a `LocalSet`: a `JoinHandle` serves them as well, and
//! reaches them through these traits.
//!
//! Real world: tokio makes a task of each closure; asyncio wraps a `concurrent.futures.Future`.

use super::id::Origin;
use super::join::JoinError;
use std::sync::Arc; // not the shim's: it holds what is `dyn`
use std::task::{Poll, Waker};

/// Work with an output that may cross threads.
pub(crate) trait Elsewhere<T>: Stop {
    /// The output; if it is not there yet, `waker` is woken once it is.
    ///
    /// # Panics
    ///
    /// If it was taken before.
    fn poll_output(&self, waker: &Waker) -> Poll<Result<T, JoinError>>;

    /// Has `waker` woken once the output is there; at once if it is.
    fn join(&self, waker: &Waker);

    /// The handle is gone: nobody will want the output.
    fn detach(&self);

    /// The part that does not know the output. (An upcast would want `T: 'static`.)
    fn stop(self: Arc<Self>) -> Arc<dyn Stop>;
}

/// The right to the output of such work. Dropping it detaches the work.
///
/// Boxed once more, so that a `JoinHandle` is no bigger than for a task.
pub(crate) struct OutputElsewhere<T>(Box<Arc<dyn Elsewhere<T>>>);

impl<T> OutputElsewhere<T> {
    pub(crate) fn new(work: Arc<dyn Elsewhere<T>>) -> Self {
        Self(Box::new(work))
    }

    pub(crate) fn work(&self) -> &Arc<dyn Elsewhere<T>> {
        &self.0
    }
}

impl<T> Drop for OutputElsewhere<T> {
    fn drop(&mut self) {
        self.0.detach();
    }
}

/// The part that does not know the output. An `AbortHandle` has no `T`, so that handles of many
/// kinds of work can be kept in one list.
pub(crate) trait Stop: Send + Sync {
    fn abort(&self);
    fn is_finished(&self) -> bool;
    fn origin(&self) -> &Origin;
}

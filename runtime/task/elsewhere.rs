//! Floor 1. Work that is not a task of a loop but has a handle like one.
//!
//! A closure on the blocking pool, a task of a `LocalSet`: a `JoinHandle` serves them as well, and
//! reaches them through these traits.
//!
//! Real world: tokio makes a task of each closure; asyncio wraps a `concurrent.futures.Future`.

use super::id::Origin;
use super::join::JoinError;
use std::task::Waker;

/// Work with an output that may cross threads.
pub(crate) trait Elsewhere<T>: Stop {
    /// The output, or `None` if it is not there yet: then `waker` is woken once it is.
    fn poll_output(&self, waker: &Waker) -> Option<Result<T, JoinError>>;
}

/// The part that does not know the output. An `AbortHandle` has no `T`, so that handles of many
/// kinds of work can be kept in one list.
pub(crate) trait Stop: Send + Sync {
    fn abort(&self);
    fn is_finished(&self) -> bool;
    fn origin(&self) -> &Origin;
}

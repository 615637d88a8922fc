//! Floor 5. What can go wrong with a queue; items that were not put come back inside the errors.

use std::error::Error;
use std::fmt;

/// The queue was shut down: nothing can be put any more, and there is nothing left to get. Holds
/// the item that was not put; nothing, if it comes from `get`.
///
/// The twin of `asyncio.QueueShutDown`.
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct QueueShutDown<T = ()>(pub T);

impl<T> fmt::Debug for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueShutDown").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("queue shut down")
    }
}

impl<T> Error for QueueShutDown<T> {}

/// Why a `put_nowait` did not go through. Holds the item that was not put.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum PutError<T> {
    /// The queue is full at the moment, or others wait for a place: `asyncio.QueueFull`.
    Full(T),
    /// The queue was shut down: `asyncio.QueueShutDown`.
    ShutDown(T),
}

impl<T> PutError<T> {
    /// The item that was not put.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::ShutDown(item) => item,
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::ShutDown(_) => "ShutDown(..)",
        })
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "queue full",
            Self::ShutDown(_) => "queue shut down",
        })
    }
}

impl<T> Error for PutError<T> {}

impl<T> From<QueueShutDown<T>> for PutError<T> {
    fn from(error: QueueShutDown<T>) -> Self {
        Self::ShutDown(error.0)
    }
}

/// Why a `get_nowait` got nothing.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum GetError {
    /// Nothing is there at the moment, or it is for those who waited: `asyncio.QueueEmpty`.
    Empty,
    /// Nothing is there, and nothing will come: `asyncio.QueueShutDown`.
    ShutDown,
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "queue empty",
            Self::ShutDown => "queue shut down",
        })
    }
}

impl Error for GetError {}

/// `task_done` was called more often than items were put: asyncio's `ValueError`.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct TaskDoneError(pub(super) ());

impl fmt::Display for TaskDoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task_done() called too many times")
    }
}

impl Error for TaskDoneError {}

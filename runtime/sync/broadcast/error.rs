//! Floor 5. What can go wrong on a broadcast channel.

use std::error::Error;
use std::fmt;

/// There is no receiver. Holds the value that was not sent.
///
/// A later send can go through again, as new receivers can
/// [subscribe](super::Sender::subscribe).
#[derive(Debug)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T: fmt::Debug> Error for SendError<T> {}

/// Why a `recv` got no value.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum RecvError {
    /// Nothing is there, and nothing will come: all senders are gone.
    Closed,
    /// The receiver was too slow: it missed so many values. The next `recv` goes on with the oldest
    /// one that is still kept.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("channel closed"),
            Self::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl Error for RecvError {}

/// Why a `try_recv` got no value.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum TryRecvError {
    /// Nothing is there at the moment.
    Empty,
    /// Nothing is there, and nothing will come: all senders are gone.
    Closed,
    /// The receiver was too slow: it missed so many values. The next `try_recv` goes on with the
    /// oldest one that is still kept.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("channel empty"),
            Self::Closed => f.write_str("channel closed"),
            Self::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl Error for TryRecvError {}

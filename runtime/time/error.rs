//! Floor 5. What can go wrong with time.

use std::error;
use std::fmt;

pub use super::timeout::Elapsed;

/// Why a timer could not do its work: tokio's name for it, for libraries that hand it on.
///
/// Rondel itself returns none. Its timers are bounded by the memory, a deadline too far away counts
/// as 30 years, and one whose loop is gone panics and says so. The twin of
/// `tokio::time::error::Error`.
///
/// ```
/// use rondel::time::error::Error;
///
/// assert!(Error::at_capacity().is_at_capacity());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Error(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Shutdown,
    AtCapacity,
    Invalid,
}

impl Error {
    /// The loop that kept the timer has ended.
    pub fn shutdown() -> Self {
        Self(Kind::Shutdown)
    }

    /// Whether the loop that kept the timer has ended.
    pub fn is_shutdown(&self) -> bool {
        self.0 == Kind::Shutdown
    }

    /// There are as many timers as there may be.
    pub fn at_capacity() -> Self {
        Self(Kind::AtCapacity)
    }

    /// Whether there are as many timers as there may be.
    pub fn is_at_capacity(&self) -> bool {
        self.0 == Kind::AtCapacity
    }

    /// The deadline is too far away.
    pub fn invalid() -> Self {
        Self(Kind::Invalid)
    }

    /// Whether the deadline is too far away.
    pub fn is_invalid(&self) -> bool {
        self.0 == Kind::Invalid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Shutdown => {
                "the timer is shutdown, must be called from the context of a Rondel runtime"
            }
            Kind::AtCapacity => "timer is at capacity and cannot create a new entry",
            Kind::Invalid => "timer duration exceeds maximum duration",
        })
    }
}

impl error::Error for Error {}

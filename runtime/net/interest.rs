//! Floor 5. What one waits for on a socket, and what one finds.

use std::fmt;
use std::ops::BitOr;

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
const READ_CLOSED: u8 = 4;
const WRITE_CLOSED: u8 = 8;

/// The directions that [`TcpStream::ready`](super::TcpStream::ready) waits for.
///
/// Twin of `tokio::io::Interest`.
///
/// ```
/// use rondel::io::Interest;
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// assert!((rondel::net::Ready::READABLE | rondel::net::Ready::READ_CLOSED).is_readable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Data, the peer's end of writing, or a connection to accept.
    pub const READABLE: Self = Self(READABLE);

    /// Room in the send buffer.
    pub const WRITABLE: Self = Self(WRITABLE);

    /// Whether reading is part of it.
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Whether writing is part of it.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Both sets together.
    #[must_use]
    #[allow(clippy::should_implement_trait)] // the name is tokio's
    pub const fn add(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without `other`; `None` if nothing is left.
    #[must_use]
    pub fn remove(self, other: Self) -> Option<Self> {
        let left = self.0 & !other.0;
        (left != 0).then_some(Self(left))
    }
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.add(other)
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_readable(), self.is_writable()) {
            (true, true) => "READABLE | WRITABLE",
            (true, false) => "READABLE",
            _ => "WRITABLE",
        })
    }
}

/// What a socket is thought to be ready for.
///
/// Twin of `tokio::io::Ready`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Self = Self(0);

    /// A read is worth trying.
    pub const READABLE: Self = Self(READABLE);

    /// A write is worth trying.
    pub const WRITABLE: Self = Self(WRITABLE);

    /// The peer will send nothing more.
    pub const READ_CLOSED: Self = Self(READ_CLOSED);

    /// Nothing more can be sent.
    pub const WRITE_CLOSED: Self = Self(WRITE_CLOSED);

    /// All of the above.
    pub const ALL: Self = Self(READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED);

    /// Whether it is nothing at all.
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// Whether a read is worth trying; a closed direction counts.
    pub fn is_readable(self) -> bool {
        self.0 & (READABLE | READ_CLOSED) != 0
    }

    /// Whether a write is worth trying; a closed direction counts.
    pub fn is_writable(self) -> bool {
        self.0 & (WRITABLE | WRITE_CLOSED) != 0
    }

    /// Whether the peer will send nothing more. The data it sent before may still be unread.
    pub fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether nothing more can be sent.
    pub fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }
}

impl BitOr for Ready {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .finish()
    }
}

//! Floor 5. Many may read, or one may write; also across an `.await`.
//!
//! A reader takes one permit of a [`PermitCell`], a writer takes all of them. All rules of the lock
//! follow from the one queue in which both wait:
//!
//! ```text
//!   permits: ● ● ● ○      readers: 3, free: 1 of 4
//!   queue:   front -> [writer: 4] -> [reader: 1] <- back
//!
//!   the last of the 3 readers leaves:  the writer has all 4; the reader behind it waits
//!   the writer leaves or downgrades:   the reader has one
//! ```
//!
//! Rules
//! 1. First come, first served. A writer that waits is not overtaken by readers who come later, so
//!    it is not starved; and a reader that waits is not overtaken by the next writer.
//! 2. So one task must not read twice at once: a writer that came between the two waits for the
//!    first, and the second waits for the writer.
//! 3. A writer may go on as a reader, without a gap in which somebody else could write. A reader
//!    may not go on as a writer: two of them would wait for each other's end for ever.
//!
//! | file        | guards                                                          |
//! |-------------|-----------------------------------------------------------------|
//! | `read.rs`   | [`RwLockReadGuard`], [`OwnedRwLockReadGuard`]                   |
//! | `write.rs`  | [`RwLockWriteGuard`], [`OwnedRwLockWriteGuard`]                 |
//! | `mapped.rs` | [`RwLockMappedWriteGuard`], [`OwnedRwLockMappedWriteGuard`]     |
//!
//! Real world: tokio's lock is the same semaphore; std's makes no promise about the order; asyncio
//! has no such lock, and needs it less, as nothing there runs beside the reader.

mod mapped;
mod read;
mod write;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::park;
use crate::leaf::leaf;
use crate::shim::const_outside_loom;
use crate::sync::mutex::TryLockError;
use crate::sync::permit_cell::{Hold, HoldAll, Many, PermitCell};

pub use mapped::{OwnedRwLockMappedWriteGuard, RwLockMappedWriteGuard};
pub use read::{OwnedRwLockReadGuard, RwLockReadGuard};
pub use write::{OwnedRwLockWriteGuard, RwLockWriteGuard};

/// Readers at once, unless the lock was made for fewer; tokio's number.
const READERS_MAX: u32 = u32::MAX >> 3;

/// A value that many tasks may read at once, or one may write.
///
/// Fair: readers and writers get the lock in the order in which they came, so a writer that waits
/// is not starved by readers. **A task that reads must not read again before it has let go**: a
/// writer may have come in between, and then all of them wait for ever. There is no poisoning: a
/// task that panics with a guard in its hands unlocks.
///
/// The twin of `tokio::sync::RwLock`; asyncio has none.
///
/// **Cost:** one atomic operation to lock, one to unlock; an inner lock only if somebody waits.
///
/// ```
/// use rondel::sync::RwLock;
///
/// rondel::run(async {
///     let limit = RwLock::new(5);
///     {
///         let one = limit.read().await;
///         let another = limit.read().await; // fine here, as nobody can write in between
///         assert_eq!(*one + *another, 10);
///     }
///     *limit.write().await += 1;
///     assert_eq!(*limit.read().await, 6);
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    cell: PermitCell<Many, T>,
}

impl<T> RwLock<T> {
    /// An unlocked lock.
    pub fn new(value: T) -> Self {
        Self::const_new(value)
    }

    /// An unlocked lock that lets in at most so many readers at once.
    ///
    /// - Panics if `max_reads` is 0, or more than `u32::MAX >> 3`.
    ///
    /// ```
    /// use rondel::sync::RwLock;
    /// let lock = RwLock::with_max_readers((), 1);
    /// let _reader = lock.try_read().unwrap();
    /// assert!(lock.try_read().is_err());
    /// ```
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> Self {
        Self::const_with_max_readers(value, max_reads)
    }

    const_outside_loom! {
        /// [`new`](Self::new) for a `static`.
        ///
        /// ```
        /// use rondel::sync::RwLock;
        /// static NAMES: RwLock<Vec<String>> = RwLock::const_new(Vec::new());
        /// assert!(NAMES.try_read().unwrap().is_empty());
        /// ```
        pub const fn const_new(value: T) -> Self {
            Self::const_with_max_readers(value, READERS_MAX)
        }
    }

    const_outside_loom! {
        /// [`with_max_readers`](Self::with_max_readers) for a `static`.
        ///
        /// - Panics as that does: for a `static`, when it is compiled.
        #[track_caller]
        pub const fn const_with_max_readers(value: T, max_reads: u32) -> Self {
            assert!(
                max_reads <= READERS_MAX,
                "a RwLock may not be created with more than 536870911 readers"
            );
            let Some(readers) = NonZeroU32::new(max_reads) else {
                panic!("a RwLock may not be created with 0 readers");
            };
            Self { cell: PermitCell::with_permits(readers, value) }
        }
    }

    /// The value, out of its lock.
    pub fn into_inner(self) -> T {
        self.cell.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    fn cell(&self) -> &PermitCell<Many, T> {
        &self.cell
    }

    /// Waits until nobody writes, and nobody who came earlier wants to.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** one atomic operation if it may come in.
    #[inline]
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard::new(leaf("RwLock::read", self.cell.read()).await)
    }

    /// [`read`](Self::read), and parks the thread meanwhile: for code that is not async.
    ///
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        park::wait("RwLock::blocking_read", self.read())
    }

    /// [`read`](Self::read) with a guard that may outlive this borrow, to move into a task for
    /// example.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** as [`read`](Self::read).
    ///
    /// ```
    /// use rondel::sync::RwLock;
    /// use std::sync::Arc;
    ///
    /// rondel::run(async {
    ///     let lock = Arc::new(RwLock::new(5));
    ///     let guard = lock.clone().read_owned().await;
    ///     assert_eq!(rondel::spawn(async move { *guard }).await.unwrap(), 5);
    /// });
    /// ```
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockReadGuard::new(Hold::read_owned("RwLock::read_owned", self, Self::cell).await)
    }

    /// Reads if nobody writes and nobody waits.
    ///
    /// - Errors if somebody does, or as many read as may.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.cell.try_read().map(RwLockReadGuard::new).ok_or(TryLockError(()))
    }

    /// [`try_read`](Self::try_read) for a guard that may outlive this borrow.
    ///
    /// - Errors as that does.
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        let hold = Hold::try_read_owned(self, Self::cell).ok_or(TryLockError(()))?;
        Ok(OwnedRwLockReadGuard::new(hold))
    }

    /// Waits until the lock is free of readers and writers, and of those who came earlier.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue; readers behind it go on.
    /// **Cost:** one atomic operation if it is free.
    #[inline]
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard::new(leaf("RwLock::write", self.cell.write()).await)
    }

    /// [`write`](Self::write), and parks the thread meanwhile: for code that is not async.
    ///
    /// - Panics inside a running loop.
    ///
    /// ```
    /// use rondel::sync::RwLock;
    /// let lock = RwLock::new(1);
    /// *lock.blocking_write() += 1;
    /// assert_eq!(*lock.blocking_read(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        park::wait("RwLock::blocking_write", self.write())
    }

    /// [`write`](Self::write) with a guard that may outlive this borrow, to move into a task for
    /// example.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue; readers behind it go on.
    /// **Cost:** as [`write`](Self::write).
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        OwnedRwLockWriteGuard::new(
            HoldAll::write_owned("RwLock::write_owned", self, Self::cell).await,
        )
    }

    /// Writes if nobody reads, writes or waits.
    ///
    /// - Errors if somebody does.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.cell.try_write().map(RwLockWriteGuard::new).ok_or(TryLockError(()))
    }

    /// [`try_write`](Self::try_write) for a guard that may outlive this borrow.
    ///
    /// - Errors as that does.
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        let hold = HoldAll::try_write_owned(self, Self::cell).ok_or(TryLockError(()))?;
        Ok(OwnedRwLockWriteGuard::new(hold))
    }

    /// The value, without locking: `&mut self` says that nobody else is there.
    pub fn get_mut(&mut self) -> &mut T {
        self.cell.get_mut()
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(value) => out.field("data", &&*value),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}

//! Floor 5. One at a time, also across an `.await`.
//!
//! The guard may be held while its task waits, and whoever wants the lock then waits as a task, not
//! as a thread. The lock goes to waiters in the order in which they came. The value sits in
//! `permit_cell.rs`; this file is the coat.
//!
//! Real world: asyncio's `Lock` guards no value; std's `Mutex` is the better one where no `.await`
//! happens under the lock.

use std::error::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::park;
use crate::shim::const_outside_loom;
use crate::sync::permit_cell::{Hold, PermitCell};

/// A value that one task at a time may touch.
///
/// Fair: waiters get the lock in the order in which they came. There is no poisoning: a task that
/// panics with the guard in its hands unlocks.
///
/// The twin of `asyncio.Lock` and of `tokio::sync::Mutex`.
///
/// **Cost:** one atomic operation to lock, one to unlock; an inner lock only if somebody waits.
///
/// ```
/// use rondel::sync::Mutex;
/// use std::sync::Arc;
///
/// rondel::run(async {
///     let count = Arc::new(Mutex::new(0));
///     let other = count.clone();
///     let task = rondel::spawn(async move { *other.lock().await += 1 });
///     *count.lock().await += 1;
///     task.await.unwrap();
///     assert_eq!(*count.lock().await, 2);
/// });
/// ```
pub struct Mutex<T: ?Sized> {
    cell: PermitCell<T>,
}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub fn new(value: T) -> Self {
        Self { cell: PermitCell::new(value) }
    }

    const_outside_loom! {
        /// [`new`](Self::new) for a `static`.
        ///
        /// ```
        /// use rondel::sync::Mutex;
        /// static NAMES: Mutex<Vec<String>> = Mutex::const_new(Vec::new());
        /// assert!(NAMES.try_lock().unwrap().is_empty());
        /// ```
        pub const fn const_new(value: T) -> Self {
            Self { cell: PermitCell::new(value) }
        }
    }

    /// The value, out of its lock.
    pub fn into_inner(self) -> T {
        self.cell.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    fn cell(&self) -> &PermitCell<T> {
        &self.cell
    }

    /// Waits for the lock.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** one atomic operation if it is unlocked.
    #[inline]
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { hold: Hold::wait("Mutex::lock", self, Self::cell).await }
    }

    /// Waits for the lock and parks the thread meanwhile: for code that is not async.
    ///
    /// - Panics inside a running loop.
    ///
    /// ```
    /// use rondel::sync::Mutex;
    /// let count = Mutex::new(1);
    /// *count.blocking_lock() += 1;
    /// assert_eq!(count.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        park::wait("Mutex::blocking_lock", self.lock())
    }

    /// [`blocking_lock`](Self::blocking_lock) for a guard that may outlive this borrow.
    ///
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        park::wait("Mutex::blocking_lock_owned", self.lock_owned())
    }

    /// Waits for the lock; the guard may outlive this borrow, to move into a task for example.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** as [`lock`](Self::lock).
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        OwnedMutexGuard { hold: Hold::wait_owned("Mutex::lock_owned", self, Self::cell).await }
    }

    /// Takes the lock if it is free and nobody waits for it.
    ///
    /// - Errors if it is not.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        let hold = Hold::now(self, Self::cell).ok_or(TryLockError(()))?;
        Ok(MutexGuard { hold })
    }

    /// [`try_lock`](Self::try_lock) for a guard that may outlive this borrow.
    ///
    /// - Errors if it is locked or others wait.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        let hold = Hold::now_owned(self, Self::cell).ok_or(TryLockError(()))?;
        Ok(OwnedMutexGuard { hold })
    }

    /// The value, without locking: `&mut self` says that nobody else is there.
    pub fn get_mut(&mut self) -> &mut T {
        self.cell.get_mut()
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(value) => out.field("data", &&*value),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}

/// The lock of a borrowed [`Mutex`], and the way to its value; unlocks when dropped.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    hold: Hold<&'a Mutex<T>, T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex that `this` has locked.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.hold.keeper()
    }
}

/// The lock of a shared [`Mutex`], and the way to its value; unlocks when dropped.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMutexGuard<T: ?Sized> {
    hold: Hold<Arc<Mutex<T>>, T>,
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// The mutex that `this` has locked.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.hold.keeper()
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.hold
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.hold
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.hold
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.hold
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// The mutex is locked, or others wait for it.
#[derive(Debug)]
pub struct TryLockError(());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl Error for TryLockError {}

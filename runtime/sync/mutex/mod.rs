//! Floor 5. One at a time, also across an `.await`.
//!
//! The guard may be held while its task waits, and whoever wants the lock then waits as a task, not
//! as a thread. The lock goes to waiters in the order in which they came. The value sits in
//! `permit_cell.rs`; this file is the coat, and `mapped.rs` that of the guards for a part of it.
//!
//! Real world: asyncio's `Lock` guards no value; std's `Mutex` is the better one where no `.await`
//! happens under the lock.

mod mapped;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::park;
use crate::leaf::leaf;
use crate::shim::const_outside_loom;
use crate::sync::guard::guard;
use crate::sync::permit_cell::{HoldMut, Lent, One, PermitCell};

pub use mapped::{MappedMutexGuard, OwnedMappedMutexGuard};

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
    cell: PermitCell<One, T>,
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
    fn cell(&self) -> &PermitCell<One, T> {
        &self.cell
    }

    /// Waits for the lock.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** one atomic operation if it is unlocked.
    #[inline]
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { hold: leaf("Mutex::lock", self.cell.lock()).await, mutex: self }
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
        OwnedMutexGuard { hold: HoldMut::lock_owned("Mutex::lock_owned", self, Self::cell).await }
    }

    /// Takes the lock if it is free and nobody waits for it.
    ///
    /// - Errors if it is not.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        let hold = self.cell.try_lock().ok_or(TryLockError(()))?;
        Ok(MutexGuard { hold, mutex: self })
    }

    /// [`try_lock`](Self::try_lock) for a guard that may outlive this borrow.
    ///
    /// - Errors if it is locked or others wait.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        let hold = HoldMut::try_lock_owned(self, Self::cell).ok_or(TryLockError(()))?;
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
///
/// The twin of `tokio::sync::MutexGuard`, and of being inside of asyncio's `async with lock`.
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    hold: HoldMut<One, Lent<'a>, T>,
    mutex: &'a Mutex<T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Keeps the lock, and leads to what `f` finds in the value: one field, for example.
    ///
    /// If `f` panics, the mutex is unlocked.
    ///
    /// ```
    /// use rondel::sync::{Mutex, MutexGuard};
    ///
    /// rondel::run(async {
    ///     let pair = Mutex::new(("one", 1));
    ///     let mut number = MutexGuard::map(pair.lock().await, |pair| &mut pair.1);
    ///     *number += 1;
    ///     assert!(pair.try_lock().is_err());
    ///     drop(number);
    ///     assert_eq!(pair.into_inner(), ("one", 2));
    /// });
    /// ```
    #[inline]
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        MappedMutexGuard::new(this.hold.map(f))
    }

    /// [`map`](Self::map) for something that may not be there.
    ///
    /// - Errors with the guard as it was if `f` finds nothing.
    ///
    /// ```
    /// use rondel::sync::{Mutex, MutexGuard};
    ///
    /// let names = Mutex::new(vec!["a"]);
    /// let guard = names.try_lock().unwrap();
    /// let guard = MutexGuard::try_map(guard, |names| names.get_mut(7)).unwrap_err();
    /// let name = MutexGuard::try_map(guard, |names| names.get_mut(0)).unwrap();
    /// assert_eq!(*name, "a");
    /// ```
    #[inline]
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let mapped = this.hold.try_map(f).map(MappedMutexGuard::new);
        mapped.map_err(|hold| Self { hold, mutex: this.mutex })
    }

    /// The mutex that `this` has locked.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

guard!(mut [T] MutexGuard<'_, T> => T);

/// The lock of a shared [`Mutex`], and the way to its value; unlocks when dropped.
///
/// The twin of `tokio::sync::OwnedMutexGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMutexGuard<T: ?Sized> {
    hold: HoldMut<One, Arc<Mutex<T>>, T>,
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// Keeps the lock, and leads to what `f` finds in the value; see [`MutexGuard::map`].
    ///
    /// If `f` panics, the mutex is unlocked.
    #[inline]
    pub fn map<U, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        OwnedMappedMutexGuard::new(this.hold.map(f))
    }

    /// [`map`](Self::map) for something that may not be there.
    ///
    /// - Errors with the guard as it was if `f` finds nothing.
    #[inline]
    pub fn try_map<U, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let mapped = this.hold.try_map(f).map(OwnedMappedMutexGuard::new);
        mapped.map_err(|hold| Self { hold })
    }

    /// The mutex that `this` has locked.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.hold.keeper()
    }
}

guard!(mut [T] OwnedMutexGuard<T> => T);

/// The [`Mutex`] or [`RwLock`](crate::sync::RwLock) is locked, or others wait for it.
#[derive(Debug)]
pub struct TryLockError(pub(in crate::sync) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl Error for TryLockError {}

//! Floor 5. Guards that write: all permits, and the whole value.
//!
//! Three ways lead on from here:
//!
//! ```text
//!   write guard ──map──────────▶ mapped write guard     still alone, at a part of the value
//!               ──downgrade────▶ read guard             others may read from now on
//!               ──downgrade_map─▶ read guard of a part  both
//! ```
//!
//! There is no way from a mapped write guard to a read guard. Its part may have been found by a
//! function that needs to be alone, `Cell::get_mut` for example, and a reader beside it could
//! change what it looks at.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, RwLock, RwLockMappedWriteGuard,
    RwLockReadGuard,
};
use crate::sync::guard::guard;
use crate::sync::permit_cell::{HoldAll, Lent};

/// The right to write a borrowed [`RwLock`], and the way to its value; unlocks when dropped.
///
/// The twin of `tokio::sync::RwLockWriteGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    hold: HoldAll<Lent<'a>, T>,
    like: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    pub(super) fn new(hold: HoldAll<Lent<'a>, T>) -> Self {
        Self { hold, like: PhantomData }
    }

    /// Goes on writing, and leads to what `f` finds in the value: one field, for example.
    ///
    /// If `f` panics, the lock is unlocked.
    ///
    /// ```
    /// use rondel::sync::{RwLock, RwLockWriteGuard};
    ///
    /// rondel::run(async {
    ///     let pair = RwLock::new(("one", 1));
    ///     *RwLockWriteGuard::map(pair.write().await, |pair| &mut pair.1) += 1;
    ///     assert_eq!(*pair.read().await, ("one", 2));
    /// });
    /// ```
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        RwLockMappedWriteGuard::new(this.hold.map(f))
    }

    /// [`map`](Self::map) for something that may not be there.
    ///
    /// - Errors with the guard as it was if `f` finds nothing.
    #[inline]
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        this.hold.try_map(f).map(RwLockMappedWriteGuard::new).map_err(Self::new)
    }

    /// The same guard, as a mapped one.
    #[inline]
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        Self::map(this, |value| value)
    }

    /// Goes on as a reader. Nobody can write in between; readers who wait in front are let in.
    ///
    /// ```
    /// use rondel::sync::RwLock;
    ///
    /// rondel::run(async {
    ///     let lock = RwLock::new(1);
    ///     let mut writer = lock.write().await;
    ///     *writer += 1;
    ///     let reader = writer.downgrade();
    ///     assert_eq!((*reader, *lock.read().await), (2, 2));
    ///     assert!(lock.try_write().is_err());
    /// });
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard::new(self.hold.downgrade())
    }

    /// [`downgrade`](Self::downgrade) and [`RwLockReadGuard::map`] in one. `f` runs before others
    /// are let in; if it panics, the lock is unlocked.
    #[inline]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        RwLockReadGuard::new(this.hold.downgrade_map(f))
    }

    /// [`downgrade_map`](Self::downgrade_map) for something that may not be there.
    ///
    /// - Errors with the guard as it was, that may write, if `f` finds nothing.
    ///
    /// ```
    /// use rondel::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let names = RwLock::new(vec![]);
    /// let writer = names.try_write().unwrap();
    /// let mut writer = RwLockWriteGuard::try_downgrade_map(writer, |n| n.first()).unwrap_err();
    /// writer.push(7);
    /// let reader = RwLockWriteGuard::try_downgrade_map(writer, |n| n.first()).unwrap();
    /// assert_eq!(*reader, 7);
    /// ```
    #[inline]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        this.hold.try_downgrade_map(f).map(RwLockReadGuard::new).map_err(Self::new)
    }
}

guard!(mut [T] RwLockWriteGuard<'_, T> => T);

/// The right to write a shared [`RwLock`], and the way to its value; unlocks when dropped.
///
/// The twin of `tokio::sync::OwnedRwLockWriteGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    hold: HoldAll<Arc<RwLock<T>>, T>,
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    pub(super) fn new(hold: HoldAll<Arc<RwLock<T>>, T>) -> Self {
        Self { hold }
    }

    /// Goes on writing, and leads to what `f` finds in the value; see [`RwLockWriteGuard::map`].
    ///
    /// If `f` panics, the lock is unlocked.
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        OwnedRwLockMappedWriteGuard::new(this.hold.map(f))
    }

    /// [`map`](Self::map) for something that may not be there.
    ///
    /// - Errors with the guard as it was if `f` finds nothing.
    #[inline]
    pub fn try_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        this.hold.try_map(f).map(OwnedRwLockMappedWriteGuard::new).map_err(Self::new)
    }

    /// The same guard, as a mapped one.
    #[inline]
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        Self::map(this, |value| value)
    }

    /// Goes on as a reader; see [`RwLockWriteGuard::downgrade`].
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockReadGuard::new(self.hold.downgrade())
    }

    /// [`downgrade`](Self::downgrade) and [`OwnedRwLockReadGuard::map`] in one. `f` runs before
    /// others are let in; if it panics, the lock is unlocked.
    #[inline]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        OwnedRwLockReadGuard::new(this.hold.downgrade_map(f))
    }

    /// [`downgrade_map`](Self::downgrade_map) for something that may not be there.
    ///
    /// - Errors with the guard as it was, that may write, if `f` finds nothing.
    #[inline]
    pub fn try_downgrade_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        this.hold.try_downgrade_map(f).map(OwnedRwLockReadGuard::new).map_err(Self::new)
    }

    /// The lock that `this` writes.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.hold.keeper()
    }
}

guard!(mut [T] OwnedRwLockWriteGuard<T> => T);

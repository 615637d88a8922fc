//! Floor 5. Guards that read: one permit of many.
//!
//! A reader's guard that was mapped to a part is of the same type as before: all it ever gives is
//! a `&`, and that of a part is not less than that of the whole.

use std::marker::PhantomData;
use std::sync::Arc;

use super::RwLock;
use crate::sync::guard::guard;
use crate::sync::permit_cell::{Hold, Lent, One};

/// The right to read a borrowed [`RwLock`], and the way to its value or a part of it; given back
/// when dropped.
///
/// The twin of `tokio::sync::RwLockReadGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    hold: Hold<One, Lent<'a>, T>,
    like: PhantomData<&'a T>,
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    pub(super) fn new(hold: Hold<One, Lent<'a>, T>) -> Self {
        Self { hold, like: PhantomData }
    }

    /// Goes on reading, and leads to what `f` finds in the value: one field, for example.
    ///
    /// If `f` panics, the lock is given back.
    ///
    /// ```
    /// use rondel::sync::{RwLock, RwLockReadGuard};
    ///
    /// rondel::run(async {
    ///     let pair = RwLock::new(("one", 1));
    ///     let name = RwLockReadGuard::map(pair.read().await, |pair| pair.0);
    ///     assert_eq!(&*name, "one");
    ///     assert!(pair.try_write().is_err());
    /// });
    /// ```
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        RwLockReadGuard::new(this.hold.map(f))
    }

    /// [`map`](Self::map) for something that may not be there.
    ///
    /// - Errors with the guard as it was if `f` finds nothing.
    ///
    /// ```
    /// use rondel::sync::{RwLock, RwLockReadGuard};
    ///
    /// let names = RwLock::new(vec!["a"]);
    /// let guard = names.try_read().unwrap();
    /// let guard = RwLockReadGuard::try_map(guard, |names| names.get(7)).unwrap_err();
    /// let name = RwLockReadGuard::try_map(guard, |names| names.get(0)).unwrap();
    /// assert_eq!(*name, "a");
    /// ```
    #[inline]
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        this.hold.try_map(f).map(RwLockReadGuard::new).map_err(Self::new)
    }
}

guard!([T] RwLockReadGuard<'_, T> => T);

/// The right to read a shared [`RwLock`], and the way to its value or a part of it; given back when
/// dropped.
///
/// The twin of `tokio::sync::OwnedRwLockReadGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    hold: Hold<One, Arc<RwLock<T>>, U>,
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    pub(super) fn new(hold: Hold<One, Arc<RwLock<T>>, U>) -> Self {
        Self { hold }
    }

    /// Goes on reading, and leads to what `f` finds in the value; see [`RwLockReadGuard::map`].
    ///
    /// If `f` panics, the lock is given back.
    #[inline]
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        OwnedRwLockReadGuard::new(this.hold.map(f))
    }

    /// [`map`](Self::map) for something that may not be there.
    ///
    /// - Errors with the guard as it was if `f` finds nothing.
    #[inline]
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        this.hold.try_map(f).map(OwnedRwLockReadGuard::new).map_err(Self::new)
    }

    /// The lock that `this` reads.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.hold.keeper()
    }
}

guard!([T, U] OwnedRwLockReadGuard<T, U> => U);

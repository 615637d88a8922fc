//! Floor 5. Guards that write a part of the value, and keep everybody from the whole.
//!
//! Made by `RwLockWriteGuard::map` and its kin; `write.rs` says why they cannot be downgraded, and
//! `mutex/mapped.rs` why this must not compile:
//!
//! ```compile_fail
//! use rondel::sync::RwLockMappedWriteGuard as Guard;
//!
//! fn shorter<'a>(guard: Guard<'a, &'static str>) -> Guard<'a, &'a str> {
//!     guard
//! }
//! ```

use std::marker::PhantomData;
use std::sync::Arc;

use super::RwLock;
use crate::sync::guard::guard;
use crate::sync::permit_cell::{HoldMut, Lent, Many};

/// The right to write a borrowed [`RwLock`], and the way to a part of its value; unlocks when
/// dropped. Made by [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map).
///
/// The twin of `tokio::sync::RwLockMappedWriteGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    hold: HoldMut<Many, Lent<'a>, T>,
    like: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    pub(super) fn new(hold: HoldMut<Many, Lent<'a>, T>) -> Self {
        Self { hold, like: PhantomData }
    }

    /// Goes on writing, and leads on to what `f` finds; see
    /// [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map).
    ///
    /// If `f` panics, the lock is unlocked.
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
}

guard!(mut [T] RwLockMappedWriteGuard<'_, T> => T);

/// The right to write a shared [`RwLock`], and the way to a part of its value; unlocks when
/// dropped. Made by [`OwnedRwLockWriteGuard::map`](super::OwnedRwLockWriteGuard::map).
///
/// The twin of `tokio::sync::OwnedRwLockMappedWriteGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    hold: HoldMut<Many, Arc<RwLock<T>>, U>,
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    pub(super) fn new(hold: HoldMut<Many, Arc<RwLock<T>>, U>) -> Self {
        Self { hold }
    }

    /// Goes on writing, and leads on to what `f` finds; see
    /// [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map).
    ///
    /// If `f` panics, the lock is unlocked.
    #[inline]
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        OwnedRwLockMappedWriteGuard::new(this.hold.map(f))
    }

    /// [`map`](Self::map) for something that may not be there.
    ///
    /// - Errors with the guard as it was if `f` finds nothing.
    #[inline]
    pub fn try_map<F, V: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        this.hold.try_map(f).map(OwnedRwLockMappedWriteGuard::new).map_err(Self::new)
    }

    /// The lock that `this` writes.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.hold.keeper()
    }
}

guard!(mut [T, U] OwnedRwLockMappedWriteGuard<T, U> => U);

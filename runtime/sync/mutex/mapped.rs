//! Floor 5. Guards of a mutex that lead to a part of its value.
//!
//! `MutexGuard::map` trades a guard for one of these. A function can thus hand out the one field
//! that concerns its caller, and the lock with it, without saying what else is in there.
//!
//! A guard of a `&'static str` must not pass for one of a `&'a str`, though the other way would do
//! for reading: whoever had it could put a string in that dies before the mutex does.
//!
//! ```compile_fail
//! use rondel::sync::MappedMutexGuard;
//!
//! fn shorter<'a>(guard: MappedMutexGuard<'a, &'static str>) -> MappedMutexGuard<'a, &'a str> {
//!     guard
//! }
//! ```
//!
//! Real world: asyncio's `Lock` has no value to take parts of; std's `Mutex` has the same guards,
//! not yet stable.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Mutex;
use crate::sync::guard::guard;
use crate::sync::permit_cell::{HoldMut, Lent, One};

/// The lock of a borrowed [`Mutex`], and the way to a part of its value; unlocks when dropped. Made
/// by [`MutexGuard::map`](super::MutexGuard::map).
///
/// The twin of `tokio::sync::MappedMutexGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    hold: HoldMut<One, Lent<'a>, T>,
    like: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    pub(super) fn new(hold: HoldMut<One, Lent<'a>, T>) -> Self {
        Self { hold, like: PhantomData }
    }

    /// Keeps the lock, and leads on to what `f` finds; see
    /// [`MutexGuard::map`](super::MutexGuard::map).
    ///
    /// If `f` panics, the mutex is unlocked.
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
    #[inline]
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        this.hold.try_map(f).map(MappedMutexGuard::new).map_err(Self::new)
    }
}

guard!(mut [T] MappedMutexGuard<'_, T> => T);

/// The lock of a shared [`Mutex`], and the way to a part of its value; unlocks when dropped. Made
/// by [`OwnedMutexGuard::map`](super::OwnedMutexGuard::map).
///
/// The twin of `tokio::sync::OwnedMappedMutexGuard`.
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    hold: HoldMut<One, Arc<Mutex<T>>, U>,
    /// The bounds of `Sync` that the hold does not ask for, but tokio does: `T: Sync`, `U: Send`.
    like: PhantomData<(Box<T>, Box<Mutex<U>>)>,
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    pub(super) fn new(hold: HoldMut<One, Arc<Mutex<T>>, U>) -> Self {
        Self { hold, like: PhantomData }
    }

    /// Keeps the lock, and leads on to what `f` finds; see
    /// [`MutexGuard::map`](super::MutexGuard::map).
    ///
    /// If `f` panics, the mutex is unlocked.
    #[inline]
    pub fn map<S, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> &mut S,
    {
        OwnedMappedMutexGuard::new(this.hold.map(f))
    }

    /// [`map`](Self::map) for something that may not be there.
    ///
    /// - Errors with the guard as it was if `f` finds nothing.
    #[inline]
    pub fn try_map<S, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        this.hold.try_map(f).map(OwnedMappedMutexGuard::new).map_err(Self::new)
    }
}

guard!(mut [T, U] OwnedMappedMutexGuard<T, U> => U);

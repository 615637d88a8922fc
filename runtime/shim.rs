//! Floor 1. The one door to atomics, locks and cells, so that loom can stand behind it.
//!
//! The engine takes its shared memory from here and from nowhere else. `tests/loom.rs` compiles the
//! same source files with a shim of its own that hands out loom's versions, and so checks the code
//! that ships, not a copy of it.
//!
//! Loom runs a small program in every order in which its threads could interleave, and with the
//! old values that a relaxed load may still return. For that it must be told of each access; so a
//! cell is read in a closure, whose beginning and end it sees, and not through a pointer that
//! lives on.
//!
//! Rules
//! 1. No module of the engine names `std::sync::atomic`, `std::cell::UnsafeCell`,
//!    `std::sync::Mutex` or `RwLock` where another thread could look.
//! 2. A poisoned lock is taken all the same: no engine code panics while it holds one, and a user's
//!    closure that does has left a value of which only the user knows what it means.

#![allow(unused_imports, unused_macros, dead_code)] // each back end of the shim offers the same set

pub(crate) use std::cell::Cell;
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::thread_local;

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        fence,
    };
}

/// `std::cell::UnsafeCell` with loom's way in: the pointer lives only as long as the closure runs.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Hands out a pointer to read through.
    #[inline(always)]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    /// Hands out a pointer to write through.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Makes a constructor `const`. Loom's atomics are born at run time, so its twin leaves that out.
macro_rules! const_outside_loom {
    ($(#[$doc:meta])* $vis:vis const fn $($rest:tt)*) => { $(#[$doc])* $vis const fn $($rest)* };
}
pub(crate) use const_outside_loom;

/// Locks, poisoned or not (rule 2).
#[inline]
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Locks for reading, poisoned or not.
#[inline]
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Locks for writing, poisoned or not.
#[inline]
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

//! The twin of `runtime/shim.rs`: the same names, loom's versions.

pub use loom::cell::{Cell, UnsafeCell};
pub use loom::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub mod atomic {
    pub use loom::sync::atomic::{
        AtomicBool, AtomicIsize, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// Leaves out the `const`: loom's thread-locals are born at run time.
macro_rules! local {
    ($(#[$attr:meta])* static $name:ident: $kind:ty = const { $init:expr };) => {
        loom::thread_local! { $(#[$attr])* static $name: $kind = $init; }
    };
}
pub(crate) use local as thread_local;

/// Leaves out the `const`: loom's atomics are born at run time.
macro_rules! const_outside_loom {
    ($(#[$doc:meta])* $vis:vis const fn $($rest:tt)*) => { $(#[$doc])* $vis fn $($rest)* };
}
pub(crate) use const_outside_loom;

/// Locks, poisoned or not.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Locks for reading, poisoned or not.
pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Locks for writing, poisoned or not.
pub fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

//! The twin of `runtime/shim.rs`: the same names, loom's versions.

pub use loom::cell::{Cell, UnsafeCell};
pub use loom::sync::{Arc, Mutex, MutexGuard};
pub use loom::thread_local;

pub mod atomic {
    pub use loom::sync::atomic::{
        AtomicBool, AtomicIsize, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// Leaves out the `const`: loom's atomics are born at run time.
macro_rules! const_outside_loom {
    ($(#[$doc:meta])* $vis:vis const fn $($rest:tt)*) => { $(#[$doc])* $vis fn $($rest)* };
}
pub(crate) use const_outside_loom;

/// Locks, poisoned or not.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

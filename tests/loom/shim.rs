//! The twin of `runtime/shim.rs`: the same names, loom's versions.

pub use loom::cell::{Cell, UnsafeCell};
pub use loom::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Loom's atomics; see [`STRICT`](atomic::STRICT).
pub mod atomic {
    use std::cell::Cell;

    pub use loom::sync::atomic::{AtomicPtr, Ordering, fence};

    std::thread_local! {
        /// Whether each access to a word is preceded by an exchange on another word that stands for
        /// it. Loom remembers only the last access to a word, and so forgets a load once another
        /// thread has loaded the word, too; it then misses the orders in which that load comes
        /// later. An exchange is never forgotten.
        pub static STRICT: Cell<bool> = const { Cell::new(false) };
    }

    /// Loom's `$Atomic` and the word that stands for it, with the methods that the engine uses.
    macro_rules! atomic {
        ($($Atomic:ident($kind:ty): $($fetch:ident)*;)*) => {$(
            #[derive(Debug, Default)]
            pub struct $Atomic {
                word: loom::sync::atomic::$Atomic,
                access: loom::sync::atomic::AtomicUsize,
            }

            impl $Atomic {
                pub fn new(value: $kind) -> Self {
                    let word = loom::sync::atomic::$Atomic::new(value);
                    Self { word, access: loom::sync::atomic::AtomicUsize::new(0) }
                }

                fn word(&self) -> &loom::sync::atomic::$Atomic {
                    if STRICT.get() {
                        self.access.fetch_add(1, Ordering::Relaxed); // orders nothing
                    }
                    &self.word
                }

                pub fn load(&self, order: Ordering) -> $kind {
                    self.word().load(order)
                }

                pub fn store(&self, value: $kind, order: Ordering) {
                    self.word().store(value, order);
                }

                pub fn swap(&self, value: $kind, order: Ordering) -> $kind {
                    self.word().swap(value, order)
                }

                pub fn compare_exchange(
                    &self,
                    current: $kind,
                    new: $kind,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$kind, $kind> {
                    self.word().compare_exchange(current, new, success, failure)
                }

                pub fn compare_exchange_weak(
                    &self,
                    current: $kind,
                    new: $kind,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$kind, $kind> {
                    self.compare_exchange(current, new, success, failure)
                }

                pub fn fetch_update(
                    &self,
                    set: Ordering,
                    fetch: Ordering,
                    update: impl FnMut($kind) -> Option<$kind>,
                ) -> Result<$kind, $kind> {
                    self.word().fetch_update(set, fetch, update)
                }

                $(pub fn $fetch(&self, value: $kind, order: Ordering) -> $kind {
                    self.word().$fetch(value, order)
                })*
            }
        )*};
    }

    atomic! {
        AtomicBool(bool): fetch_or fetch_and;
        AtomicIsize(isize): fetch_add fetch_sub fetch_or fetch_and;
        AtomicU8(u8): fetch_add fetch_sub fetch_or fetch_and;
        AtomicU32(u32): fetch_add fetch_sub fetch_or fetch_and;
        AtomicU64(u64): fetch_add fetch_sub fetch_or fetch_and;
        AtomicUsize(usize): fetch_add fetch_sub fetch_or fetch_and;
    }
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

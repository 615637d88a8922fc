//! Floor 5. A value that only the holder of a permit may touch.
//!
//! ```text
//!   PermitCell { wait list with 1 permit, value }
//!        ▲ kept alive by                     ▲ &mut, as long as the permit is held
//!   Hold { keeper: &Mutex or Arc<Mutex>, cell ┘ }
//! ```
//!
//! The locks of `sync` are safe code around this: they wait here, and wrap the [`Hold`] they get.
//!
//! Rules
//! 1. The list has one permit, never more. A [`Hold`] is made when it was taken and gives it back
//!    when it is dropped; nothing else takes or gives it.
//! 2. The value is reached through the `Hold`, or through `&mut PermitCell`, which no `Hold` can
//!    outlive or overlap, as its keeper borrows or shares the owner of the cell.
//! 3. A keeper is a shared reference or an `Arc`. What it points to does not move, is not dropped
//!    and is not borrowed mutably as long as the keeper lives.
//!
//! Real world: tokio's `Mutex` is the same pair, a semaphore of one permit and a cell; std's mutex
//! has the futex word in the place of the list.

#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::leaf::leaf;
use crate::shim::{UnsafeCell, const_outside_loom};
use crate::wait_list::WaitList;

/// A value and the one permit to touch it.
pub(crate) struct PermitCell<T: ?Sized> {
    list: WaitList,
    value: UnsafeCell<T>,
}

// SAFETY: exclusive. Sharing the cell only ever moves the right to the value from one thread to
// another, one at a time, and the release of the permit is ordered before its next acquire; see
// rule 1. So `T: Send` is enough.
unsafe impl<T: ?Sized + Send> Sync for PermitCell<T> {}

impl<T> PermitCell<T> {
    const_outside_loom! {
        /// A cell whose permit is free.
        pub(crate) const fn new(value: T) -> Self {
            Self { list: WaitList::new(1), value: UnsafeCell::new(value) }
        }
    }

    pub(crate) fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> PermitCell<T> {
    /// The value, for the one who has the whole cell.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        // SAFETY: exclusive. `&mut self` says that no `Hold` exists; see rule 2.
        self.value.with_mut(|value| unsafe { &mut *value })
    }
}

/// The permit of a cell, and the way to its value.
pub(crate) struct Hold<K, T: ?Sized> {
    cell: NonNull<PermitCell<T>>,
    keeper: K,
}

// SAFETY: exclusive. A `Hold` is a `&mut T` with a keeper beside it, and the permit can be given
// back from any thread; see rule 1.
unsafe impl<K: Send, T: ?Sized + Send> Send for Hold<K, T> {}
// SAFETY: alive. A shared `Hold` gives a `&T` and a `&K`, nothing else; see rule 2.
unsafe impl<K: Sync, T: ?Sized + Sync> Sync for Hold<K, T> {}

impl<'a, M: ?Sized, T: ?Sized + 'a> Hold<&'a M, T> {
    /// Waits for the permit of the cell that `find` finds in `keeper`.
    #[inline]
    pub(crate) async fn wait(
        name: &'static str,
        keeper: &'a M,
        find: impl FnOnce(&'a M) -> &'a PermitCell<T>,
    ) -> Self {
        let cell = find(keeper);
        let _ = leaf(name, cell.list.acquire(1)).await; // no error: it is never closed
        Self { cell: NonNull::from(cell), keeper }
    }

    /// Takes the permit if it is free and nobody waits for it.
    #[inline]
    pub(crate) fn now(
        keeper: &'a M,
        find: impl FnOnce(&'a M) -> &'a PermitCell<T>,
    ) -> Option<Self> {
        let cell = find(keeper);
        cell.list.try_acquire(1).ok()?;
        Some(Self { cell: NonNull::from(cell), keeper })
    }
}

impl<M: ?Sized, T: ?Sized> Hold<Arc<M>, T> {
    /// Waits for the permit of the cell that `find` finds in `keeper`.
    pub(crate) async fn wait_owned(
        name: &'static str,
        keeper: Arc<M>,
        find: impl FnOnce(&M) -> &PermitCell<T>,
    ) -> Self {
        let cell = {
            let cell = find(&keeper);
            let _ = leaf(name, cell.list.acquire(1)).await; // no error: it is never closed
            NonNull::from(cell)
        };
        Self { cell, keeper }
    }

    /// Takes the permit if it is free and nobody waits for it.
    pub(crate) fn now_owned(
        keeper: Arc<M>,
        find: impl FnOnce(&M) -> &PermitCell<T>,
    ) -> Option<Self> {
        let cell = {
            let cell = find(&keeper);
            cell.list.try_acquire(1).ok()?;
            NonNull::from(cell)
        };
        Some(Self { cell, keeper })
    }
}

impl<K, T: ?Sized> Hold<K, T> {
    /// What keeps the cell alive.
    pub(crate) fn keeper(&self) -> &K {
        &self.keeper
    }

    #[inline]
    fn cell(&self) -> &PermitCell<T> {
        // SAFETY: alive. `cell` was found in what `keeper` points to; see rule 3.
        unsafe { self.cell.as_ref() }
    }
}

impl<K, T: ?Sized> Deref for Hold<K, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: exclusive. We have the permit, and `&self` keeps `deref_mut` away; see rule 2.
        self.cell().value.with(|value| unsafe { &*value })
    }
}

impl<K, T: ?Sized> DerefMut for Hold<K, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: exclusive. We have the permit, and `&mut self`; see rule 2.
        self.cell().value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<K, T: ?Sized> Drop for Hold<K, T> {
    #[inline]
    fn drop(&mut self) {
        self.cell().list.release(1);
    }
}

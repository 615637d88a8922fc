//! Floor 1. A part of a loop: its thread's alone, or within reach of a neighbour.
//!
//! A local loop owns its wheel and its sockets, and touches them without a lock. A worker of the
//! stealing flavour mostly does the same; but its tasks may be robbed and their sockets and timers
//! are not, and while it is stuck in a long poll a neighbour looks after them (`outlook.rs`). So
//! each is in a lock there, which is almost always free (14 ns).
//!
//! ```text
//!   Own       RefCell   0.5 ns   who borrows twice is a bug, and panics
//!   Common    Mutex     14 ns    who locks twice would wait for ever: the same bug
//! ```
//!
//! Rules
//! 1. What is borrowed is given back before anybody else's code runs, wakers first of all.
//!
//! Real world: tokio locks in both flavours.

use crate::shim::{Arc, Mutex, MutexGuard, lock};
use std::cell::{RefCell, RefMut};
use std::ops::{Deref, DerefMut};
use std::sync::TryLockError;

/// See the head of the file.
pub(crate) enum Part<T> {
    Own(RefCell<T>),
    Common(Arc<Mutex<T>>),
}

/// A part in use.
pub(crate) enum Borrowed<'a, T> {
    Own(RefMut<'a, T>),
    Common(MutexGuard<'a, T>),
}

impl<T> Part<T> {
    pub(crate) fn own(value: T) -> Self {
        Self::Own(RefCell::new(value))
    }

    #[inline]
    pub(crate) fn borrow(&self) -> Borrowed<'_, T> {
        match self {
            Self::Own(cell) => Borrowed::Own(cell.borrow_mut()),
            Self::Common(mutex) => Borrowed::Common(lock(mutex)),
        }
    }

    /// The same, unless somebody has it.
    pub(crate) fn try_borrow(&self) -> Option<Borrowed<'_, T>> {
        match self {
            Self::Own(cell) => cell.try_borrow_mut().ok().map(Borrowed::Own),
            Self::Common(mutex) => match mutex.try_lock() {
                Ok(guard) => Some(Borrowed::Common(guard)),
                Err(TryLockError::Poisoned(poison)) => Some(Borrowed::Common(poison.into_inner())),
                Err(TryLockError::WouldBlock) => None,
            },
        }
    }
}

impl<T> Deref for Borrowed<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Own(value) => value,
            Self::Common(value) => value,
        }
    }
}

impl<T> DerefMut for Borrowed<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Own(value) => value,
            Self::Common(value) => value,
        }
    }
}

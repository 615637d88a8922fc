//! Floor 2. What lies open on a worker's desk: the task it will run next, and how far it has come.
//!
//! ```text
//!   the worker:     puts the task woken last down, takes it up; counts the tasks that it takes
//!   a neighbour:    sees that the count stands still, and takes the task away
//! ```
//!
//! The task woken last could lie where only its worker can reach it, and would cost no locked
//! instruction then. But a worker may be stuck in a long poll, and the task be its hostage.
//!
//! Rules
//! 1. The pointer in `next` stands for one counted reference, and belongs to whoever swapped it
//!    out.
//!
//! Unsafe lives here because an atomic word can hold a pointer, but no counted reference.
//!
//! Real world: the slot of tokio's workers is theirs alone; Go's `runnext` is robbed as a last
//! resort, after a pause of 3 microseconds.

#![allow(unsafe_code)]

use crate::shim::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::task::cell::TaskRef;
use crate::task::waker::Sleeper;
use std::mem::ManuallyDrop;
use std::ptr;

pub(crate) struct Desk {
    next: AtomicPtr<()>,
    beat: AtomicU32,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { next: AtomicPtr::new(ptr::null_mut()), beat: AtomicU32::new(0) }
    }

    /// Puts `task` down; returns the one that lay there.
    #[inline]
    pub(crate) fn put(&self, task: TaskRef) -> Option<TaskRef> {
        let task = ManuallyDrop::new(task);
        self.swap(task.as_raw().cast_mut())
    }

    /// Takes the task up that lies there.
    #[inline]
    pub(crate) fn take(&self) -> Option<TaskRef> {
        if self.is_empty() { None } else { self.swap(ptr::null_mut()) }
    }

    fn swap(&self, new: *mut ()) -> Option<TaskRef> {
        // AcqRel: pairs with itself. What was done with the task before it was put down comes
        // before it is taken up.
        let old = self.next.swap(new, Ordering::AcqRel);
        if old.is_null() {
            return None;
        }
        // SAFETY: alive. It came from a forgotten `TaskRef`, and is ours now; see rule 1.
        Some(unsafe { TaskRef::from_raw(old) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: a hint; its own worker knows it for certain.
        self.next.load(Ordering::Relaxed).is_null()
    }

    /// The worker takes a task; returns how many it has taken.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        // Relaxed: only the worker writes, and the others only want to see it move.
        let beat = self.beat.load(Ordering::Relaxed).wrapping_add(1);
        self.beat.store(beat, Ordering::Relaxed);
        beat
    }

    pub(crate) fn beat(&self) -> u32 {
        self.beat.load(Ordering::Relaxed)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.take());
    }
}

//! Floor 1. The waker of a task: a `TaskRef` behind the standard library's vtable of four
//! functions.
//!
//! | function | who calls it | here | count |
//! |---|---|---|---|
//! | `clone` | a future that returns `Pending` and wants to be woken | one more reference | +1 |
//! | `wake` | who has what the future waits for; gives the waker up | into the queue | 0 |
//! | `wake_by_ref` | the same, but keeps it | into the queue, if the task is idle | +1 or 0 |
//! | `drop` | a future that is ready, or dropped, before it was woken | one reference less | -1 |
//!
//! At home each of the four is a comparison of one thread-local word and a plain add. A waker that
//! is an `Arc`, as `std::task::Wake` makes it, takes 13 ns for a clone and a drop; this one 1.
//!
//! Rules
//! 1. The data pointer of a `Waker` made here is a counted `TaskRef`, given out by `into_raw`.
//! 2. The waker that a poll gets is lent: it stands for the reference that the loop holds while it
//!    polls, and is never dropped. So a poll that clones no waker touches no count.
//!
//! Unsafe lives here because `RawWaker` is made of untyped pointers.
//!
//! Real world: asyncio's waker is the bound method `Task.__step`, which `call_soon` puts into the
//! ready queue; tokio's is this one with an atomic count.

#![allow(unsafe_code)]

use super::cell::{Header, TaskRef};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that is not counted, good while the `TaskRef` lives (rule 2).
pub(super) struct Lent<'a> {
    waker: ManuallyDrop<Waker>,
    _task: &'a TaskRef,
}

impl Deref for Lent<'_> {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.waker
    }
}

/// Lends the task's waker.
#[inline]
pub(super) fn lend(task: &TaskRef) -> Lent<'_> {
    let data = task.as_raw().as_ptr().cast_const().cast();
    // SAFETY: alive. `Lent` borrows the reference and never drops the waker; see rule 2.
    let waker = unsafe { Waker::new(data, &VTABLE) };
    Lent { waker: ManuallyDrop::new(waker), _task: task }
}

/// The reference behind the data pointer, not to be dropped.
///
/// # Safety
///
/// `data` must be the data pointer of a waker made here.
unsafe fn borrow(data: *const ()) -> ManuallyDrop<TaskRef> {
    // SAFETY: alive. Passed on from the contract; the reference stays with the waker.
    ManuallyDrop::new(unsafe { own(data) })
}

/// Takes the reference out of the data pointer.
///
/// # Safety
///
/// `data` must be the data pointer of a waker made here, and the waker must be given up.
unsafe fn own(data: *const ()) -> TaskRef {
    // SAFETY: never null. It came from a `NonNull`; see rule 1.
    let header = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Header>()) };
    // SAFETY: alive. It stands for one counted reference; see rule 1.
    unsafe { TaskRef::from_raw(header) }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: alive. `RawWaker` passes the pointer of a live waker.
    let task = unsafe { borrow(data) };
    let another = TaskRef::clone(&task).into_raw();
    RawWaker::new(another.as_ptr().cast_const().cast(), &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: alive. `wake` gives the waker up.
    unsafe { own(data) }.wake();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: alive. `RawWaker` passes the pointer of a live waker.
    unsafe { borrow(data) }.wake_by_ref();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: alive. The waker is being dropped.
    drop(unsafe { own(data) });
}

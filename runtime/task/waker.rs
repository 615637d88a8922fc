//! Floor 1. Wakers: a `TaskRef`, or for the root future a `HomeRef`, behind the standard library's
//! vtable of four functions.
//!
//! Rules
//! 1. The data pointer of a `Waker` made here is a counted `TaskRef`, given out by `into_raw`.
//! 2. The waker that a poll gets is lent: it stands for the reference that the loop holds while it
//!    polls, and is never dropped. So a poll that clones no waker touches no count.
//! 3. The data pointer of a root waker is a counted `HomeRef`, given out by `into_raw`. So a root
//!    that waits for its tasks pays no locked instruction.
//!
//! Unsafe lives here because `RawWaker` is made of untyped pointers.

#![allow(unsafe_code)]

use super::cell::{Header, TaskRef};
use super::home::{Home, HomeRef};
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

static ROOT_VTABLE: RawWakerVTable =
    RawWakerVTable::new(root_clone, root_wake, root_wake_by_ref, root_drop);

/// The waker of the future given to `block_on`.
pub(crate) fn of_root(home: HomeRef) -> Waker {
    let data = home.into_raw().as_ptr().cast_const().cast();
    // SAFETY: alive. `data` stands for a counted reference, as the vtable expects; see rule 3.
    unsafe { Waker::new(data, &ROOT_VTABLE) }
}

/// # Safety
///
/// `data` must be the data pointer of a root waker.
unsafe fn borrow_home(data: *const ()) -> ManuallyDrop<HomeRef> {
    // SAFETY: alive. Passed on from the contract; the reference stays with the waker.
    ManuallyDrop::new(unsafe { own_home(data) })
}

/// # Safety
///
/// `data` must be the data pointer of a root waker, and the waker must be given up.
unsafe fn own_home(data: *const ()) -> HomeRef {
    // SAFETY: never null. It came from a `NonNull`; see rule 3.
    let home = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Home>()) };
    // SAFETY: alive. It stands for one counted reference; see rule 3.
    unsafe { HomeRef::from_raw(home) }
}

unsafe fn root_clone(data: *const ()) -> RawWaker {
    // SAFETY: alive. `RawWaker` passes the pointer of a live waker.
    let home = unsafe { borrow_home(data) };
    let another = HomeRef::clone(&home).into_raw();
    RawWaker::new(another.as_ptr().cast_const().cast(), &ROOT_VTABLE)
}

unsafe fn root_wake(data: *const ()) {
    // SAFETY: alive. `wake` gives the waker up.
    unsafe { own_home(data) }.wake_root();
}

unsafe fn root_wake_by_ref(data: *const ()) {
    // SAFETY: alive. `RawWaker` passes the pointer of a live waker.
    unsafe { borrow_home(data) }.wake_root();
}

unsafe fn root_drop(data: *const ()) {
    // SAFETY: alive. The waker is being dropped.
    drop(unsafe { own_home(data) });
}

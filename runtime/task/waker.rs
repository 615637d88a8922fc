//! Floor 1. Wakers: a `TaskRef`, or for the root future a [`HomeRef`], behind the standard
//! library's vtable of four functions.
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
//! 1. The data pointer of a waker made here stands for one counted reference (`as_raw`, and then
//!    forgotten), of the type that its vtable is for.
//! 2. The waker that a poll of a task gets is lent: it stands for the reference that the loop holds
//!    while it polls, and is never dropped. So a poll that clones no waker touches no count.
//!
//! Unsafe lives here because `RawWaker` is made of untyped pointers.
//!
//! Real world: asyncio's waker is the bound method `Task.__step`, which `call_soon` puts into the
//! ready queue; tokio's is this one with an atomic count.

#![allow(unsafe_code)]

use super::home::HomeRef;
use std::mem::ManuallyDrop;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What can stand behind a waker: a counted reference to something that can be woken.
pub(crate) trait Sleeper: Clone {
    const VTABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(clone::<Self>, wake::<Self>, wake_by_ref::<Self>, drop_waker::<Self>);

    fn as_raw(&self) -> *const ();

    /// # Safety
    ///
    /// `data` must come from `as_raw` of a reference that was forgotten.
    unsafe fn from_raw(data: *const ()) -> Self;

    fn wake(self) {
        self.wake_by_ref();
    }

    fn wake_by_ref(&self);
}

/// Lends the waker of a task, or of a root future: it is not counted, and good for this call.
#[inline]
pub(super) fn lend<S: Sleeper, R>(sleeper: &S, to: impl FnOnce(&Waker) -> R) -> R {
    // SAFETY: alive. The reference is borrowed for longer, and the waker never dropped; see rule 2.
    let waker = ManuallyDrop::new(unsafe { Waker::new(sleeper.as_raw(), S::VTABLE) });
    to(&waker)
}

/// The waker of the future given to `block_on`. At home it costs no locked instruction.
pub(crate) fn of_root(home: HomeRef) -> Waker {
    lend(&home, Waker::clone)
}

// # Safety, for all of them
//
// `data` must be the data pointer of a live waker whose vtable is `S::VTABLE`. `wake` and
// `drop_waker` use it up.

/// The reference behind the data pointer, not to be dropped: it stays with the waker.
unsafe fn borrow<S: Sleeper>(data: *const ()) -> ManuallyDrop<S> {
    // SAFETY: alive. By the contract above; see rule 1.
    ManuallyDrop::new(unsafe { S::from_raw(data) })
}

unsafe fn clone<S: Sleeper>(data: *const ()) -> RawWaker {
    // SAFETY: alive. By the contract above.
    let sleeper = unsafe { borrow::<S>(data) };
    let another = ManuallyDrop::new(S::clone(&sleeper));
    RawWaker::new(another.as_raw(), S::VTABLE)
}

unsafe fn wake<S: Sleeper>(data: *const ()) {
    // SAFETY: alive. By the contract above: the waker is given up.
    unsafe { S::from_raw(data) }.wake();
}

unsafe fn wake_by_ref<S: Sleeper>(data: *const ()) {
    // SAFETY: alive. By the contract above.
    unsafe { borrow::<S>(data) }.wake_by_ref();
}

unsafe fn drop_waker<S: Sleeper>(data: *const ()) {
    // SAFETY: alive. By the contract above: the waker is given up.
    drop(unsafe { S::from_raw(data) });
}

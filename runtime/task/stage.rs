//! Floor 1. The stage of a task: its future, later its output in the same place.
//!
//! ```text
//!   Future(F)  ──ready, panic, cancel──▶  Output(Result<T, JoinError>)  ──take, discard──▶  Gone
//! ```
//!
//! All that depends on the type of the future is here. The rest of the engine has a thin pointer to
//! the header of the block, and comes in by the five entries of the [`VTable`].
//!
//! Rules
//! 1. Each entry wants the header of a live `Block<F>`, of the `F` that the table was made for, and
//!    a stage that belongs to the caller; to whom it belongs when is rule 3 of `cell.rs`. `free`
//!    wants the count to be 0.
//! 2. The block never moves, and the future leaves it by being dropped in place: it is pinned.
//! 3. No panic leaves an entry. That of a poll, or of the drop of a future, becomes the output.
//!
//! Unsafe lives here because the type of the future is lost on the way through a thin pointer, and
//! comes back by a cast.
//!
//! Real world: tokio's `Core` and its `Harness`, with eight entries.

#![allow(unsafe_code)]

use super::cell::Header;
use super::join::JoinError;
use super::spare;
use crate::shim::UnsafeCell;
use std::any::Any;
use std::future::Future;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// A task in memory. `repr(C)`: the header stays in front.
#[repr(C)]
pub(super) struct Block<F: Future> {
    pub(super) header: Header,
    pub(super) stage: UnsafeCell<Stage<F>>,
}

/// See the head of the file.
pub(super) enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinError>),
    Gone,
}

/// What only the block knows how to do, because it knows `F` (rule 1). By hand and not by `dyn`,
/// whose pointer is two words: a waker has room for one.
pub(super) struct VTable {
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    pub(super) cancel: unsafe fn(NonNull<Header>),
    /// Moves the output to where the second pointer, a `Poll<Result<T, JoinError>>`, points.
    pub(super) take: unsafe fn(NonNull<Header>, NonNull<()>),
    /// Says whether it was a panic.
    pub(super) discard: unsafe fn(NonNull<Header>) -> bool,
    pub(super) free: unsafe fn(NonNull<Header>),
}

impl VTable {
    pub(super) const fn of<F: Future + 'static>() -> Self {
        Self {
            poll: poll::<F>,
            cancel: cancel::<F>,
            take: take::<F>,
            discard: discard::<F>,
            free: free::<F>,
        }
    }
}

/// The stage of a task in the hands of whoever owns it (rule 1).
struct Owned<'a, F: Future> {
    header: &'a Header,
    stage: &'a UnsafeCell<Stage<F>>,
}

impl<F: Future> Owned<'_, F> {
    /// # Safety
    ///
    /// `header` must be the header of a live `Block<F>`, whose stage the caller owns (rule 1) until
    /// the result is dropped.
    unsafe fn new(header: NonNull<Header>) -> Self {
        // SAFETY: alive. By the contract; `Block` is `repr(C)` with the header first.
        let block = unsafe { header.cast::<Block<F>>().as_ref() };
        Self { header: &block.header, stage: &block.stage }
    }

    #[inline(always)]
    fn with<R>(&mut self, touch: impl FnOnce(&mut Stage<F>) -> R) -> R {
        // SAFETY: exclusive. By the contract of `new`, and `self` is borrowed mutably.
        self.stage.with_mut(|stage| touch(unsafe { &mut *stage }))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.with(|stage| {
            let Stage::Future(future) = stage else {
                unreachable!("a task that is not done has its future")
            };
            // SAFETY: pinned. The future stays in its block until `clear` drops it; see rule 2.
            unsafe { Pin::new_unchecked(future) }.poll(cx)
        })
    }

    /// Drops what the stage holds, in place. Returns a panic of the drop.
    fn clear(&mut self) -> Result<(), Box<dyn Any + Send>> {
        if !std::mem::needs_drop::<Stage<F>>() {
            return Ok(());
        }
        // `Gone` is written even if the drop of the old value panics.
        self.with(|stage| catch_unwind(AssertUnwindSafe(|| *stage = Stage::Gone)))
    }

    /// Replaces the future by the output; a panic in the future's drop becomes the output. The
    /// future goes first: both have the same room, and who sees DONE may rely on its drops.
    /// Inlined all the way, so that the output is written straight to its place: a detour over the
    /// stack costs more than all the rest (8 ns, store forwarding).
    #[inline(always)]
    fn finish(&mut self, output: Result<F::Output, JoinError>) {
        if let Err(panic) = self.clear() {
            let error = self.panicked(panic);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(output))); // it may panic as well
            return self.with(|stage| *stage = Stage::Output(Err(error)));
        }
        self.with(|stage| *stage = Stage::Output(output));
    }

    fn panicked(&self, payload: Box<dyn Any + Send>) -> JoinError {
        JoinError::panicked(self.header.origin.id, payload)
    }
}

unsafe fn poll<F: Future>(header: NonNull<Header>, cx: &mut Context<'_>) -> Poll<()> {
    // SAFETY: exclusive. The caller's contract is that of `Owned::new`.
    let mut owned = unsafe { Owned::<F>::new(header) };
    match catch_unwind(AssertUnwindSafe(|| owned.poll(cx))) {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => owned.finish(Ok(output)),
        Err(panic) => owned.finish(Err(owned.panicked(panic))),
    }
    Poll::Ready(())
}

unsafe fn cancel<F: Future>(header: NonNull<Header>) {
    // SAFETY: exclusive. The caller's contract is that of `Owned::new`.
    let mut owned = unsafe { Owned::<F>::new(header) };
    owned.finish(Err(JoinError::cancelled(owned.header.origin.id)));
}

unsafe fn take<F: Future>(header: NonNull<Header>, target: NonNull<()>) {
    // SAFETY: exclusive. The caller's contract is that of `Owned::new`.
    let mut owned = unsafe { Owned::<F>::new(header) };
    if let Stage::Output(output) = owned.with(|stage| std::mem::replace(stage, Stage::Gone)) {
        let target = target.cast::<Poll<Result<F::Output, JoinError>>>();
        // SAFETY: initialised. The caller gave a `Poll` of this very type, and it is `Pending`,
        // which has no drop (see `VTable::take`).
        unsafe { target.write(Poll::Ready(output)) };
    }
}

unsafe fn discard<F: Future>(header: NonNull<Header>) -> bool {
    // SAFETY: exclusive. The caller's contract is that of `Owned::new`.
    let mut owned = unsafe { Owned::<F>::new(header) };
    if owned.with(|stage| matches!(stage, Stage::Gone)) {
        return false; // as nearly always: the handle has taken it
    }
    let _running = owned.header.origin.id.enter();
    let panicked = owned.with(|stage| matches!(stage, Stage::Output(Err(e)) if e.is_panic()));
    // The drop may panic: nobody is left to be told, and the panic hook has spoken.
    let _ = owned.clear();
    panicked
}

unsafe fn free<F: Future + 'static>(header: NonNull<Header>) {
    let block = header.cast::<MaybeUninit<Block<F>>>().as_ptr();
    // SAFETY: exclusive. The count is 0; the block came from such a box in `new`.
    let mut room = unsafe { Box::from_raw(block) };
    // SAFETY: initialised. `new` wrote it, and only now is it dropped.
    unsafe { room.assume_init_drop() };
    spare::keep(room);
}

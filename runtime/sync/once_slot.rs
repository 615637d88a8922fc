//! Floor 5. The block that the two ends of a oneshot share: one word says whose the rest is.
//!
//! ```text
//!   Giver ──▶ Block { word, the giver's waker, the taker's waker, value } ◀── Taker
//!                      │
//!                      └ DONE    the giver has left, with a value (VALUE) or without
//!                        REFUSED the taker wants none        LEFT   the taker has left
//!                        ..WAITS this end's waker is there   the rest counts the waits
//! ```
//!
//! | step              | locked instructions                                          |
//! |-------------------|--------------------------------------------------------------|
//! | wait              | one; none by the same waker again; two by another one        |
//! | give              | one, and who waits is known by it                            |
//! | take what is here | none                                                         |
//! | leave             | one for the end that goes first, none for the other          |
//!
//! Rules
//! 1. An end leaves with one exchange of the word, and does not touch the block after it. The end
//!    that finds the other's mark, DONE or LEFT, has the block alone, and frees it.
//! 2. The value's place is the giver's until DONE, and the taker's from then on.
//! 3. A waker lies in its place as two plain words. While `..WAITS` stands it belongs to whoever
//!    takes that mark away by an exchange; the words may be read before, and mean something only
//!    if the exchange succeeds. Only the end that waits writes them, and never under the mark.
//! 4. Each wait counts up in the word. So an exchange that succeeds has seen no other wait begin
//!    since its load, and the words it read are the ones that belong to the mark it took.
//! 5. Wakers are cloned before a step, and woken and dropped after it, when the word is true.
//!
//! Rule 3 is what saves the count of references: whoever had to fetch the waker after the exchange
//! would need the block a little longer, and the other end would have to be told when.
//!
//! Real world: tokio's oneshot keeps its wakers in cells that the word guards, and the block in an
//! `Arc`; the words that are read early and believed late are those of a seqlock.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::task::{Poll, RawWakerVTable, Waker};

use crate::shim::UnsafeCell;
use crate::shim::atomic::{AtomicPtr, AtomicU64, Ordering};

const DONE: u64 = 1;
const VALUE: u64 = 1 << 1;
const REFUSED: u64 = 1 << 2;
const LEFT: u64 = 1 << 3;
const GIVER_WAITS: u64 = 1 << 4;
const TAKER_WAITS: u64 = 1 << 5;
const ONE_WAIT: u64 = 1 << 6;

struct Block<T> {
    word: AtomicU64,
    giver: Place,
    taker: Place,
    value: UnsafeCell<Option<T>>,
}

/// A pair of ends, for one value.
pub(crate) fn pair<T>() -> (Giver<T>, Taker<T>) {
    let block = Box::new(Block {
        word: AtomicU64::new(0),
        giver: Place::new(),
        taker: Place::new(),
        value: UnsafeCell::new(None),
    });
    let end = End(NonNull::from(Box::leak(block)));
    (Giver(end), Taker(end))
}

/// The end that puts the value in, once.
pub(crate) struct Giver<T>(End<T>);

impl<T> Giver<T> {
    /// Puts the value in and wakes the taker. Hands it back if it is refused.
    #[inline]
    pub(crate) fn give(self, value: T) -> Result<(), T> {
        let this = ManuallyDrop::new(self);
        let refused = this.0.word() & REFUSED != 0;
        let value = if refused { Some(value) } else { this.0.give(value) };
        let Some(value) = value else { return Ok(()) };
        drop(ManuallyDrop::into_inner(this));
        Err(value)
    }

    #[inline]
    pub(crate) fn is_refused(&self) -> bool {
        self.0.word() & REFUSED != 0
    }

    /// Has `waker` woken when the taker refuses; ready if it does.
    #[inline]
    pub(crate) fn wait(&mut self, waker: &Waker) -> Poll<()> {
        self.0.wait(Side::Giver, REFUSED, waker)
    }
}

impl<T> Drop for Giver<T> {
    #[inline]
    fn drop(&mut self) {
        self.0.leave(Side::Giver, DONE, LEFT);
    }
}

/// The end that takes the value out, once.
pub(crate) struct Taker<T>(End<T>);

impl<T> Taker<T> {
    /// Has `waker` woken when the giver has left; ready if it has, or if nothing will come.
    #[inline]
    pub(crate) fn wait(&mut self, waker: &Waker) -> Poll<()> {
        self.0.wait(Side::Taker, DONE | REFUSED, waker)
    }

    /// Whether there is nothing to wait for any more.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.0.word() & (DONE | REFUSED) != 0
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.word() & VALUE == 0
    }

    /// Lets no value in any more, and wakes the giver.
    pub(crate) fn refuse(&mut self) {
        self.0.step(Side::Taker, REFUSED, DONE | REFUSED);
    }

    /// Leaves, with the value if there is one.
    #[inline]
    pub(crate) fn take(self) -> Option<T> {
        let value = if self.is_empty() { None } else { self.0.with_value(Option::take) };
        drop(self);
        value
    }
}

impl<T> Drop for Taker<T> {
    #[inline]
    fn drop(&mut self) {
        self.0.leave(Side::Taker, REFUSED | LEFT, DONE);
    }
}

/// Which end takes a step.
#[derive(Clone, Copy)]
enum Side {
    Giver,
    Taker,
}

impl Side {
    #[inline]
    fn waits(self) -> u64 {
        match self {
            Self::Giver => GIVER_WAITS,
            Self::Taker => TAKER_WAITS,
        }
    }

    #[inline]
    fn other(self) -> Self {
        match self {
            Self::Giver => Self::Taker,
            Self::Taker => Self::Giver,
        }
    }
}

/// The way of an end to the block. Methods that leave take it by value and hand no reference to
/// the block on, for the other end may free the block before they return.
struct End<T>(NonNull<Block<T>>);

// SAFETY: exclusive. The ends move the value from one thread to another, and the wakers, which may
// go anywhere; see rules 2 and 3.
unsafe impl<T: Send> Send for End<T> {}
// SAFETY: alive. A shared end only reads the word; see rule 1.
unsafe impl<T: Send> Sync for End<T> {}

impl<T> Clone for End<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for End<T> {}

impl<T> End<T> {
    #[inline]
    fn block(&self) -> &Block<T> {
        // SAFETY: alive. The end that asks has not left; see rule 1.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn word(&self) -> u64 {
        // Acquire: pairs with the step that set the marks: what it wrote before is seen by them.
        self.block().word.load(Ordering::Acquire)
    }

    /// Changes the word, unless one of the marks `unless` stands in it.
    #[inline]
    fn update(&self, unless: u64, mut change: impl FnMut(u64) -> u64) -> bool {
        let word = &self.block().word;
        // AcqRel: pairs with itself. What an end did comes before its mark, and what the other end
        // does by that mark after it (rules 1 to 4).
        let updated = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            (word & unless == 0).then(|| change(word))
        });
        updated.is_ok()
    }

    /// Sets `marks`, unless one of `unless` stands; wakes the other end if it waits, and forgets
    /// the waker of this one. Says whether it did.
    #[inline]
    fn step(self, side: Side, marks: u64, unless: u64) -> bool {
        let mut found = (None, None);
        let done = self.update(unless, |word| {
            let waker =
                |side: Side| (word & side.waits() != 0).then(|| self.block().place(side).read());
            found = (waker(side.other()), waker(side));
            word & !(GIVER_WAITS | TAKER_WAITS) | marks
        });
        if done {
            // The block may be gone from here on.
            let theirs = found.0.map(Words::into_waker);
            let mine = found.1.map(Words::into_waker);
            if let Some(waker) = theirs {
                waker.wake();
            }
            drop(mine);
        }
        done
    }

    /// The last step of an end; `gone` is the mark of the other's. Frees the block if it comes
    /// second.
    #[inline]
    fn leave(self, side: Side, marks: u64, gone: u64) {
        if self.word() & gone != 0 || !self.step(side, marks, gone) {
            // SAFETY: exclusive. Both have left, this one just now; see rule 1.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }

    /// The giver's last step: hands the value back if it was refused meanwhile.
    #[inline]
    fn give(self, value: T) -> Option<T> {
        self.with_value(|place| *place = Some(value)); // in the place of nothing
        if self.step(Side::Giver, DONE | VALUE, REFUSED) {
            return None;
        }
        self.with_value(Option::take)
    }

    /// Leaves a waker in this end's place; ready if one of the marks `unless` stands.
    #[inline]
    fn wait(&mut self, side: Side, unless: u64, waker: &Waker) -> Poll<()> {
        let word = self.word();
        if word & unless != 0 {
            return Poll::Ready(());
        }
        if word & side.waits() != 0 {
            return self.wait_again(side, unless, waker);
        }
        self.begin_wait(side, unless, waker.clone())
    }

    /// [`wait`](Self::wait) where a waker was left before.
    fn wait_again(&mut self, side: Side, unless: u64, waker: &Waker) -> Poll<()> {
        let place = self.block().place(side);
        let known = place.read();
        if known.wakes_as(waker) {
            return Poll::Pending;
        }
        let waker = waker.clone();
        if !self.update(unless, |word| word & !side.waits()) {
            return Poll::Ready(());
        }
        let known = known.into_waker();
        let poll = self.begin_wait(side, unless, waker);
        drop(known);
        poll
    }

    /// Leaves `waker` in this end's place, which is empty.
    #[inline]
    fn begin_wait(&mut self, side: Side, unless: u64, waker: Waker) -> Poll<()> {
        let place = self.block().place(side);
        let waker = ManuallyDrop::new(waker);
        place.write(&waker);
        if self.update(unless, |word| (word | side.waits()).wrapping_add(ONE_WAIT)) {
            return Poll::Pending;
        }
        drop(ManuallyDrop::into_inner(waker));
        Poll::Ready(())
    }

    /// Opens the value's place, which must be the caller's (rule 2).
    #[inline]
    fn with_value<R>(self, open: impl FnOnce(&mut Option<T>) -> R) -> R {
        // SAFETY: exclusive. What the doc above says; `open` only moves; see rule 2.
        self.block().value.with_mut(|value| open(unsafe { &mut *value }))
    }
}

impl<T> Block<T> {
    #[inline]
    fn place(&self, side: Side) -> &Place {
        match side {
            Side::Giver => &self.giver,
            Side::Taker => &self.taker,
        }
    }
}

/// Where an end leaves its waker (rule 3).
struct Place {
    data: AtomicPtr<()>,
    vtable: AtomicPtr<RawWakerVTable>,
}

impl Place {
    fn new() -> Self {
        Self { data: AtomicPtr::new(ptr::null_mut()), vtable: AtomicPtr::new(ptr::null_mut()) }
    }

    #[inline]
    fn write(&self, waker: &Waker) {
        let words = Words::of(waker);
        // Relaxed: the exchange that sets the mark comes after it, and is a release.
        self.data.store(words.data, Ordering::Relaxed);
        self.vtable.store(words.vtable, Ordering::Relaxed);
    }

    #[inline]
    fn read(&self) -> Words {
        // Relaxed: the load that saw the mark came before it, and was an acquire. If a later wait
        // is seen, its marks come before the exchange that this is for, which fails (rule 4).
        Words {
            data: self.data.load(Ordering::Relaxed),
            vtable: self.vtable.load(Ordering::Relaxed),
        }
    }
}

/// What a waker is made of. It is one waker, or nothing (rule 3).
struct Words {
    data: *mut (),
    vtable: *mut RawWakerVTable,
}

impl Words {
    #[inline]
    fn of(waker: &Waker) -> Self {
        Self { data: waker.data().cast_mut(), vtable: ptr::from_ref(waker.vtable()).cast_mut() }
    }

    #[inline]
    fn wakes_as(&self, waker: &Waker) -> bool {
        let other = Self::of(waker);
        self.data == other.data && self.vtable == other.vtable
    }

    /// The waker itself, for the one who has taken its mark away.
    #[inline]
    fn into_waker(self) -> Waker {
        // SAFETY: alive. It was a `&'static`; see rules 3 and 4.
        let vtable = unsafe { &*self.vtable };
        // SAFETY: exclusive. The words of one forgotten waker, which are ours; see rule 3.
        unsafe { Waker::new(self.data, vtable) }
    }
}

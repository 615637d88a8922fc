//! Floor 2. A ring of tasks with one owner, which others may rob.
//!
//! The owner pushes at the tail and pops at the head; a thief moves half of what is there, from
//! the head, into a ring of its own. A push costs no locked instruction, a pop one, a robbery two,
//! however many tasks it moves.
//!
//! ```text
//!             steal    real                 tail
//!               ▼       ▼                    ▼
//!   . . . . . . x x x x A B C D E F G H I J  . . .        head = (steal, real)
//!               └─ being ─┘ └─ the owner's ─┘             one word, changed by compare-and-swap
//!                 robbed
//! ```
//!
//! A thief first claims: it moves `real` forward over what it wants and leaves `steal` behind, in
//! one step, so that neither the owner nor another thief takes the same. Then it copies, at its
//! leisure, and then it moves `steal` up to `real`: only now may the owner write over those places.
//! Who finds `steal` behind `real` knows that a robbery is under way, and does not begin another.
//!
//! Rules
//! 1. Only the [`Owner`] writes `tail` and the places from `tail` on. It never writes on a place
//!    that is not below `steal + CAPACITY`. One that has handed the ring on writes no more: for it
//!    the ring is empty and full.
//! 2. Whoever moves `real` over a place owns what is in it: the owner one place at a time, a thief
//!    many.
//! 3. One robbery at a time: it begins only if `steal == real`, and its thief ends it.
//! 4. Positions are counted in `u32` and come round; only differences have a meaning, and they are
//!    at most [`CAPACITY`].
//!
//! Unsafe lives here because a place is read by whoever has claimed it by a number, which the
//! compiler cannot follow.
//!
//! Real world: this is the ring of tokio's workers and, without the second number, of Go's: with
//! one number the copies come before the claim, and a thief that came too late has copied in vain.
//! Source: Chase & Lev, "Dynamic Circular Work-Stealing Deque", SPAA 2005, for the idea; Go's
//! `runqgrab` (Vyukov, 2012) for taking half, from a ring of fixed size.

#![allow(unsafe_code)]

use crate::shim::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::shim::{Arc, Cell, UnsafeCell};
use std::mem::MaybeUninit;

/// How many tasks a ring holds; a power of two. Few enough to stay in the cache, and so many that
/// an overflow, which takes the common lock, is rare.
pub(crate) const CAPACITY: u32 = if cfg!(loom) { 4 } else { 256 };

struct Ring<T> {
    /// `steal` in the upper half, `real` in the lower one.
    head: AtomicU64,
    tail: AtomicU32,
    places: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY: exclusive. A place is touched by its owner or its thief alone; see rules 1 to 3.
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: exclusive. As above.
unsafe impl<T: Send> Send for Ring<T> {}

/// Positions over which somebody has moved `real`: what is there is the holder's, who takes all of
/// it out (rule 2).
struct Claim<'a, T> {
    ring: &'a Ring<T>,
    next: u32,
    count: u32,
}

/// The one who pushes and pops.
pub(crate) struct Owner<T> {
    ring: Arc<Ring<T>>,
    /// There is another owner now (rule 1). Being a `Cell`, it also keeps this to one thread.
    handed_on: Cell<bool>,
}

/// What others see of the ring.
pub(crate) struct Robbable<T>(Arc<Ring<T>>);

/// The ring is full: half of it, and what was to be pushed at the end.
pub(crate) struct Overflow<T>(pub(crate) Vec<T>);

fn pack(steal: u32, real: u32) -> u64 {
    u64::from(steal) << 32 | u64::from(real)
}

fn unpack(head: u64) -> (u32, u32) {
    // The casts cut the halves apart.
    ((head >> 32) as u32, head as u32)
}

/// Where the positions begin: shortly before they come round, so that every run of every program
/// and test has met that, and not the first one after four milliards of tasks.
const FIRST: u32 = u32::MAX - 2;

/// A new ring, empty.
pub(crate) fn ring<T>() -> (Owner<T>, Robbable<T>) {
    let places = (0..CAPACITY).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let head = AtomicU64::new(pack(FIRST, FIRST));
    let ring = Arc::new(Ring { head, tail: AtomicU32::new(FIRST), places });
    (Owner { ring: ring.clone(), handed_on: Cell::new(false) }, Robbable(ring))
}

impl<T> Ring<T> {
    fn place(&self, position: u32) -> &UnsafeCell<MaybeUninit<T>> {
        &self.places[(position & (CAPACITY - 1)) as usize]
    }

    /// The caller has just moved `real` over this many positions from `first` on.
    fn claimed(&self, first: u32, count: u32) -> Claim<'_, T> {
        Claim { ring: self, next: first, count }
    }

    /// How many there are to be taken. Others may be at it.
    fn len(&self) -> u32 {
        // Relaxed, both: a hint, on account of which no place is read. Who must not miss anything
        // looks after a fence (`rest.rs`).
        let tail = self.tail.load(Ordering::Relaxed);
        let (_, real) = unpack(self.head.load(Ordering::Relaxed));
        // The head may be newer than the tail that was read before it. Then what was pushed before
        // that tail is gone, and who pushed after it looks for sleepers after that.
        let len = tail.wrapping_sub(real);
        if len <= CAPACITY { len } else { 0 }
    }
}

impl<T> Iterator for Claim<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.count = self.count.checked_sub(1)?;
        let position = self.next;
        self.next = position.wrapping_add(1);
        let place = self.ring.place(position);
        // SAFETY: initialised and exclusive. `real` was moved over it, so it was written, and
        // belongs to this claim, which passes it once; see rule 2.
        Some(place.with_mut(|place| unsafe { place.cast::<T>().read() }))
    }
}

impl<T> Owner<T> {
    /// Puts `value` at the back.
    #[inline]
    pub(crate) fn push(&self, value: T) -> Result<(), Overflow<T>> {
        if self.handed_on.get() {
            return Err(Overflow(vec![value]));
        }
        let ring = &*self.ring;
        // Relaxed: only this thread writes it (rule 1).
        let tail = ring.tail.load(Ordering::Relaxed);
        // Acquire: pairs with the Release that ends a robbery; its copies come before our write.
        let head = ring.head.load(Ordering::Acquire);
        let (steal, _) = unpack(head);
        if tail.wrapping_sub(steal) >= CAPACITY {
            return Err(self.overflow(head, value));
        }
        self.write(tail, value);
        // Release: pairs with the Acquire of whoever looks for something to take.
        ring.tail.store(tail.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    fn write(&self, position: u32, value: T) {
        self.ring.place(position).with_mut(|place| {
            // SAFETY: exclusive. Free, because it is at `tail` or behind and less than `CAPACITY`
            // from `steal`; see rule 1.
            unsafe { (*place).write(value) };
        });
    }

    /// Takes half of a ring out that was full at `head`.
    #[cold]
    fn overflow(&self, head: u64, value: T) -> Overflow<T> {
        let ring = &*self.ring;
        let mut out = Vec::new();
        let (steal, real) = unpack(head);
        let half = CAPACITY / 2;
        let next = real.wrapping_add(half);
        // While it is being robbed there will soon be room; then only this one has to go. If not,
        // there were `CAPACITY` tasks at that very `head`. A newer one would say nothing of that:
        // fewer than half may be left.
        // Release: pairs with the Acquire in `claim`, as in `pop`.
        if steal == real
            && ring
                .head
                .compare_exchange(head, pack(next, next), Ordering::Release, Ordering::Relaxed)
                .is_ok()
        {
            out.extend(ring.claimed(real, half));
        }
        out.push(value);
        Overflow(out)
    }

    /// Takes the first.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        if self.handed_on.get() {
            return None;
        }
        let ring = &*self.ring;
        // Relaxed: only this thread writes it (rule 1).
        let tail = ring.tail.load(Ordering::Relaxed);
        let mut head = ring.head.load(Ordering::Relaxed);
        loop {
            let (steal, real) = unpack(head);
            if real == tail {
                return None;
            }
            let next = real.wrapping_add(1);
            let moved = pack(if steal == real { next } else { steal }, next);
            // Release: pairs with the Acquire in `claim`; a thief that sees this head must not see
            // a tail from before it. What is in the place we wrote ourselves.
            match ring.head.compare_exchange(head, moved, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return ring.claimed(real, 1).next(),
                Err(now) => head = now,
            }
        }
    }

    /// Whether there is nothing to pop.
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.len() == 0
    }

    /// How many may be pushed for certain before it is full.
    pub(crate) fn room(&self) -> u32 {
        if self.handed_on.get() {
            return 0;
        }
        // Acquire: as in `push`, because the places are written after this (`rob`).
        let (steal, _) = unpack(self.ring.head.load(Ordering::Acquire));
        CAPACITY - self.ring.tail.load(Ordering::Relaxed).wrapping_sub(steal)
    }

    /// Hands the ring on to a new owner, who may be on another thread. `None` if that was done.
    pub(crate) fn hand_on(&self) -> Option<Self> {
        let is_ours = !self.handed_on.replace(true);
        is_ours.then(|| Self { ring: self.ring.clone(), handed_on: Cell::new(false) })
    }

    /// Takes it back from the one whom it was handed on to.
    pub(crate) fn take_back(&self, from: Self) {
        let is_same = Arc::ptr_eq(&self.ring, &from.ring);
        assert!(is_same && !from.handed_on.get(), "whoever gives the ring back owns it");
        self.handed_on.set(false);
    }

    pub(crate) fn is_handed_on(&self) -> bool {
        self.handed_on.get()
    }
}

impl<T> Robbable<T> {
    /// Whether there is nothing to rob.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Moves half of what is there into the ring of `thief`, and returns the first of it.
    ///
    /// `None` if there is nothing, if somebody else robs it just now, or if the thief has no room.
    pub(crate) fn rob(&self, thief: &Owner<T>) -> Option<T> {
        let ring = &*self.0;
        if thief.room() < CAPACITY / 2 {
            return None; // it is itself being robbed
        }
        let mut claim = ring.claim()?;
        let first = claim.next();
        // Relaxed: it is the thief's own (rule 1).
        let mut tail = thief.ring.tail.load(Ordering::Relaxed);
        for value in claim {
            thief.write(tail, value);
            tail = tail.wrapping_add(1);
        }
        ring.end_claim();
        // Release: as in `push`.
        thief.ring.tail.store(tail, Ordering::Release);
        first
    }
}

impl<T> Ring<T> {
    /// Begins a robbery.
    fn claim(&self) -> Option<Claim<'_, T>> {
        // Acquire, here and where the swap fails: pairs with the Release of the owner's pops and of
        // the thief before us. So the tail that is read next is not older than this head.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let (steal, real) = unpack(head);
            // Acquire: pairs with the Release in `push`; what is before the tail is written.
            let len = self.tail.load(Ordering::Acquire).wrapping_sub(real);
            if steal != real || len == 0 {
                return None; // rule 3
            }
            let count = len - len / 2;
            let moved = pack(steal, real.wrapping_add(count));
            // Relaxed: what is in the places came with the tail, and `end_claim` tells of the rest.
            match self.head.compare_exchange(head, moved, Ordering::Relaxed, Ordering::Acquire) {
                // The head stood still from its load to this, so `len` was no more than `CAPACITY`.
                Ok(_) => return Some(self.claimed(real, count)),
                Err(now) => head = now,
            }
        }
    }

    /// Ends it: the owner may use the places again.
    fn end_claim(&self) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let (_, real) = unpack(head);
            // Release: pairs with the Acquire in `push`; our copies come before its next writes.
            let end = pack(real, real);
            match self.head.compare_exchange(head, end, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now, // the owner has popped meanwhile
            }
        }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let (_, real) = unpack(self.head.load(Ordering::Relaxed));
        let tail = self.tail.load(Ordering::Relaxed);
        // Nobody else is left.
        self.claimed(real, tail.wrapping_sub(real)).for_each(drop);
    }
}

//! Floor 1. Home: the part of a loop that strangers may touch, and the word that says who is one.
//!
//! "At home" is the thread that is inside the loop right now; everybody else is a stranger. One
//! thread-local word holds the address of the loop this thread is inside of, so the question costs
//! one read and one comparison.
//!
//! A [`HomeRef`] is counted in two places: at home by a plain add, abroad by an atomic one. That
//! saves two locked instructions (15 ns) for every task, timer and socket. When the loop ends it
//! adds its plain count to the atomic one; from then on there is only the atomic one.
//!
//! ```text
//!   while the loop lives:   count = here (plain, the loop's thread) + away - BIAS (atomic)
//!   after `settle`:         count = away
//! ```
//!
//! In numbers: three references at home and two abroad are `here` 3 and `away` BIAS + 2. A stranger
//! may drop what home cloned: `here` 3, `away` BIAS + 1, and the sum is still right. `settle` makes
//! of it `away` 4, an ordinary atomic count.
//!
//! Rules
//! 1. `here` is touched only by the thread whose word is this home's address, and by `settle`.
//! 2. Only the thread that owns the loop puts the address into the word (`stand_at`, `enter`), and
//!    it takes it out again before `settle`, for good: no guard that was dropped out of turn, or
//!    never, brings it back. A `Loop` is in an `Rc`, so that is one thread for life; but a worker
//!    that blocks takes the address out and hands its loop on (`flavor/deputy.rs`, rule 1).
//! 3. Before `settle`, `away` is near BIAS and never reaches 0, so nobody frees. After it, whoever
//!    brings `away` to 0 frees.
//!
//! The home of shared tasks is nobody's: it is born settled, with all its references in `away`,
//! some of them in the purses of its threads (`purse.rs`).
//!
//! Unsafe lives here because a counted pointer cannot be written without it.
//!
//! Real world: tokio clones an `Arc` for each task and each timer.
//! Source: Choi, Shull, Torrellas, "Biased Reference Counting", PACT 2018.

#![allow(unsafe_code)]

use super::cell::TaskRef;
use super::inbox::{AfterPost, Inbox, Note};
use super::purse;
use super::waker::Sleeper;
use crate::shim::atomic::{AtomicBool, AtomicIsize, Ordering};
use crate::shim::{Cell, thread_local};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// Larger than any number of references, so that `away` cannot reach 0 too early (rule 3).
const BIAS: isize = isize::MAX / 4;

thread_local! {
    /// The address of the home this thread is inside of, or 0. An address and not a pointer: it is
    /// compared and never followed, so nothing depends on its being alive.
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// What a loop shows to strangers.
pub(crate) struct Home {
    here: Cell<isize>,
    away: AtomicIsize,
    inbox: Inbox,
    /// Where a task goes that is woken at home. This is the seam between the flavours.
    queue: fn(TaskRef),
    /// The same for the future given to `block_on`.
    queue_root: fn(),
    /// The root future is queued already. As `here`, touched at home only (rule 1).
    root_queued: Cell<bool>,
    /// A wake note for the root future is in the inbox already.
    root_noted: AtomicBool,
    /// Wakes the loop from its sleep.
    ring: Box<dyn Fn() + Send + Sync>,
    /// Of the stealing flavour: where a woken task goes, as no thread is home.
    common: Option<Arc<dyn Common>>,
}

/// What the workers of a runtime have in common, as far as a task must know it.
pub(crate) trait Common: Send + Sync {
    /// Puts a task into the ready queue of the worker that this thread is, or of all.
    fn queue(&self, task: TaskRef);
}

/// A counted pointer to a [`Home`].
pub(crate) struct HomeRef(NonNull<Home>);

// SAFETY: exclusive. `here` and `root_queued` are the parts of `Home` that are not `Sync` by
// themselves, and rule 1 keeps them to one thread.
unsafe impl Send for HomeRef {}
// SAFETY: exclusive. As above: a shared `HomeRef` gives no other way to them.
unsafe impl Sync for HomeRef {}

impl HomeRef {
    /// A home for a new loop.
    pub(crate) fn new(
        queue: fn(TaskRef),
        queue_root: fn(),
        ring: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self::from(Home {
            here: Cell::new(1),
            away: AtomicIsize::new(BIAS),
            inbox: Inbox::new(),
            queue,
            queue_root,
            root_queued: Cell::new(false),
            root_noted: AtomicBool::new(false),
            ring,
            common: None,
        })
    }

    fn from(home: Home) -> Self {
        Self(NonNull::from(Box::leak(Box::new(home))))
    }

    /// A home for the tasks of many workers: no thread is ever at home there, so all its references
    /// are counted atomically from the start (rule 3).
    pub(crate) fn shared(common: Arc<dyn Common>) -> Self {
        Self::from(Home {
            here: Cell::new(0),
            away: AtomicIsize::new(1),
            inbox: Inbox::new(),
            queue: |_| (),
            queue_root: || (),
            root_queued: Cell::new(false),
            root_noted: AtomicBool::new(false),
            ring: Box::new(|| ()),
            common: Some(common),
        })
    }

    /// Whether both point to the same home.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Whether no thread is home here: the tasks are shared by many.
    pub(crate) fn is_shared(&self) -> bool {
        self.common.is_some()
    }

    /// Whether this thread is inside this loop now.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        HERE.with(Cell::get) == self.word()
    }

    /// Home reads a wake note for the root future.
    pub(crate) fn deliver_root_wake(&self) {
        // AcqRel: see `wake_by_ref`.
        self.root_noted.swap(false, Ordering::AcqRel);
        self.wake_by_ref();
    }

    /// The root future was taken from the queue and is about to be polled.
    pub(crate) fn start_root(&self) {
        debug_assert!(self.is_here());
        self.root_queued.set(false);
    }

    #[inline]
    pub(super) fn word(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Takes so many references to a settled home at once, or gives them back, but never the last.
    pub(super) fn change_away(&self, by: isize) {
        // Release: pairs with the AcqRel of who takes the last one (`drop`).
        self.away.fetch_add(by, Ordering::Release);
    }

    /// Makes this thread the home until the guard is dropped. Only the loop's owner may, and only
    /// for a while that surely ends before `settle` (rule 2).
    pub(crate) fn enter(&self) -> AtHome {
        AtHome { outer: HERE.with(|here| here.replace(self.word())) }
    }

    /// Ends the biased time: to be called once, by the loop's owner, outside (rules 2 and 3).
    pub(crate) fn settle(self) {
        assert!(!self.is_here(), "the loop is left before it settles");
        let here = self.here.replace(0);
        // AcqRel: as in `drop`; every plain count before it belongs to this thread.
        self.away.fetch_add(here - BIAS, Ordering::AcqRel);
        // Dropping `self` now takes its own reference off the one count that is left.
    }
}

/// Puts this thread inside the loop of `home`, or outside of all. Only the loop's owner may, and it
/// leaves before `settle` (rule 2).
pub(crate) fn stand_at(home: Option<&HomeRef>) {
    HERE.with(|here| here.set(home.map_or(0, HomeRef::word)));
}

impl Sleeper for HomeRef {
    fn as_raw(&self) -> *const () {
        self.0.as_ptr().cast_const().cast()
    }

    unsafe fn from_raw(data: *const ()) -> Self {
        // SAFETY: never null. By the contract it comes from `as_raw`.
        Self(unsafe { NonNull::new_unchecked(data.cast_mut().cast()) })
    }

    /// Wakes the future given to `block_on`: at home by a flag and a push, abroad by a note.
    fn wake_by_ref(&self) {
        if self.is_here() {
            if !self.root_queued.replace(true) {
                (self.queue_root)();
            }
        // AcqRel: pairs with the swap in `deliver_root_wake`. Either that swap sees what this
        // thread wrote before it woke, or this swap sees `false` and a note follows.
        } else if !self.root_noted.swap(true, Ordering::AcqRel) {
            // Given back when the loop is gone: then there is no root to wake.
            let _ = self.post(Note::Root);
        }
    }
}

impl Home {
    /// Leaves a note and rings if the loop sleeps. Gives the note back if the loop is gone.
    pub(crate) fn post(&self, note: Note) -> Result<(), Note> {
        self.inbox.post(note).map(|after| self.ring_after(after))
    }

    fn ring_after(&self, after: AfterPost) {
        if after == AfterPost::Ring {
            (self.ring)();
        }
    }

    /// Ends the sleep of the loop, if it sleeps.
    pub(crate) fn rouse(&self) {
        self.ring_after(self.inbox.rouse());
    }

    /// Has the loop look for work, if it sleeps or is about to.
    pub(crate) fn nudge(&self) {
        self.ring_after(self.inbox.nudge());
    }

    /// Has `errand` run on the loop's thread soon. False, and `errand` dropped, if the loop is
    /// gone.
    #[must_use]
    pub(crate) fn errand(&self, errand: impl FnOnce() + Send + 'static) -> bool {
        self.post(Note::Errand(Box::new(errand))).is_ok()
    }

    /// Puts a shared task into one of the queues of its runtime.
    pub(crate) fn queue_shared(&self, task: TaskRef) {
        if let Some(common) = &self.common {
            common.queue(task);
        }
    }

    /// What puts a task into the ready queue of the loop that this thread is inside of.
    #[inline]
    pub(crate) fn queue(&self) -> fn(TaskRef) {
        self.queue
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

impl Deref for HomeRef {
    type Target = Home;

    #[inline]
    fn deref(&self) -> &Home {
        // SAFETY: alive. This reference is counted, and `Home` is freed at count 0 only; see rule
        // 3.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for HomeRef {
    #[inline]
    fn clone(&self) -> Self {
        if self.is_here() {
            self.here.set(self.here.get() + 1);
        } else if !purse::take(self) {
            // Relaxed: the new reference comes from a live one, so nothing can be freed meanwhile.
            self.away.fetch_add(1, Ordering::Relaxed);
        }
        Self(self.0)
    }
}

impl Drop for HomeRef {
    #[inline]
    fn drop(&mut self) {
        if self.is_here() {
            // Below 0 if strangers cloned what is dropped here; only the sum has a meaning. Nobody
            // frees at home: `settle` has yet to come, and holds a reference until then.
            self.here.set(self.here.get() - 1);
            return;
        }
        if purse::put(self) {
            return;
        }
        // AcqRel: the releases of all others happen before the free by the last one.
        if self.away.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: exclusive. The count just became 0 and the bias is gone, so this was the
            // last reference; the box came from `new`; see rule 3.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

impl std::fmt::Debug for HomeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HomeRef({:#x})", self.word())
    }
}

/// See [`HomeRef::enter`]. Puts back who was home before.
pub(crate) struct AtHome {
    outer: usize,
}

impl Drop for AtHome {
    fn drop(&mut self) {
        HERE.with(|here| here.set(self.outer));
    }
}

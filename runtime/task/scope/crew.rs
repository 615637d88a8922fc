//! Floor 5. Children inside one task, as many as come: the engine of the scopes.
//!
//! `combine/children.rs` has one block for a number of children that is known. Here they come while
//! the others run, from the body, from each other, from another thread; so each is a box of its
//! own, with a bell of its own (`bells.rs`), and there is a hatch through which new ones are handed
//! in:
//!
//! ```text
//!   Hatch (clonable) ── hand in ──▶ [ new, new ]  + ring
//!                                        │ taken in at the next round
//!   Crew (in the scope's future) ── slab of { child, bell, round } ◀── key ── bells ◀── wakes
//! ```
//!
//! Rules
//! 1. A bell is in the list at most once, however often it is woken: its flag is set by who puts it
//!    in, and cleared before its child is polled.
//! 2. A child is polled once a round, and who comes during a round has its turn in the next. So
//!    whoever wakes himself or spawns for ever does not keep the task from giving way.
//! 3. When the task's budget is spent the round ends. The key that was taken out is kept, and comes
//!    first next time: to put it at the back would let some starve.
//! 4. When a child fails or panics, all others are dropped before anybody hears of it.
//! 5. The hatch outlives the crew, in the hands of whoever has a clone. It is closed then, and
//!    drops what is handed in.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use slab::Slab;

use crate::shim::atomic::{AtomicBool, Ordering::AcqRel};
use crate::shim::{Mutex, lock};
use crate::task::bells::{Bells, Key};
use crate::{budget, roll_call};

/// The key that means "look into the hatch".
const HATCH: Key = Key { slot: usize::MAX, number: 0 };

/// The way in; `C` is a boxed child.
pub(crate) struct Hatch<C> {
    bells: Arc<Bells>,
    /// None: closed.
    new: Mutex<Option<VecDeque<C>>>,
}

impl<C> Hatch<C> {
    /// Hands a child in, which is dropped if the hatch is closed (rule 5).
    pub(crate) fn hand_in(&self, child: C) {
        let mut new = lock(&self.new);
        match &mut *new {
            Some(children) => {
                children.push_back(child);
                let is_first = children.len() == 1;
                drop(new);
                if is_first {
                    self.bells.ring(HATCH); // nobody has rung for this one, or is about to
                }
            }
            None => {
                drop(new);
                drop(child); // after the lock: it is other people's code
            }
        }
    }

    fn take(&self) -> VecDeque<C> {
        lock(&self.new).as_mut().map(mem::take).unwrap_or_default()
    }

    /// Looking and closing in one step: nobody is handed in between.
    fn close_if_empty(&self) -> bool {
        let mut new = lock(&self.new);
        let is_empty = new.as_ref().is_none_or(VecDeque::is_empty);
        if is_empty {
            *new = None;
        }
        is_empty
    }

    fn close(&self) -> Option<VecDeque<C>> {
        lock(&self.new).take()
    }
}

/// The waker of one child.
struct Bell {
    key: Key,
    /// Its key is in the list (rule 1).
    rung: AtomicBool,
    bells: Arc<Bells>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // AcqRel: pairs with the swap in `poll_child`. Either that one sees what this thread wrote
        // before it woke, or this one sees `false` and a key follows.
        if !self.rung.swap(true, AcqRel) {
            self.bells.ring(self.key);
        }
    }
}

struct Entry<C> {
    child: C,
    bell: Arc<Bell>,
    waker: Waker,
    /// The round in which it was polled last, or came in (rule 2).
    round: u64,
}

/// The children, and whose turn it is.
pub(crate) struct Crew<C> {
    hatch: Arc<Hatch<C>>,
    entries: Slab<Entry<C>>,
    /// Taken out of the list, and not seen to (rule 3).
    held: Option<Key>,
    round: u64,
    next_number: u64,
}

impl<C, E> Crew<C>
where
    C: Future<Output = Result<(), E>> + Unpin,
{
    pub(crate) fn new() -> (Self, Arc<Hatch<C>>) {
        let new = Mutex::new(Some(VecDeque::new()));
        let hatch = Arc::new(Hatch { bells: Arc::new(Bells::new()), new });
        let crew = Self {
            hatch: hatch.clone(),
            entries: Slab::new(),
            held: None,
            round: 0,
            next_number: 0,
        };
        (crew, hatch)
    }

    /// One round. Ready when all have ended well, or one has failed and all others are dropped.
    ///
    /// # Panics
    ///
    /// With the panic of a child, when all others are dropped.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.take_in(); // who was there before this round has a turn in it
        self.round += 1;
        if roll_call::is_on() {
            self.hatch.bells.hang_up(); // nobody is woken by what we ask here
            self.entries.iter().for_each(|(_, entry)| entry.waker.wake_by_ref());
        }
        loop {
            if self.entries.is_empty() && self.hatch.close_if_empty() {
                return Poll::Ready(Ok(()));
            }
            let Some(key) = self.held.take().or_else(|| self.hatch.bells.pop()) else {
                if self.hatch.bells.listen(cx.waker()) {
                    return Poll::Pending;
                }
                continue;
            };
            if key == HATCH {
                self.take_in();
                continue;
            }
            let Some(entry) = self.entries.get(key.slot).filter(|at| at.bell.key == key) else {
                continue; // it has ended
            };
            if entry.round == self.round || !budget::remains() {
                self.held = Some(key);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.poll_child(key.slot) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.leave(key.slot),
                Poll::Ready(Err(error)) => {
                    self.clear();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    fn poll_child(&mut self, slot: usize) -> Poll<Result<(), E>> {
        let entry = &mut self.entries[slot];
        entry.round = self.round;
        entry.bell.rung.swap(false, AcqRel); // see `Bell::wake_by_ref`
        let mut cx = Context::from_waker(&entry.waker);
        let child = Pin::new(&mut entry.child);
        match catch_unwind(AssertUnwindSafe(|| child.poll(&mut cx))) {
            Ok(polled) => polled,
            Err(payload) => self.panicked(payload),
        }
    }

    /// Drops a child that has ended well. Its drop may panic like its poll.
    fn leave(&mut self, slot: usize) {
        let entry = self.entries.remove(slot);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(entry))) {
            self.panicked(payload);
        }
    }

    fn panicked(&mut self, payload: Box<dyn Any + Send>) -> ! {
        // A drop may panic, too; the first panic is the one that goes on (rule 4).
        let _ = catch_unwind(AssertUnwindSafe(|| self.clear()));
        resume_unwind(payload)
    }
}

impl<C> Crew<C> {
    /// Gives those who were handed in a place; the current round is behind them (rule 2).
    fn take_in(&mut self) {
        for child in self.hatch.take() {
            let slot = self.entries.vacant_key();
            let key = Key { slot, number: self.next_number };
            self.next_number += 1;
            let bells = self.hatch.bells.clone();
            let bell = Arc::new(Bell { key, rung: AtomicBool::new(true), bells });
            let waker = Waker::from(bell.clone());
            self.entries.insert(Entry { child, bell, waker, round: self.round });
            self.hatch.bells.ring(key);
        }
    }

    /// Drops all, in the order of their slots, and closes the hatch. The first panic of a drop goes
    /// on when all are gone: a second one on its way would be the end of the process.
    fn clear(&mut self) {
        let new = self.hatch.close().unwrap_or_default();
        self.hatch.bells.hang_up();
        let entries = mem::take(&mut self.entries).into_iter();
        let mut first = None;
        for child in entries.map(|(_, entry)| entry.child).chain(new) {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(child))) {
                first.get_or_insert(payload);
            }
        }
        if let Some(payload) = first.filter(|_| !thread::panicking()) {
            resume_unwind(payload);
        }
    }
}

impl<C> Drop for Crew<C> {
    fn drop(&mut self) {
        self.clear();
    }
}

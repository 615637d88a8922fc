//! Floor 1. The one place where anybody waits: a count of permits and a queue of wakers.
//!
//! A lock is one permit, a semaphore is n, a bounded channel has one per free place, and a
//! notification is a permit that somebody leaves on the table. So there is one queue, and it is
//! right once. While nobody waits a permit costs one compare-and-swap on the word:
//!
//! ```text
//!   word:  | free permits | CLOSED | WAITING |        queue (under the lock):
//!                                                      front -> [needs 3] -> [needs 1] <- back
//!   WAITING clear: anybody moves permits by compare-and-swap     taken out when served, the
//!   WAITING set:   only the holder of the lock writes the word   place stays until picked up
//! ```
//!
//! Rules
//! 1. WAITING is set exactly when the queue has a waiter; it changes only under the lock.
//! 2. While WAITING is set the word belongs to the holder of the lock. Everybody else's
//!    compare-and-swap fails, because it expects WAITING to be clear. So relaxed loads and plain
//!    stores are enough: who set WAITING acquired all that was released before, and the lock passes
//!    it on.
//! 3. First come, first served. Permits pile up for the front waiter, however much it needs; nobody
//!    overtakes it, because takers without a place are refused while WAITING is set.
//! 4. A permit is handed over, not announced: it leaves the word when its waiter is served. A
//!    waiter that was served and goes away without picking up hands its permits on.
//! 5. Wakers are cloned, woken and dropped after the lock is released.
//!
//! Knows nothing of tasks or executors; safe code only: places are numbers in a slab.
//! Real world: tokio links nodes that live in the waiting futures (`batch_semaphore`, unsafe); the
//! kernel's futex keeps the queue and leaves the word to you; curio has the same "one list for
//! all".

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::shim::atomic::{AtomicUsize, Ordering::*};
use crate::shim::{Mutex, MutexGuard, const_outside_loom, lock};
use slab::Slab;

/// Somebody waits (rule 1).
const WAITING: usize = 1;
/// No permit will be given out any more.
const CLOSED: usize = 2;
/// One free permit.
const PERMIT: usize = 4;
/// The most permits one list can count: the same number as tokio's, with a bit to spare.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> 3;

/// No place in the queue.
const NOWHERE: usize = usize::MAX;

/// Permits, and those who wait for them.
#[derive(Debug)]
pub(crate) struct WaitList {
    word: AtomicUsize,
    queue: Mutex<Queue>,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The list was closed.
    Closed,
    /// Too few are free, or others were here first.
    Short,
}

/// Woken without a permit: the list was closed, or everybody was sent away at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dismissed;

/// Who is served first: the one who waits longest, or the one who came last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

impl WaitList {
    const_outside_loom! {
        /// A list with `permits` free permits and nobody waiting.
        pub(crate) const fn new(permits: usize) -> Self {
            assert!(permits <= MAX_PERMITS, "more permits than MAX_PERMITS");
            Self { word: AtomicUsize::new(permits * PERMIT), queue: Mutex::new(Queue::new()) }
        }
    }

    /// How many permits a newcomer could have now: none while others wait for them (rule 3).
    pub(crate) fn free(&self) -> usize {
        let word = self.word.load(Acquire);
        if word & WAITING == 0 { word / PERMIT } else { 0 }
    }

    /// Whether somebody waits.
    pub(crate) fn has_waiters(&self) -> bool {
        // Relaxed: an answer for now; who needs more must look again after making a mark.
        self.word.load(Relaxed) & WAITING != 0
    }

    /// Whether [`close`](Self::close) was called.
    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: who sees the closing sees what was done before it; pairs with `dismiss`.
        self.word.load(Acquire) & CLOSED != 0
    }

    /// Takes `n` permits if that is possible at once.
    #[inline]
    pub(crate) fn try_acquire(&self, n: usize) -> Result<(), Refused> {
        let mut word = self.word.load(Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            if n > 0 && (word & WAITING != 0 || word / PERMIT < n) {
                return Err(Refused::Short);
            }
            // Acquire: what was done under the permit before; pairs with Release in `release`.
            match self.word.compare_exchange_weak(word, word - n * PERMIT, Acquire, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Takes up to `at_most` free permits (none while others wait), and says how many.
    pub(crate) fn take_free(&self, at_most: usize) -> usize {
        let mut word = self.word.load(Relaxed);
        loop {
            let n = at_most.min(word / PERMIT);
            if word & WAITING != 0 || n == 0 {
                return 0;
            }
            // Acquire: as in `try_acquire`.
            match self.word.compare_exchange_weak(word, word - n * PERMIT, Acquire, Relaxed) {
                Ok(_) => return n,
                Err(now) => word = now,
            }
        }
    }

    /// Waits for `n` permits; dropping the future is safe at any time.
    pub(crate) fn acquire(&self, n: usize) -> Acquire<'_> {
        Acquire { list: self, n, place: Place::default() }
    }

    /// Gives `n` permits to those who wait, in their order; what is left over becomes free.
    ///
    /// Panics if more than [`MAX_PERMITS`] would be free.
    #[inline]
    pub(crate) fn release(&self, n: usize) {
        if n == 0 {
            return;
        }
        let mut word = self.word.load(Relaxed);
        while word & WAITING == 0 {
            let more = add(word, n);
            // Release: what was done under the permit; pairs with Acquire in `try_acquire`.
            match self.word.compare_exchange_weak(word, more, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.release_to_waiters(n);
    }

    #[cold]
    fn release_to_waiters(&self, n: usize) {
        let mut wakes = Wakes::default();
        let mut queue = lock(&self.queue);
        if self.word.load(Relaxed) & WAITING != 0 {
            self.serve(&mut queue, n, &mut wakes);
            drop(queue);
            return wakes.wake();
        }
        // They left while we came for the lock.
        drop(queue);
        self.release(n);
    }

    /// Gives one permit to the waiter at that end; if nobody waits, leaves at most one lying.
    pub(crate) fn leave_one(&self, end: End) {
        let mut word = self.word.load(Relaxed);
        loop {
            if word & WAITING != 0 {
                let mut queue = lock(&self.queue);
                if let Some(waker) = self.hand_one(&mut queue, end) {
                    drop(queue);
                    return waker.into_iter().for_each(Waker::wake);
                }
                word = self.word.load(Relaxed); // they left while we came for the lock
            }
            let one = (word & CLOSED) | PERMIT;
            // Release even if the permit lies there already: who takes it must see what we did
            // before; pairs with Acquire in `try_acquire`.
            match self.word.compare_exchange_weak(word, one, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Hands a fresh permit to one waiter. `None`: nobody waits.
    fn hand_one(&self, queue: &mut MutexGuard<'_, Queue>, end: End) -> Option<Option<Waker>> {
        let key = if end == End::Front { queue.front } else { queue.back };
        if key == NOWHERE {
            return None;
        }
        let waker = queue.finish(key, Stage::Served(end));
        self.store(queue, self.word.load(Relaxed)); // rule 2
        Some(waker)
    }

    /// No permits any more: refuses newcomers and dismisses all who wait.
    pub(crate) fn close(&self) {
        self.dismiss(CLOSED, || ());
    }

    /// Sends away everybody who waits now. `meanwhile` runs under the lock, so that a newcomer
    /// comes either before it (and is sent away) or after it (and can see what it did).
    pub(crate) fn dismiss_all(&self, meanwhile: impl FnOnce()) {
        self.dismiss(0, meanwhile);
    }

    fn dismiss(&self, mark: usize, meanwhile: impl FnOnce()) {
        let mut wakes = Wakes::default();
        let mut queue = lock(&self.queue);
        meanwhile();
        // Release: who sees the mark sees what was done before; pairs with Acquire in `is_closed`.
        // Not a store, as WAITING may be clear (rule 2).
        self.word.fetch_or(mark, Release);
        if queue.front != NOWHERE {
            while queue.front != NOWHERE {
                let front = queue.front;
                wakes.push(queue.finish(front, Stage::Dismissed));
            }
            self.store(&queue, self.word.load(Relaxed)); // rule 2
        }
        drop(queue);
        wakes.wake();
    }

    /// Serves from the front with what is free and `extra` permits (rule 3), under the lock and
    /// with WAITING set (rule 2).
    fn serve(&self, queue: &mut MutexGuard<'_, Queue>, extra: usize, wakes: &mut Wakes) {
        let word = add(self.word.load(Relaxed), extra); // rule 2
        let mut free = word / PERMIT;
        while queue.front != NOWHERE && queue.waiters[queue.front].needs <= free {
            let front = queue.front;
            free -= queue.waiters[front].needs;
            wakes.push(queue.finish(front, Stage::Served(End::Front)));
        }
        self.store(queue, (free * PERMIT) | (word & CLOSED));
    }

    /// Writes the word with the WAITING that the queue demands (rules 1 and 2).
    fn store(&self, queue: &Queue, word: usize) {
        let waiting = if queue.front == NOWHERE { 0 } else { WAITING };
        // Release: what was done under the permits that are free now, by those who came here
        // through the lock; pairs with Acquire in `try_acquire`.
        self.word.store((word & !WAITING) | waiting, Release);
    }

    /// One step of waiting for `n` permits: the future behind [`acquire`](Self::acquire) and its
    /// kin. Ready when the permits are the caller's, or it was dismissed, or `stale` says (under
    /// the lock, before it gets a place) that it should not wait at all. Without a waker the place
    /// is taken all the same, silently. Whoever drops `place` early must [`leave`](Self::leave).
    #[inline]
    pub(crate) fn poll(
        &self,
        place: &mut Place,
        n: usize,
        waker: Option<&Waker>,
        stale: impl Fn() -> bool,
    ) -> Poll<Result<(), Dismissed>> {
        if place.key != NOWHERE {
            return self.poll_place(place, waker);
        }
        match self.try_acquire(n) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Refused::Closed) => Poll::Ready(Err(Dismissed)),
            Err(Refused::Short) => self.take_place(place, n, waker, stale),
        }
    }

    fn take_place(
        &self,
        place: &mut Place,
        n: usize,
        waker: Option<&Waker>,
        stale: impl Fn() -> bool,
    ) -> Poll<Result<(), Dismissed>> {
        let waker = waker.cloned(); // before the lock (rule 5); dropped after it
        let mut queue = lock(&self.queue);
        if stale() {
            return Poll::Ready(Err(Dismissed));
        }
        if let Some(ready) = self.announce(n) {
            drop(queue);
            return Poll::Ready(ready);
        }
        place.key = queue.join(n, waker);
        Poll::Pending
    }

    /// Sets WAITING before a place is taken, unless that turned out to be unnecessary.
    fn announce(&self, n: usize) -> Option<Result<(), Dismissed>> {
        let mut word = self.word.load(Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Some(Err(Dismissed));
            }
            if word & WAITING != 0 {
                return None;
            }
            let enough = word / PERMIT >= n;
            let next = if enough { word - n * PERMIT } else { word | WAITING };
            // Acquire: for ourselves as in `try_acquire`; with WAITING for all who come next
            // (rule 2).
            match self.word.compare_exchange_weak(word, next, Acquire, Relaxed) {
                Ok(_) => return enough.then_some(Ok(())),
                Err(now) => word = now,
            }
        }
    }

    /// Looks what became of a place in the queue.
    fn poll_place(&self, place: &mut Place, waker: Option<&Waker>) -> Poll<Result<(), Dismissed>> {
        let mut fresh = None; // a clone of `waker`, made outside the lock (rule 5)
        loop {
            let mut queue = lock(&self.queue);
            let waiter = &mut queue.waiters[place.key];
            let result = match waiter.stage {
                Stage::Served(_) => Ok(()),
                Stage::Dismissed => Err(Dismissed),
                Stage::Waiting => {
                    let Some(waker) = waker else { return Poll::Pending };
                    if waiter.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
                        return Poll::Pending;
                    }
                    if let Some(fresh) = fresh.take() {
                        let old = waiter.waker.replace(fresh);
                        drop(queue);
                        drop(old); // after the lock (rule 5)
                        return Poll::Pending;
                    }
                    drop(queue);
                    fresh = Some(waker.clone());
                    continue;
                }
            };
            queue.waiters.remove(place.key);
            place.key = NOWHERE;
            return Poll::Ready(result);
        }
    }

    /// Gives up a place. Says from which end its permits came if it had been served: they are the
    /// caller's now, who must give them back (rule 4).
    #[must_use]
    pub(crate) fn leave(&self, place: &mut Place) -> Option<End> {
        let key = mem::replace(&mut place.key, NOWHERE);
        if key == NOWHERE {
            return None;
        }
        let mut wakes = Wakes::default();
        let mut queue = lock(&self.queue);
        let stage = queue.waiters[key].stage;
        let waker = if stage == Stage::Waiting {
            let waker = queue.finish(key, Stage::Dismissed);
            // It may have stood at the front, before others who need less.
            self.serve(&mut queue, 0, &mut wakes);
            waker
        } else {
            None
        };
        queue.waiters.remove(key);
        drop(queue);
        drop(waker); // after the lock (rule 5)
        wakes.wake();
        if let Stage::Served(end) = stage { Some(end) } else { None }
    }
}

/// `word` with `n` more free permits.
#[inline]
fn add(word: usize, n: usize) -> usize {
    assert!(
        n <= MAX_PERMITS - word / PERMIT,
        "number of added permits ({n}) would overflow MAX_PERMITS ({MAX_PERMITS})"
    );
    word + n * PERMIT
}

/// A waiter's place in the queue, or none.
#[derive(Debug)]
pub(crate) struct Place {
    key: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self { key: NOWHERE }
    }
}

/// Waits for permits. `Ok`: they are the caller's. `Err`: the list is closed.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Acquire<'a> {
    list: &'a WaitList,
    n: usize,
    place: Place,
}

impl Future for Acquire<'_> {
    type Output = Result<(), Dismissed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.list.poll(&mut this.place, this.n, Some(cx.waker()), || false)
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.place.key != NOWHERE && self.list.leave(&mut self.place).is_some() {
            self.list.release(self.n);
        }
    }
}

/// How far a waiter has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In the queue.
    Waiting,
    /// Out of the queue; its permits wait to be picked up. Which end it was served from.
    Served(End),
    /// Out of the queue, without permits.
    Dismissed,
}

#[derive(Debug)]
struct Waiter {
    waker: Option<Waker>,
    needs: usize,
    prev: usize,
    next: usize,
    stage: Stage,
}

/// The queue itself: plain data, doubly linked by number, so that a waiter leaves in O(1).
#[derive(Debug)]
struct Queue {
    waiters: Slab<Waiter>,
    front: usize,
    back: usize,
}

impl Queue {
    const fn new() -> Self {
        Self { waiters: Slab::new(), front: NOWHERE, back: NOWHERE }
    }

    /// A new place at the back.
    fn join(&mut self, needs: usize, waker: Option<Waker>) -> usize {
        let prev = self.back;
        let stage = Stage::Waiting;
        let key = self.waiters.insert(Waiter { waker, needs, prev, next: NOWHERE, stage });
        match self.waiters.get_mut(prev) {
            Some(prev) => prev.next = key,
            None => self.front = key,
        }
        self.back = key;
        key
    }

    /// Unlinks a waiter and hands out its waker; the place stays until its owner has looked.
    fn finish(&mut self, key: usize, stage: Stage) -> Option<Waker> {
        let waiter = &mut self.waiters[key];
        waiter.stage = stage;
        let (prev, next, waker) = (waiter.prev, waiter.next, waiter.waker.take());
        match self.waiters.get_mut(prev) {
            Some(prev) => prev.next = next,
            None => self.front = next,
        }
        match self.waiters.get_mut(next) {
            Some(next) => next.prev = prev,
            None => self.back = prev,
        }
        waker
    }
}

/// Wakers to wake once the lock is released (rule 5). One needs no heap.
#[derive(Debug, Default)]
struct Wakes {
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl Wakes {
    fn push(&mut self, waker: Option<Waker>) {
        if self.first.is_none() {
            self.first = waker;
        } else {
            self.rest.extend(waker);
        }
    }

    fn wake(self) {
        self.first.into_iter().chain(self.rest).for_each(Waker::wake);
    }
}

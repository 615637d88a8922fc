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
//! The life of a waiter, in five steps. A has the one permit of a lock, B wants it:
//!
//! ```text
//!                                                              word, as free|CLOSED|WAITING
//!   1 try      B finds no permit by compare-and-swap              0|0|0
//!   2 join     B takes the inner lock, looks again, sets          0|0|1
//!              WAITING and stands in the queue with its waker
//!   3 serve    A releases: WAITING, so it takes the inner lock    0|0|0
//!              and gives its permit to B's place; then wakes B
//!   4 pick up  B is polled, finds its place served, frees it:     0|0|0
//!              Ready
//!   5 or leave B was dropped before 4: its permit goes to         1|0|0
//!              the next in line, or back into the word
//! ```
//!
//! Without "looks again" in step 2 a release between 1 and 2 would find nobody to serve, and B
//! would wait for ever. Between 3 and 4 the permit is B's though B does not run yet: a C that tries
//! finds none. That is the price of fairness; std's `Mutex` lets C have it, and B may wait long.
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

use crate::shim::atomic::{AtomicUsize, Ordering::*, fence};
use crate::shim::{Mutex, MutexGuard, const_outside_loom, lock};
use crate::wakes::Wakes;
use slab::Slab;

// The word in numbers: 12 is three free permits, 13 the same while somebody needs more than three,
// 14 three on a closed list. Both marks in one word with the count, so that one compare-and-swap
// decides "enough, and open, and nobody before me".

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
/// Room for so many places is kept when nobody waits any more; that of a rush is not.
const ROOM_MAX: usize = 1_024;

/// Permits, and those who wait for them.
///
/// Two parts, because the two cases are so different: nearly always nobody waits, and then one
/// atomic operation is all (about 8 ns; a std lock and unlock are 14). When somebody waits a task
/// switch is due anyway, and the inner lock is small beside it.
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

/// Woken without a permit: the list was closed, or everybody was sent away at once. For a lock that
/// is an error; for a notification to all (`Notify::notify_waiters`) it is the news itself.
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
        // Acquire: who reads "all are back" sees what the holders did.
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
                // Acquire: who is refused sees what was done before; pairs with `dismiss`.
                fence(Acquire);
                return Err(Refused::Closed);
            }
            // No permits at all may be had past the queue: that overtakes nobody, and the exchange
            // below then writes what is there, so that it does not disturb rule 2.
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

    /// Waits for `n` permits; dropping the future is safe at any time. It takes its place at its
    /// first poll, not here: a future that is made and never polled does not hold up the line.
    pub(crate) fn acquire(&self, n: usize) -> Acquire<'_> {
        Acquire { list: self, n, place: Place::default() }
    }

    /// Gives `n` permits to those who wait, in their order; what is left over becomes free.
    ///
    /// Panics if more than [`MAX_PERMITS`] would be free.
    #[inline]
    pub(crate) fn release(&self, n: usize) {
        if !self.release_free(n) {
            self.release_to_waiters(n).wake();
        }
    }

    /// [`release`](Self::release) by one who has a lock: whom to wake comes back (rule 5).
    pub(crate) fn release_quietly(&self, n: usize) -> Wakes {
        if self.release_free(n) { Wakes::default() } else { self.release_to_waiters(n) }
    }

    /// Makes `n` permits free, unless somebody waits for them.
    #[inline]
    fn release_free(&self, n: usize) -> bool {
        // Relaxed, here and above each exchange: a guess, which the exchange confirms or corrects.
        let mut word = self.word.load(Relaxed);
        while n > 0 && word & WAITING == 0 {
            let more = add(word, n);
            // Release: what was done under the permit; pairs with Acquire in `try_acquire`.
            match self.word.compare_exchange_weak(word, more, Release, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        n == 0
    }

    // Out of line, so that the short way stays small enough to be inlined.
    #[cold]
    fn release_to_waiters(&self, n: usize) -> Wakes {
        let mut wakes = Wakes::default();
        let mut queue = lock(&self.queue);
        if self.word.load(Relaxed) & WAITING != 0 {
            self.serve(&mut queue, n, &mut wakes);
            return wakes;
        }
        // They left while we came for the lock. Others may come while we try again: each round
        // means that somebody else got ahead, so it does not go on for ever.
        drop(queue);
        self.release_quietly(n)
    }

    /// Gives one permit to the waiter at that end; if nobody waits, leaves at most one lying.
    ///
    /// A notification: "something has changed" said twice to nobody is still one piece of news.
    pub(crate) fn leave_one(&self, end: End) {
        let mut word = self.word.load(Relaxed);
        loop {
            if word & WAITING != 0 {
                if self.hand_out(1, end) > 0 {
                    return;
                }
                // They left while we came for the lock. Others may have come since: look again, or
                // the exchange would take their WAITING away (rule 1).
                word = self.word.load(Relaxed);
                continue;
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

    /// Gives a fresh permit each to up to `n` who wait, from that end, and says to how many. They
    /// do not pass through the word, where the front waiter would have a claim to them.
    pub(crate) fn hand_out(&self, n: usize, end: End) -> usize {
        let mut wakes = Wakes::default();
        let mut queue = lock(&self.queue);
        let count = self.take_out(&mut queue, n, Stage::Served(end), &mut wakes);
        drop(queue);
        wakes.wake();
        count
    }

    /// No permits any more: refuses newcomers and dismisses all who wait. Permits that are out stay
    /// valid and may come back; only nobody gets them again.
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
        meanwhile(); // ours, not a user's: it may run under the lock (rule 5)
        // Release: who sees the mark sees what was done before; pairs with Acquire in `is_closed`
        // and `try_acquire`. Not a store, as WAITING may be clear (rule 2).
        self.word.fetch_or(mark, Release);
        self.take_out(&mut queue, usize::MAX, Stage::Dismissed, &mut wakes);
        drop(queue);
        wakes.wake();
    }

    /// Takes up to `n` waiters out of the queue, under the lock; returns how many it were.
    fn take_out(&self, queue: &mut Queue, n: usize, stage: Stage, wakes: &mut Wakes) -> usize {
        let mut count = 0;
        while count < n && queue.front != NOWHERE {
            let key = if stage == Stage::Served(End::Back) { queue.back } else { queue.front };
            wakes.push(queue.finish(key, stage));
            count += 1;
        }
        if count > 0 {
            self.store(queue, self.word.load(Relaxed)); // rule 2
        }
        count
    }

    /// Serves from the front with what is free and `extra` permits (rule 3), under the lock and
    /// with WAITING set (rule 2).
    ///
    /// Front needs 3, next needs 1, none is free: the first two releases only add to the word, the
    /// third serves the front. To serve the small one first would be kind, until small ones come
    /// all day and the big one never gets its turn.
    fn serve(&self, queue: &mut MutexGuard<'_, Queue>, extra: usize, wakes: &mut Wakes) {
        let word = add(self.word.load(Relaxed), extra); // rule 2
        let mut free = word / PERMIT;
        while queue.front != NOWHERE && queue.waiters[queue.front].needs <= free {
            let front = queue.front;
            free -= queue.waiters[front].needs;
            wakes.push(queue.finish(front, Stage::Served(End::Front)));
        }
        // One store for all: nobody could look at the word meanwhile and act on it (rule 2).
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
        // With a place, the word says nothing to us: our permit comes to the place (rule 4).
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
        // Locals are dropped in the reverse order of their making: so on an early return the lock
        // goes before the waker.
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

    /// Sets WAITING before a place is taken, unless that turned out to be unnecessary. This is the
    /// second look of step 2, and by its exchange nothing can slip in between look and mark: either
    /// the permit was there, or whoever releases from now on finds WAITING and comes for the lock.
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
    ///
    /// Two rounds if the waker is new: one to find that out, then the clone without the lock, then
    /// one to put it in. The stage is read again in the second: the waiter may have been served
    /// meanwhile, by a wake of the old waker that would otherwise be the last one.
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
            // No waker drops here, under the lock: who served or dismissed us has taken it out.
            queue.remove(place.key);
            place.key = NOWHERE;
            return Poll::Ready(result);
        }
    }

    /// Gives up a place, whatever became of it:
    ///
    /// - still waiting: out of the queue. If it stood in front and needed much, those behind it may
    ///   be served at once by what had piled up for it;
    /// - served: the permits are there and nobody will pick them up;
    /// - dismissed: nothing is left to do.
    ///
    /// Says from which end its permits came if it had been served: they are the caller's now, who
    /// must give them back (rule 4). (A notification goes on to the next one from the same end.)
    #[must_use]
    pub(crate) fn leave(&self, place: &mut Place) -> Option<End> {
        let key = mem::replace(&mut place.key, NOWHERE);
        if key == NOWHERE {
            return None;
        }
        let mut wakes = Wakes::default();
        let mut queue = lock(&self.queue);
        let stage = queue.waiters[key].stage;
        let mut waker = None;
        if stage == Stage::Waiting {
            waker = queue.finish(key, Stage::Dismissed);
            // It may have stood at the front, before others who need less.
            self.serve(&mut queue, 0, &mut wakes);
        }
        queue.remove(key);
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

/// A waiter's place in the queue, or none. The future that waits owns it, and must not forget it:
/// what is served to a place that nobody looks at is lost. A number, so the future may move about
/// and be dropped anywhere without unsafe code; the price is a slab on the heap.
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
        let waited = this.place.key != NOWHERE;
        let result = this.list.poll(&mut this.place, this.n, Some(cx.waker()), || false);
        // Served, then closed, then polled: nobody is to get a permit after the closing.
        if waited && result == Poll::Ready(Ok(())) && this.list.is_closed() {
            this.list.release(this.n);
            return Poll::Ready(Err(Dismissed));
        }
        result
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        // Served, but never polled again: without this the permit would be lost for good (rule 4).
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
    /// Empty also while waiting: a place can be taken before there is a task to wake (`poll`).
    waker: Option<Waker>,
    needs: usize,
    prev: usize,
    next: usize,
    stage: Stage,
}

/// The queue itself: plain data, doubly linked by number, so that a waiter leaves in O(1). A
/// timeout makes it leave from anywhere, not only from the front.
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

    /// Unlinks a waiter and hands out its waker; the place stays until its owner has looked. Its
    /// number is thus not given to another one while the owner still believes in it.
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

    /// Gives up a place that its owner has looked at.
    fn remove(&mut self, key: usize) {
        self.waiters.remove(key);
        if self.waiters.is_empty() && self.waiters.capacity() > ROOM_MAX {
            self.waiters = Slab::new();
        }
    }
}

//! Floor 5. What both kinds of channel share: the inbox, the places, and who is still there.
//!
//! ```text
//!   senders ──push──▶ [ inbox, under a lock ] ──swapped as a whole──▶ [ taken ] ──pop──▶ receiver
//!      ▲                                                                           │
//!      └───────────── places: one permit for each item not yet received ◀──────────┘
//! ```
//!
//! The receiver swaps its empty deque for the full inbox, so it takes the lock once for a whole
//! block of items, and both deques stay warm. The bound stays exact all the same: a place is freed
//! when the receiver pops the item, not when it takes the block.
//!
//! Rules
//! 1. A place of a bounded channel is free (in `places`, or `spare` in the inbox), or reserved by a
//!    sender, or has an item on it.
//! 2. Spare places save the senders an atomic operation each: whoever has the lock takes all free
//!    places at once and hands them out one by one. Nobody waits beside them: `places` gives none
//!    while it has waiters, and whoever began to wait pours the spare ones back.
//! 3. Once closed, the channel ends for the receiver when it is empty and no place is reserved:
//!    whoever reserved before the closing may still send. So whoever gives back the last place then
//!    wakes the receiver.
//! 4. While `seated` is set the receiver's waker lies in the inbox, so a receiver that looks again
//!    by the same waker need not take the lock: nothing has come. A `select!` over many idle
//!    channels does so each time. Whoever takes the waker out clears the mark first, under the
//!    lock, and then wakes.
//! 5. Items and wakers are dropped, and wakers cloned and woken, outside the lock.
//!
//! Real world: tokio has a linked list of blocks of 32 slots without a lock; Go's channel is a ring
//! under a lock; asyncio's `Queue` is a deque and two waiter lists.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use crate::leaf::leaf;
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::shim::{Arc, Mutex, MutexGuard, lock};
use crate::sync::senders::{Channel, Senders, Strong, Weak};
use crate::wait_list::{Dismissed, Place, Refused, WaitList};

/// The capacity of a channel without a bound.
pub(super) const UNBOUNDED: usize = usize::MAX;

/// An empty deque with room for more items is not kept if there is no bound: it comes from a rush.
/// Far more than what goes from hand to hand while both ends run.
const ROOM_MAX: usize = 1_024;

pub(super) struct Chan<T> {
    inbox: Mutex<Inbox<T>>,
    /// Written under the lock of the inbox (rule 4).
    seated: AtomicBool,
    /// The free places of a bounded channel (rule 1).
    places: WaitList,
    /// Never has a permit: where senders wait for the channel to close.
    closing: WaitList,
    pub(super) senders: Senders,
    capacity: usize,
}

/// A counted sending end.
pub(super) type Tx<T> = Strong<Chan<T>>;
/// A sending end that does not keep the channel open.
pub(super) type WeakTx<T> = Weak<Chan<T>>;

struct Inbox<T> {
    items: VecDeque<T>,
    /// Free places at hand (rule 2).
    spare: usize,
    receiver: Option<Waker>,
    /// Nobody may begin to send any more.
    closed: bool,
    no_senders: bool,
    no_receiver: bool,
}

/// A channel with so many places, and its two ends.
pub(super) fn channel<T>(capacity: usize) -> (Tx<T>, Rx<T>) {
    let inbox = Inbox {
        items: VecDeque::new(),
        spare: 0,
        receiver: None,
        closed: false,
        no_senders: false,
        no_receiver: false,
    };
    let chan = Arc::new(Chan {
        inbox: Mutex::new(inbox),
        seated: AtomicBool::new(false),
        places: WaitList::new(if capacity == UNBOUNDED { 0 } else { capacity }),
        closing: WaitList::new(0),
        senders: Senders::one(),
        capacity,
    });
    (Tx::first(chan.clone()), Rx { chan, taken: Mutex::new(VecDeque::new()), seated: (0, 0) })
}

impl<T> Chan<T> {
    /// Waits for `n` places.
    pub(super) fn reserve(&self, n: usize) -> Reserve<'_, T> {
        Reserve { chan: self, n, place: Place::default(), waiting: false }
    }

    /// Takes `n` places if they are free and nobody waits for them.
    pub(super) fn try_reserve(&self, n: usize) -> Result<(), Refused> {
        loop {
            match self.places.try_acquire(n) {
                Err(Refused::Short) if self.pour_back() => {}
                result => return result,
            }
        }
    }

    /// Pours the spare places back (rule 2); whether there were any.
    fn pour_back(&self) -> bool {
        let mut inbox = lock(&self.inbox);
        let spare = mem::take(&mut inbox.spare);
        // Under the lock: a receiver that counts the places of a closed channel, and finds some of
        // them neither here nor there, would wait for them (rule 3).
        let wakes = self.places.release_quietly(spare);
        drop(inbox);
        wakes.wake();
        spare > 0
    }

    /// Puts an item in if there is a place at once; hands it back with the reason if not.
    #[inline]
    pub(super) fn try_push(&self, item: T) -> Result<(), (T, Refused)> {
        let mut inbox = lock(&self.inbox);
        if inbox.closed {
            return Err((item, Refused::Closed));
        }
        if inbox.spare == 0 {
            inbox.spare = self.places.take_free(usize::MAX);
        }
        match inbox.spare.checked_sub(1) {
            None => return Err((item, Refused::Short)),
            Some(spare) => inbox.spare = spare,
        }
        self.put(inbox, item);
        Ok(())
    }

    /// Gives back `n` places that were reserved and not used.
    pub(super) fn unreserve(&self, n: usize) {
        if n == 0 {
            return;
        }
        self.places.release(n);
        if self.places.is_closed() {
            self.wake_receiver(|inbox| self.has_ended(inbox)); // rule 3
        }
    }

    /// Puts an item on a place that the caller reserved.
    pub(super) fn push(&self, item: T) {
        let inbox = lock(&self.inbox);
        if !inbox.no_receiver {
            self.put(inbox, item);
        }
    }

    /// Puts an item into a channel without places; hands it back if the channel is closed.
    #[inline]
    pub(super) fn push_unbounded(&self, item: T) -> Result<(), T> {
        let inbox = lock(&self.inbox);
        if inbox.closed {
            return Err(item);
        }
        self.put(inbox, item);
        Ok(())
    }

    /// Puts an item in, unlocks, and wakes the receiver.
    #[inline]
    fn put(&self, mut inbox: MutexGuard<'_, Inbox<T>>, item: T) {
        inbox.items.push_back(item);
        let waker = self.unseat(&mut inbox);
        drop(inbox);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the receiver's waker out (rule 4).
    #[inline]
    fn unseat(&self, inbox: &mut Inbox<T>) -> Option<Waker> {
        let waker = inbox.receiver.take()?;
        // Relaxed: the wake that follows has the receiver look again, and carries this to it.
        self.seated.store(false, Ordering::Relaxed);
        Some(waker)
    }

    /// Changes the inbox, and lets the receiver look at it if `change` says that this is worth it.
    fn wake_receiver(&self, change: impl FnOnce(&mut Inbox<T>) -> bool) {
        let mut inbox = lock(&self.inbox);
        let waker = if change(&mut inbox) { self.unseat(&mut inbox) } else { None };
        drop(inbox);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether the receiver will get nothing more, given that there is nothing now (rule 3).
    fn has_ended(&self, inbox: &Inbox<T>) -> bool {
        let unused =
            || self.capacity == UNBOUNDED || self.places.free() + inbox.spare == self.capacity;
        inbox.no_senders || (inbox.closed && unused())
    }

    fn close(&self) {
        let mut inbox = lock(&self.inbox);
        inbox.closed = true;
        // Relaxed: only the receiver closes. There may be nothing left to wait for.
        self.seated.store(false, Ordering::Relaxed);
        drop(inbox);
        self.places.close();
        self.closing.close();
    }

    /// Waits until the channel is closed.
    pub(super) async fn closed(&self, name: &'static str) {
        let _ = leaf(name, self.closing.acquire(1)).await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closing.is_closed()
    }

    pub(super) fn free_places(&self) -> usize {
        let inbox = lock(&self.inbox);
        self.places.free() + inbox.spare
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }
}

impl<T> Channel for Chan<T> {
    fn senders(&self) -> &Senders {
        &self.senders
    }

    fn last_sender_left(&self) {
        self.wake_receiver(|inbox| {
            inbox.no_senders = true;
            true
        });
    }
}

/// Waits for places. `Ok`: they are the caller's.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Reserve<'a, T> {
    chan: &'a Chan<T>,
    n: usize,
    place: Place,
    waiting: bool,
}

impl<T> Future for Reserve<'_, T> {
    type Output = Result<(), Dismissed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let waker = Some(cx.waker());
        let mut result = this.chan.places.poll(&mut this.place, this.n, waker, || false);
        if result.is_pending() && !this.waiting && this.chan.pour_back() {
            result = this.chan.places.poll(&mut this.place, this.n, waker, || false);
        }
        let waited = mem::replace(&mut this.waiting, result.is_pending());
        if waited && result == Poll::Ready(Ok(())) && this.chan.places.is_closed() {
            // Closed after it was served and before it could look. The place is not for a send that
            // would only find out by losing its item.
            this.chan.unreserve(this.n);
            return Poll::Ready(Err(Dismissed));
        }
        result
    }
}

impl<T> Drop for Reserve<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Not the drop of `Acquire`: places that come back may end the channel (rule 3).
        if self.waiting && self.chan.places.leave(&mut self.place).is_some() {
            self.chan.unreserve(self.n);
        }
    }
}

/// The receiving end.
pub(super) struct Rx<T> {
    chan: Arc<Chan<T>>,
    /// The block of items at hand. The lock is never taken on the way of an item (`get_mut` needs
    /// none); it makes the receiver `Sync` for items that are not.
    taken: Mutex<VecDeque<T>>,
    /// The waker that it left in the inbox last: addresses to be compared, never followed. Zeros
    /// when it has been woken by it.
    seated: (usize, usize),
}

/// Two wakers with the same word wake the same task, as long as one of them lives.
fn word(waker: &Waker) -> (usize, usize) {
    (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr())
}

/// What a look into the inbox brought.
enum Found<T> {
    /// The first one; the others are at hand now.
    Item(T),
    Nothing,
    End,
}

impl<T> Rx<T> {
    fn taken(&mut self) -> &mut VecDeque<T> {
        self.taken.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what lies in the inbox; if nothing does and there is a waker, leaves it there.
    #[inline(always)] // without a waker it is half as long
    fn look(&mut self, waker: Option<&Waker>) -> Found<T> {
        let mut waker = waker.cloned(); // before the lock (rule 5); dropped after it
        let taken = self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.chan.capacity == UNBOUNDED && taken.capacity() > ROOM_MAX {
            *taken = VecDeque::new(); // it is empty now
        }
        let mut inbox = lock(&self.chan.inbox);
        if let Some(first) = inbox.items.pop_front() {
            mem::swap(&mut inbox.items, taken);
            if self.chan.capacity == UNBOUNDED {
                return Found::Item(first);
            }
            // As we have the lock: a spare place costs nothing (rule 2).
            let wanted = self.chan.places.has_waiters();
            if !wanted {
                inbox.spare += 1;
            }
            drop(inbox);
            self.freed(usize::from(wanted));
            return Found::Item(first);
        }
        if self.chan.has_ended(&inbox) {
            return Found::End;
        }
        if let Some(new) = &waker {
            self.seated = word(new);
            // Relaxed: only the receiver asks; on another thread it comes with the receiver.
            self.chan.seated.store(true, Ordering::Relaxed);
            mem::swap(&mut inbox.receiver, &mut waker);
        }
        Found::Nothing
    }

    /// Pops one item at hand and frees its place.
    #[inline]
    fn pop(&mut self) -> Option<T> {
        let item = self.taken().pop_front()?;
        self.freed(1);
        Some(item)
    }

    fn freed(&self, n: usize) {
        if self.chan.capacity != UNBOUNDED {
            self.chan.places.release(n);
        }
    }

    #[inline]
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(item) = self.pop() {
            return Poll::Ready(Some(item));
        }
        // Relaxed: a value from before the last wake would be too old, and that one was seen.
        let seated = self.chan.seated.load(Ordering::Relaxed);
        if seated && self.seated == word(cx.waker()) {
            return Poll::Pending; // rule 4
        }
        // Whose waker was taken out finds what has come, nearly always: it needs no new one.
        let was_woken = !seated && mem::take(&mut self.seated) != (0, 0);
        if was_woken && let Found::Item(item) = self.look(None) {
            return Poll::Ready(Some(item));
        }
        match self.look(Some(cx.waker())) {
            Found::Item(item) => Poll::Ready(Some(item)),
            Found::Nothing => Poll::Pending,
            Found::End => Poll::Ready(None),
        }
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        let mut count = 0;
        while count < limit {
            if self.taken().is_empty() {
                match self.look((count == 0).then_some(cx.waker())) {
                    Found::Item(item) => {
                        buffer.push(item);
                        count += 1;
                    }
                    Found::Nothing if count == 0 => return Poll::Pending,
                    Found::Nothing | Found::End => break,
                }
            }
            let taken = self.taken();
            let n = taken.len().min(limit - count);
            buffer.extend(taken.drain(..n));
            self.freed(n);
            count += n;
        }
        Poll::Ready(count)
    }

    /// `Err(true)`: nothing will come any more.
    pub(super) fn try_recv(&mut self) -> Result<T, bool> {
        if let Some(item) = self.pop() {
            return Ok(item);
        }
        match self.look(None) {
            Found::Item(item) => Ok(item),
            Found::Nothing => Err(false),
            Found::End => Err(true),
        }
    }

    pub(super) fn close(&mut self) {
        self.chan.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        let inbox = lock(&self.chan.inbox);
        inbox.closed || inbox.no_senders
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.taken).len() + lock(&self.chan.inbox).items.len()
    }

    pub(super) fn chan(&self) -> &Chan<T> {
        &self.chan
    }
}

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        self.chan.close();
        let mut inbox = lock(&self.chan.inbox);
        inbox.no_receiver = true;
        let items = mem::take(&mut inbox.items);
        let waker = inbox.receiver.take();
        drop(inbox);
        let taken = mem::take(self.taken());
        self.freed(items.len() + taken.len());
        drop((waker, taken, items)); // after the lock (rule 5)
    }
}

//! Floor 5. Things that come out of a queue when their time has come.
//!
//! A cache with ten thousand entries that expire does not want ten thousand timers and tasks. It
//! wants one queue, which one task waits for: a wheel of its own with all the items (`wheel.rs`,
//! the one the loop has), and one [`Sleep`] for the wheel's next stop.
//!
//! ```text
//!   insert ─▶ items: slab of { value, deadline }      wheel of keys      due: keys, in order
//!                        ▲                                │                   │
//!                        └── remove, reset: by key        └─ advance ─────────┘──▶ poll_expired
//!                                          sleep: until the wheel's next stop
//! ```
//!
//! Rules
//! 1. `advance` is called only when nothing is due. So a key in `due` is of an item that is due, or
//!    of one that was removed or reset since and is passed over; never of one that fired again.
//! 2. Whoever polled last is woken when an item comes before the stop it waits for, and when the
//!    queue becomes empty under it. An item that goes away leaves the sleep as it is: at worst one
//!    poll in vain.
//! 3. A key holds a number that is never given out twice. `compact` moves items to other slots and
//!    notes where each has gone, so keys stay good.
//! 4. The ruler, which turns moments into ticks, is the clock of the loop that the first item was
//!    inserted in: items then come on the loop's own ticks, and no rounding is done twice.
//!
//! Real world: tokio-util's `DelayQueue` has a copy of tokio's wheel; Java's a heap behind a lock;
//! in asyncio one calls `call_later` for each item.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::Stream;
use slab::Slab;

use super::clock::{Clock, Instant};
use super::sleep::{Sleep, sleep_until};
use super::wheel::{self, Wheel};
use crate::current::{Handle, here};
use crate::leaf::poll_leaf;

/// A queue of items, each of which comes out at its deadline.
///
/// Items come in the order of their deadlines, and those of one deadline in the order in which they
/// were inserted. Deadlines are rounded up to the wheel's tick of 1 ms: never early. One that is
/// past when it is set counts as of that moment: its item comes at once, behind those that were due
/// before. The queue is a [`Stream`]; while it is empty the stream says `None`, and goes on when
/// something is inserted.
///
/// The twin of `tokio_util::time::DelayQueue`; in asyncio a `call_later` for each item.
///
/// **Cancel-safe:** yes. An item leaves the queue only in the hands of whoever polls.
/// **Cost:** O(1) to insert, remove and reset, no allocation but for more items than ever before;
/// one timer of the loop for all items.
///
/// ```
/// use rondel::time::{DelayQueue, Duration};
/// use std::future::poll_fn;
///
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     let mut sessions = DelayQueue::new();
///     let ada = sessions.insert("ada", Duration::from_secs(60));
///     sessions.insert("bob", Duration::from_secs(90));
///     sessions.reset(&ada, Duration::from_secs(120)); // she has just clicked
///     let first = poll_fn(|cx| sessions.poll_expired(cx)).await.unwrap();
///     assert_eq!(first.into_inner(), "bob");
///     assert_eq!(sessions.remove(&ada).into_inner(), "ada");
///     assert!(poll_fn(|cx| sessions.poll_expired(cx)).await.is_none());
/// });
/// ```
pub struct DelayQueue<T> {
    items: Slab<Item<T>>,
    /// The slots of items that `compact` has moved, by their numbers (rule 3).
    moved: HashMap<u64, usize>,
    next_number: u64,
    /// Made when the first item comes.
    timer: Option<Box<Timer>>,
    due: VecDeque<Key>,
    sleep: Option<Sleep>,
    /// Who polled last (rule 2).
    waker: Option<Waker>,
}

/// Names an item of a [`DelayQueue`]. A key is never used again: once its item has left the queue
/// it names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    slot: usize,
    number: u64,
}

struct Item<T> {
    value: T,
    deadline: Instant,
    number: u64,
    place: Place,
}

enum Place {
    Wheel(wheel::Key),
    Due,
}

/// The wheel, and what translates its ticks (rule 4).
struct Timer {
    ruler: Clock,
    wheel: Wheel<Key>,
    /// No item on the wheel is due before this tick. The wheel itself may name an earlier stop, at
    /// which it would only deal out a slot; this spares most of them a wake in vain.
    first_ticks: u64,
}

impl Timer {
    fn new() -> Self {
        let ruler = here(|lp| lp.clock.clone())
            .or_else(|| Handle::try_current().ok().map(|handle| handle.clock().clone()))
            .unwrap_or_else(Clock::new);
        Self { ruler, wheel: Wheel::new(0), first_ticks: 0 }
    }

    /// The tick of an item that is set `now`. What is past is not rounded up: it would wait for the
    /// next tick.
    fn ticks(&mut self, deadline: Instant, now: Instant) -> u64 {
        let ticks = if deadline <= now {
            self.ruler.ticks_down(now)
        } else {
            self.ruler.ticks_up(deadline)
        };
        let ticks = ticks.max(self.wheel.now_ticks());
        let others = if self.wheel.is_empty() { ticks } else { self.first_ticks };
        self.first_ticks = others.min(ticks);
        ticks
    }

    /// Moves what is due at `now` to `due`, which must be empty. Returns when to come back if there
    /// is nothing.
    fn advance(&mut self, now: Instant, due: &mut VecDeque<Key>) -> Option<Instant> {
        let mut fired = Vec::from(std::mem::take(due)); // empty: no key is moved, here or below
        self.wheel.advance(self.ruler.ticks_down(now), &mut fired);
        *due = VecDeque::from(fired);
        let stop = self.wheel.next_deadline_ticks().filter(|_| due.is_empty())?;
        self.first_ticks = self.first_ticks.max(stop);
        Some(self.ruler.instant_of(self.first_ticks))
    }
}

impl<T> DelayQueue<T> {
    /// An empty queue. It allocates nothing yet, and needs no runtime before it is polled.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty queue with room for `capacity` items.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            items: Slab::with_capacity(capacity),
            moved: HashMap::new(),
            next_number: 0,
            timer: None,
            due: VecDeque::new(),
            sleep: None,
            waker: None,
        }
    }

    /// Inserts an item that comes out `timeout` from now.
    ///
    /// A task that waits for a later item is woken. What cannot be represented counts as 30 years.
    pub fn insert(&mut self, value: T, timeout: Duration) -> Key {
        let now = Instant::now();
        self.insert_from(value, now.add_or_far(timeout), now)
    }

    /// Inserts an item that comes out at `when`; at once if that is past.
    ///
    /// A task that waits for a later item is woken.
    pub fn insert_at(&mut self, value: T, when: Instant) -> Key {
        self.insert_from(value, when, Instant::now())
    }

    fn insert_from(&mut self, value: T, when: Instant, now: Instant) -> Key {
        let key = Key { slot: self.items.vacant_key(), number: self.next_number };
        self.next_number += 1;
        let timer = self.timer.get_or_insert_with(|| Box::new(Timer::new()));
        let ticks = timer.ticks(when, now);
        let place = Place::Wheel(timer.wheel.insert(ticks, key));
        self.items.insert(Item { value, deadline: when, number: key.number, place });
        self.wake_if_earlier(ticks);
        key
    }

    /// Waits for the next item: `None` if the queue is empty.
    ///
    /// Only the waker of the last call is woken.
    ///
    /// # Panics
    ///
    /// Panics outside a runtime if it has to wait.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Option<Expired<T>>> {
        poll_leaf("DelayQueue::poll_expired", cx, |cx| {
            if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                self.waker = Some(cx.waker().clone());
            }
            let key = ready!(self.poll_due(cx));
            Poll::Ready(key.and_then(|key| self.take(&key)))
        })
    }

    /// The key of the next item that is due.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Option<Key>> {
        let mut now = Instant::now();
        loop {
            while let Some(key) = self.due.pop_front() {
                if self.is_due(&key) {
                    return Poll::Ready(Some(key));
                }
            }
            let Some(timer) = self.timer.as_mut().filter(|_| !self.items.is_empty()) else {
                self.sleep = None;
                return Poll::Ready(None);
            };
            let Some(stop) = timer.advance(now, &mut self.due) else {
                self.mark_due();
                continue;
            };
            let sleep = self.sleep.get_or_insert_with(|| sleep_until(stop));
            if sleep.deadline() != stop {
                Pin::new(&mut *sleep).reset(stop);
            }
            ready!(sleep.poll_moment(cx));
            now = now.max(stop);
        }
    }

    /// Notes of all that have fired that they are off the wheel.
    fn mark_due(&mut self) {
        for at in 0..self.due.len() {
            if let Some(slot) = self.slot_of(&self.due[at]) {
                self.items[slot].place = Place::Due;
            }
        }
    }

    /// Removes an item before its time.
    ///
    /// # Panics
    ///
    /// Panics if it has left the queue; [`try_remove`](Self::try_remove) does not.
    #[track_caller]
    pub fn remove(&mut self, key: &Key) -> Expired<T> {
        self.try_remove(key).expect(INVALID_KEY)
    }

    /// Removes an item before its time; `None` if it has left the queue.
    pub fn try_remove(&mut self, key: &Key) -> Option<Expired<T>> {
        let removed = self.take(key)?;
        if self.items.is_empty() {
            self.wake();
        }
        Some(removed)
    }

    /// Lets an item come out `timeout` from now, instead of when it would have.
    ///
    /// # Panics
    ///
    /// Panics if it has left the queue.
    #[track_caller]
    pub fn reset(&mut self, key: &Key, timeout: Duration) {
        self.reset_at(key, Instant::now().add_or_far(timeout));
    }

    /// Lets an item come out at `when`, instead of when it would have; at once if that is past.
    ///
    /// It goes behind those of the same deadline. A task that waits for a later one is woken.
    ///
    /// # Panics
    ///
    /// Panics if it has left the queue.
    #[track_caller]
    pub fn reset_at(&mut self, key: &Key, when: Instant) {
        let slot = self.slot_of(key).expect(INVALID_KEY);
        let item = &mut self.items[slot];
        let timer = self.timer.as_mut().expect("there was a first item");
        item.deadline = when;
        let ticks = timer.ticks(when, Instant::now());
        match &item.place {
            Place::Wheel(entry) => {
                let is_set = timer.wheel.rearm(*entry, ticks);
                debug_assert!(is_set, "an item on the wheel has not fired");
            }
            Place::Due => item.place = Place::Wheel(timer.wheel.insert(ticks, *key)),
        }
        self.wake_if_earlier(ticks);
    }

    /// When the item comes out.
    ///
    /// # Panics
    ///
    /// Panics if it has left the queue.
    #[track_caller]
    pub fn deadline(&self, key: &Key) -> Instant {
        self.items[self.slot_of(key).expect(INVALID_KEY)].deadline
    }

    /// The item that comes out next; `None` if the queue is empty.
    ///
    /// **Cost:** O(1) if something is due, or will be within 64 ms of the last poll; else a look at
    /// the items of the wheel's next slot.
    pub fn peek(&self) -> Option<Key> {
        let due = self.due.iter().find(|key| self.is_due(key));
        due.or_else(|| self.timer.as_ref()?.wheel.first()).copied()
    }

    /// Removes all items. A task that waits is woken, and finds the queue empty.
    pub fn clear(&mut self) {
        let had_items = !self.is_empty();
        self.moved.clear();
        self.timer = None;
        self.due.clear();
        self.sleep = None;
        if had_items {
            self.wake();
        }
        // Last, and not by `clear`: these are other people's drops, and one that panics must not
        // leave the slab with a wrong count.
        drop(self.items.drain());
    }

    /// How many items fit in without an allocation.
    pub fn capacity(&self) -> usize {
        self.items.capacity()
    }

    /// How many items are in the queue, due or not.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Makes room for `additional` more items.
    ///
    /// # Panics
    ///
    /// Panics if there is not enough memory.
    pub fn reserve(&mut self, additional: usize) {
        self.items.reserve(additional);
    }

    /// Gives memory back that no item needs, as far as none has to be moved.
    pub fn shrink_to_fit(&mut self) {
        self.items.shrink_to_fit();
        self.moved.shrink_to_fit();
    }

    /// Moves the items together and gives back all memory that they do not need. Keys stay good.
    ///
    /// **Cost:** O(n); and from then on the keys of moved items are looked up in a table.
    pub fn compact(&mut self) {
        self.items.compact(|item, _, to| {
            self.moved.insert(item.number, to);
            true
        });
        self.moved.shrink_to_fit();
    }

    /// Where the item of `key` is, if it is still here (rule 3).
    fn slot_of(&self, key: &Key) -> Option<usize> {
        match self.items.get(key.slot) {
            Some(item) if item.number == key.number => Some(key.slot),
            _ => self.moved.get(&key.number).copied(),
        }
    }

    /// Whether a key in `due` is still of an item that is due (rule 1).
    fn is_due(&self, key: &Key) -> bool {
        self.slot_of(key).is_some_and(|slot| matches!(self.items[slot].place, Place::Due))
    }

    /// Takes an item out, wherever it is.
    fn take(&mut self, key: &Key) -> Option<Expired<T>> {
        let item = self.items.remove(self.slot_of(key)?);
        if !self.moved.is_empty() {
            self.moved.remove(&item.number);
        }
        if let (Place::Wheel(entry), Some(timer)) = (item.place, &mut self.timer) {
            timer.wheel.remove(entry);
        }
        Some(Expired { data: item.value, deadline: item.deadline, key: *key })
    }

    /// Wakes who waits, if they wait for a later moment than that of `ticks` (rule 2).
    fn wake_if_earlier(&mut self, ticks: u64) {
        let Some(timer) = &self.timer else { return };
        let moment = timer.ruler.instant_of(ticks);
        if self.sleep.as_ref().is_none_or(|sleep| moment < sleep.deadline()) {
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

const INVALID_KEY: &str = "invalid key: its item has left the queue";

// The items are moved about as it pleases.
impl<T> Unpin for DelayQueue<T> {}

impl<T> Default for DelayQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Stream for DelayQueue<T> {
    type Item = Expired<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Expired<T>>> {
        self.get_mut().poll_expired(cx)
    }
}

impl<T> fmt::Debug for DelayQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelayQueue").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// An item that has left a [`DelayQueue`], at its time or by [`remove`](DelayQueue::remove).
#[derive(Debug)]
pub struct Expired<T> {
    data: T,
    deadline: Instant,
    key: Key,
}

impl<T> Expired<T> {
    /// The item.
    pub fn get_ref(&self) -> &T {
        &self.data
    }

    /// The item.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.data
    }

    /// The item.
    pub fn into_inner(self) -> T {
        self.data
    }

    /// When it was to come out: what `insert` or `reset` said last.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The key it had.
    pub fn key(&self) -> Key {
        self.key
    }
}

//! Floor 1. The timer wheel: 100,000 sleeping tasks, and no sorting.
//!
//! Most timers are timeouts, and most timeouts are cancelled before they fire. So setting and
//! cancelling must be cheap; firing may cost more. Six dials of 64 slots do that in O(1):
//!
//! ```text
//!   dial 0: 64 x 1 tick    dial 1: 64 x 64 ticks    ...    dial 5: 64 x 64^5 ticks    beyond
//!   Write now and the deadline as digits to base 64. The highest digit in which they differ
//!   names the dial, the deadline's digit there names the slot. When now reaches that digit,
//!   the slot is emptied onto the dials below, and from dial 0 it fires.
//! ```
//!
//! Three timers, each set at tick 0:
//!
//! ```text
//!   deadline    digits        set on           what happens to it at which tick
//!   20          0  20         dial 0 slot 20   20: fires
//!   100         1  36         dial 1 slot  1   64: to dial 0 slot 36     100: fires
//!   3,600,000   13 46 58 0    dial 3 slot 13   3,407,872: to dial 2 slot 46
//!   (one hour)                                 3,596,288: to dial 1 slot 58
//!                                              3,600,000: to dial 0 slot 0, and fires
//! ```
//!
//! A timer of an hour that is cancelled in its first 56 minutes never moved. What counts is the
//! digit, not the distance: at tick 60 a timer for tick 70 goes on dial 1, as the digit before the
//! last differs, and moves at tick 64. For that, no two timers are ever compared.
//!
//! Rules
//! 1. `now_ticks` never goes back, and no entry's deadline is before it (`insert` raises it).
//! 2. An entry sits where its deadline and `now_ticks` say, at every moment: on one list, or on
//!    none (fired or removed). So each dial holds only slots ahead of its hand, the lowest dial
//!    in use holds the next thing to do, and equal deadlines always share one list.
//! 3. Lists grow at the tail and are emptied from the head. With rule 2, entries of one deadline
//!    therefore fire in the order in which they were inserted, however often they moved.
//! 4. A key is good once: firing or removing its entry raises the generation of the place.
//!
//! Knows nothing of tasks, wakers or sockets: the payload is any `T`.
//! Real world: tokio has the same wheel behind a lock; curio a dict and a heap. asyncio keeps a
//! heap, where a cancelled timer stays until it comes up or most of the heap is cancelled. With
//! 10,000 timers a heap takes 66 ns for a push and a pop, a search tree 120.
//! Source: Varghese & Lauck, "Hashed and Hierarchical Timing Wheels", 1987.

use std::mem;
use std::num::NonZeroU32;

// 64 slots, because 64 bits are a word: "which is the next slot in use" is one instruction. Six
// dials, because five would reach only 12 days, and a seventh is for deadlines nobody waits for.
const DIALS: usize = 6;
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Ticks that share the digits above the last dial share a round: 2^36 ticks, about 2.2 years.
const ROUND_BITS: u32 = DIGIT_BITS * DIALS as u32;
/// The list of entries that are due in a later round of the last dial.
const BEYOND: usize = DIALS * SLOTS;
/// No entry: the end of a list.
const NIL: u32 = u32::MAX;

/// Names an entry, also when its place has been given to another one since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    slot: u32,
    // Never zero, so that an `Option<Key>` is no bigger than a key. Comes round after 2^32 - 1
    // uses of one place: a key kept that long could hit a stranger's entry.
    generation: NonZeroU32,
}

#[derive(Debug)]
struct Entry<T> {
    deadline_ticks: u64,
    /// Empty exactly while the place is free; then `next` chains the free places.
    payload: Option<T>,
    // Neighbours by number. Doubly linked, because a cancelled timer leaves from the middle; `u32`,
    // because two pointers would be twice as much to load.
    prev: u32,
    next: u32,
    generation: NonZeroU32,
    /// Rule 2 could tell it anew; here it takes bytes that would be padding.
    list: u16,
}

#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
}

const EMPTY: List = List { head: NIL, tail: NIL };

/// Timers by deadline; see the head of the file.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    now_ticks: u64,
    len: usize,
    /// The first free place.
    free: u32,
    /// Never shrinks: places are used again, the last one freed first.
    entries: Vec<Entry<T>>,
    // To find what is next, the loop reads these seven words and not one of the lists.
    /// A bit per list that is not empty: the dials, then one word for `BEYOND`.
    occupied: [u64; DIALS + 1],
    lists: [List; BEYOND + 1],
    /// No entry of the `BEYOND` list is due in a round that begins earlier than this.
    beyond_ticks: u64,
}

impl<T> Wheel<T> {
    /// An empty wheel whose hands stand at `now_ticks`.
    pub(crate) fn new(now_ticks: u64) -> Self {
        Self {
            now_ticks,
            len: 0,
            free: NIL,
            entries: Vec::new(),
            occupied: [0; DIALS + 1],
            lists: [EMPTY; BEYOND + 1],
            beyond_ticks: u64::MAX,
        }
    }

    /// The moment of the last `advance`.
    pub(crate) fn now_ticks(&self) -> u64 {
        self.now_ticks
    }

    /// Whether no timer is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many timers are set.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Sets a timer. A deadline that is past counts as now: it fires at the next `advance`.
    ///
    /// **Cost:** O(1); memory only for more timers than ever before.
    #[inline]
    pub(crate) fn insert(&mut self, deadline_ticks: u64, payload: T) -> Key {
        // A past deadline would differ from now in some digit, and be laid behind a hand.
        let deadline_ticks = deadline_ticks.max(self.now_ticks);
        let slot = self.free; // the one freed last, so most likely still in the cache
        let generation = if let Some(entry) = self.entries.get_mut(slot as usize) {
            self.free = entry.next;
            entry.deadline_ticks = deadline_ticks;
            entry.payload = Some(payload);
            entry.generation
        } else {
            return self.insert_at_new_place(deadline_ticks, payload);
        };
        self.len += 1;
        self.link(slot);
        Key { slot, generation }
    }

    /// The payload of a timer that is still set. `None`: it fired or was removed. That is how a
    /// `Sleep` learns that its time has come: no clock is read.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.slot as usize)?;
        if entry.generation == key.generation { entry.payload.as_mut() } else { None }
    }

    /// Takes a timer off the wheel. `None`: it fired or was removed before.
    ///
    /// **Cost:** O(1).
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.slot as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let payload = entry.payload.take()?;
        self.unlink(key.slot);
        self.release(key.slot);
        Some(payload)
    }

    /// Gives a timer a new deadline, as if it were inserted anew with its key. False: it fired or
    /// was removed before.
    ///
    /// **Cost:** O(1), and the payload is not touched: a timeout that is put off again and again,
    /// as of a connection that is still alive, clones and drops no waker.
    #[inline]
    pub(crate) fn rearm(&mut self, key: Key, deadline_ticks: u64) -> bool {
        if self.get_mut(key).is_none() {
            return false;
        }
        self.unlink(key.slot);
        self.entries[key.slot as usize].deadline_ticks = deadline_ticks.max(self.now_ticks);
        self.link(key.slot);
        true
    }

    /// When to call `advance` next: the first deadline, or an earlier moment at which a slot of
    /// a higher dial comes round. Never later than the first deadline, never before now.
    ///
    /// A moment too early costs the loop a turn in vain, one for each dial. To find the exact one
    /// would mean to walk the list of a whole slot, here, before each sleep.
    ///
    /// **Cost:** a look at seven words.
    #[inline]
    pub(crate) fn next_deadline_ticks(&self) -> Option<u64> {
        self.next_list().map(|(_, ticks)| ticks)
    }

    /// The payload that fires first.
    ///
    /// **Cost:** O(1) if that is within 64 ticks of the hands; else a look at the slot that comes
    /// round next, and at no other.
    pub(crate) fn first(&self) -> Option<&T> {
        let (list, _) = self.next_list()?;
        let mut first = self.entries.get(self.lists[list].head as usize)?;
        let mut next = if list < SLOTS { NIL } else { first.next }; // dial 0: all have one deadline
        while let Some(entry) = self.entries.get(next as usize) {
            if entry.deadline_ticks < first.deadline_ticks {
                first = entry; // of equal ones the first in line stays (rule 3)
            }
            next = entry.next;
        }
        first.payload.as_ref()
    }

    /// Turns the hands to `now_ticks` and moves what is due by then to the end of `due`: by
    /// deadline, and entries of one deadline in the order of their insertion (rule 3).
    ///
    /// With the timers of the header `advance(130)` stops at 20 and fires, at 64 and deals out, at
    /// 100 and fires, and leaves the hands at 130: three stops, not 130.
    ///
    /// Empty stretches of time cost nothing. A `now_ticks` before the last one counts as that.
    pub(crate) fn advance(&mut self, now_ticks: u64, due: &mut Vec<T>) {
        // From stop to stop, never tick by tick. The hands must stand at the stop while its list is
        // dealt out: that is what makes the digit equal, and sends each entry to a lower dial.
        while let Some((list, ticks)) = self.next_list()
            && ticks <= now_ticks
        {
            self.now_ticks = ticks;
            if list < SLOTS { self.fire(list, due) } else { self.cascade(list) }
        }
        self.now_ticks = self.now_ticks.max(now_ticks);
    }

    /// Moves all payloads to the end of `out`, due or not; all keys are stale then.
    pub(crate) fn drain(&mut self, out: &mut Vec<T>) {
        while let Some((list, _)) = self.next_list() {
            self.fire(list, out);
        }
    }

    // Cold: once a program has its usual number of timers, places come from the free list.
    #[cold]
    fn insert_at_new_place(&mut self, deadline_ticks: u64, payload: T) -> Key {
        let slot = u32::try_from(self.entries.len()).ok().filter(|&slot| slot != NIL);
        let slot = slot.expect("four billion timers are set");
        let generation = NonZeroU32::MIN;
        let payload = Some(payload);
        let (prev, next) = (NIL, NIL);
        self.entries.push(Entry { deadline_ticks, payload, prev, next, generation, list: 0 });
        self.len += 1;
        self.link(slot);
        Key { slot, generation }
    }

    /// The list to be emptied first, and when.
    ///
    /// The lowest dial in use wins without a comparison. Its entries agree with now in all higher
    /// digits, so they lie within this turn of the dial above, whose next slot begins after it.
    #[inline]
    fn next_list(&self) -> Option<(usize, u64)> {
        let dial = self.occupied.iter().position(|&slots| slots != 0)?;
        if dial == DIALS {
            return Some((BEYOND, self.beyond_ticks));
        }
        // No slot behind the hand is in use (rule 2), so the lowest bit is the next one.
        let slot = self.occupied[dial].trailing_zeros();
        let shift = DIGIT_BITS * dial as u32;
        let above = shift + DIGIT_BITS;
        // Now with this digit replaced and all lower ones 0: when the slot begins.
        let start_ticks = (self.now_ticks >> above << above) | u64::from(slot) << shift;
        Some((dial * SLOTS + slot as usize, start_ticks))
    }

    /// Where rule 2 wants an entry of this deadline.
    #[inline]
    fn list_of(&self, deadline_ticks: u64) -> usize {
        // XOR leaves the bits that differ; the highest of them, by sixes, names the digit. `| 1`
        // gives a deadline of now a logarithm too, and changes no other one.
        let differing = (self.now_ticks ^ deadline_ticks) | 1;
        let dial = differing.ilog2() / DIGIT_BITS;
        if dial as usize >= DIALS {
            return BEYOND;
        }
        let digit = (deadline_ticks >> (DIGIT_BITS * dial)) as usize % SLOTS;
        dial as usize * SLOTS + digit
    }

    /// Appends an entry, which is on no list, to the one of rule 2.
    #[inline]
    fn link(&mut self, slot: u32) {
        let deadline_ticks = self.entries[slot as usize].deadline_ticks;
        let list = self.list_of(deadline_ticks);
        let tail = mem::replace(&mut self.lists[list].tail, slot);
        let entry = &mut self.entries[slot as usize];
        entry.prev = tail;
        entry.next = NIL;
        entry.list = list as u16;
        match self.entries.get_mut(tail as usize) {
            Some(last) => last.next = slot,
            None => {
                self.lists[list].head = slot;
                self.occupied[list / SLOTS] |= 1 << (list % SLOTS);
            }
        }
        if list == BEYOND {
            self.note_beyond(deadline_ticks, tail == NIL);
        }
    }

    /// Takes an entry off its list.
    #[inline]
    fn unlink(&mut self, slot: u32) {
        let entry = &self.entries[slot as usize];
        let (prev, next, list) = (entry.prev, entry.next, entry.list as usize);
        match self.entries.get_mut(prev as usize) {
            Some(before) => before.next = next,
            None => self.lists[list].head = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(after) => after.prev = prev,
            None => self.lists[list].tail = prev,
        }
        if self.lists[list].head == NIL {
            self.mark_empty(list);
        }
    }

    /// Keeps the first round of `BEYOND`. When an entry leaves it is not moved up, for that would
    /// be a search: too early a stop only deals the list out in vain, and that once in two years.
    #[cold]
    fn note_beyond(&mut self, deadline_ticks: u64, first: bool) {
        let round_ticks = deadline_ticks >> ROUND_BITS << ROUND_BITS;
        // What is left from an earlier, now empty, list must not count: it may be past.
        self.beyond_ticks = if first { round_ticks } else { self.beyond_ticks.min(round_ticks) };
    }

    #[inline]
    fn mark_empty(&mut self, list: usize) {
        self.occupied[list / SLOTS] &= !(1 << (list % SLOTS));
    }

    /// Empties a list and returns its first entry; the entries still chain up by `next`, until the
    /// caller links or releases them.
    fn detach(&mut self, list: usize) -> u32 {
        self.mark_empty(list);
        mem::replace(&mut self.lists[list], EMPTY).head
    }

    /// Hands out payloads and calls nobody: what they mean, and whether to wake them now, is for
    /// the caller, who has the wheel borrowed at this moment.
    fn fire(&mut self, list: usize, due: &mut Vec<T>) {
        let mut slot = self.detach(list);
        while let Some(entry) = self.entries.get_mut(slot as usize) {
            let next = entry.next;
            due.extend(entry.payload.take());
            self.release(slot);
            slot = next;
        }
    }

    /// Deals a list out anew: to lower dials, or from `BEYOND` back to it while still too far.
    fn cascade(&mut self, list: usize) {
        let mut slot = self.detach(list);
        while let Some(entry) = self.entries.get(slot as usize) {
            let next = entry.next;
            self.link(slot);
            slot = next;
        }
    }

    /// Makes the place of an entry that has lost its payload free, and its keys stale (rule 4).
    #[inline]
    fn release(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        entry.generation = entry.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        entry.next = mem::replace(&mut self.free, slot);
        self.len -= 1;
    }
}

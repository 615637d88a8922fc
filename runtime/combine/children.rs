//! Floor 5. N children of one type in one task, and only those that were woken are polled.
//!
//! Each child gets a waker of its own, but no heap node of its own. Two blocks serve all of them,
//! and a child that is gone leaves its room to the next one ([`Children::settle`]):
//!
//! ```text
//!   rooms: [ child 0 | child 1 | ... ]           owned by the combinator, pinned; nobody else
//!                                                knows where they are
//!   bells: [ group 0 | group 1 | ... ]           shared with the wakers, counted; all atomic
//!             |
//!             +- woken: 64 bits, one a child     +- rung: 64 bits, one a group of this and the
//!             +- seats: the bytes 0, 1, ... 63        next 63 groups (in groups 0, 64, 128, ...)
//!             +- number, total                   +- parent: whom to wake (in group 0)
//!                                                +- tickets: who came first (in group 0)
//! ```
//!
//! A child's waker is a pointer to its seat. The seat's byte says which of its group it is, so the
//! group is that many bytes before; the group's number says where group 0 is. A wake sets the
//! child's bit; if the word was empty, then the group's bit; if that word was empty, it wakes the
//! parent. So N wakes between two polls cost N + N/64 + N/4096 locked operations and one wake of
//! the parent. The parent, when polled, takes the words and polls the children whose bit it found.
//!
//! Bits do not say who was woken first. Where that matters (the first to end shall win, outputs
//! come in the order of ends) a wake draws a ticket before it sets its bit, as in a queue at the
//! baker's, and the parent polls in the order of tickets. It is the bits that are the truth: a
//! ticket is only looked at when its bit was found.
//!
//! A waker can outlive the combinator, on any thread. It then keeps the bells (two bytes a child,
//! ten with tickets), never the children, and finds no parent to wake.
//!
//! Why unsafe: a safe waker is an `Arc` of its own, so one heap node a child, and 12 ns for each
//! clone-and-drop that a poll needs. Pointers to seats need neither. What is unsafe is little: the
//! count is `Arc`'s own, the bits are atomics, and no waker can reach a child.
//!
//! Rules
//! 1. The data pointer of a waker is the address of a seat in a living `Arc<[Group]>`, derived from
//!    a pointer to that whole slice. `seats[k] == k`, `number` and `total` never change.
//! 2. Each waker owns one count of that `Arc`; the one lent to a child for its poll owns none, is
//!    never dropped, and the combinator holds the `Arc` meanwhile.
//! 3. Children stay in their boxed slice from the first poll until they are dropped in place. Only
//!    those that do not mind (`Unpin`) can be moved out.
//! 4. Who changes a word of bits from empty to not empty goes on to the next level; nobody else
//!    does. The poller empties the upper word before the lower ones. So a bit that is set is
//!    always followed by a bit above it and a wake of the parent, or found by the poller.
//! 5. `parent` is stored before the words are taken, and taken after they were set. Each poll that
//!    ends in waiting has gone through all words, or has woken the parent itself.
//! 6. A waker of the user is never cloned, woken or dropped under the lock of `parent`.
//! 7. A late wake of a former tenant reaches the new one: a poll in vain, and nothing worse.
//! 8. Who was left out because the budget was spent comes first next time.
//!
//! Real world: futures-rs' `FuturesUnordered` has one `Arc` a child and a lock-free queue; tokio's
//! `JoinSet` one `Arc` a task; asyncio's `gather` one Task and one callback a child.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::future::{Future, IntoFuture};
use std::mem::{self, ManuallyDrop, offset_of};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::ptr;
// The count itself is std's business; the models look at what this file does with bits and locks.
use std::sync::Arc;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

use super::maybe_done::MaybeDone;
use crate::budget;
use crate::roll_call;
use crate::shim::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::shim::{Mutex, lock};

/// As many children as a word has bits.
const GROUP_LEN: usize = 64;

/// The bells of 64 children.
struct Group {
    /// Bit k: child k of this group was woken since it was polled last.
    woken: AtomicU64,
    /// Bit g: group `number + g` has woken children. Used in every 64th group.
    rung: AtomicU64,
    /// Whom to wake. Used in group 0.
    parent: Mutex<Option<Waker>>,
    /// Who was woken before whom, by child. Used in group 0, if the order is that of wakes.
    tickets: Tickets,
    order: Order,
    /// Which group this is, and how many there are.
    number: u32,
    total: u32,
    /// Nothing but addresses for the wakers to point to; seat k holds k (rule 1).
    seats: [u8; GROUP_LEN],
}

impl Group {
    /// Which group this is, and how many there are.
    fn place(&self) -> (usize, usize) {
        (self.number as usize, self.total as usize)
    }
}

/// In which order the children that were woken are polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// From the first to the last. Costs nothing.
    OfRooms,
    /// As they were woken. Costs 8 bytes a child, and 25 ns more a wake: the ticket and a sort.
    OfWakes,
}

/// Numbers drawn by those who are woken, by child.
struct Tickets {
    next: AtomicU64,
    drawn: Box<[AtomicU64]>,
}

impl Tickets {
    fn new(len: usize) -> Self {
        let drawn = (0..len).map(|_| AtomicU64::new(0)).collect();
        Self { next: AtomicU64::new(1), drawn }
    }

    fn draw(&self, index: usize) {
        // Relaxed, here and in `of`: the bit that is set next publishes it, and is found before.
        self.drawn[index].store(self.next.fetch_add(1, Relaxed), Relaxed);
    }

    fn of(&self, index: usize) -> u64 {
        self.drawn[index].load(Relaxed)
    }
}

/// Numbers the seats of a group.
const SEATS: [u8; GROUP_LEN] = {
    let mut seats = [0; GROUP_LEN];
    let mut seat = 0;
    while seat < GROUP_LEN {
        seats[seat] = seat as u8;
        seat += 1;
    }
    seats
};

/// A word whose lowest `count` bits are set (all, from 64 on).
fn low_bits(count: usize) -> u64 {
    if count >= GROUP_LEN { u64::MAX } else { (1 << count) - 1 }
}

/// Takes the lowest bit out of `word` and says which it was.
fn pop_bit(word: &mut u64) -> Option<usize> {
    let lowest = (*word != 0).then(|| word.trailing_zeros() as usize)?;
    *word &= *word - 1;
    Some(lowest)
}

/// The shared block of `len` children, all of them woken.
fn new_bells(len: usize, order: Order) -> Arc<[Group]> {
    let total = u32::try_from(len.div_ceil(GROUP_LEN)).expect("more than 2^38 children");
    (0..total)
        .map(|number| Group {
            woken: AtomicU64::new(low_bits(len - number as usize * GROUP_LEN)),
            rung: AtomicU64::new(low_bits((total - number) as usize)),
            parent: Mutex::new(None),
            tickets: Tickets::new(if number == 0 && order == Order::OfWakes { len } else { 0 }),
            order,
            number,
            total,
            seats: SEATS,
        })
        .collect()
}

/// Sets the bit of child `index`, with a ticket if it has none; returns the word before.
fn set_bit(bells: &[Group], index: usize) -> u64 {
    let (group, bit) = (&bells[index / GROUP_LEN], 1 << (index % GROUP_LEN));
    if group.order == Order::OfWakes && group.woken.load(Relaxed) & bit == 0 {
        bells[0].tickets.draw(index);
    }
    // Release, here and below: publishes what the waking thread wrote before it woke the child;
    // pairs with the Acquire in `Sweep::next`.
    group.woken.fetch_or(bit, Release)
}

/// Sets the bit of the group of child `index`; returns the word before.
fn set_bit_above(bells: &[Group], index: usize) -> u64 {
    let number = index / GROUP_LEN;
    let above = &bells[number - number % GROUP_LEN];
    above.rung.fetch_or(1 << (number % GROUP_LEN), Release)
}

/// Notes that child `index` was woken, and wakes the parent if nobody else will (rule 4).
fn ring(bells: &[Group], index: usize) {
    if set_bit(bells, index) != 0 || set_bit_above(bells, index) != 0 {
        return;
    }
    let parent = lock(&bells[0].parent).take();
    if let Some(parent) = parent {
        parent.wake();
    }
}

/// The waker of child `index`, without a count of its own (rule 2).
fn lend_waker(bells: &Arc<[Group]>, index: usize) -> ManuallyDrop<Waker> {
    assert!(index / GROUP_LEN < bells.len());
    // Not `&bells[..].seats[..]`: the pointer has to reach over the whole slice (rule 1).
    let group = Arc::as_ptr(bells).cast::<Group>().wrapping_add(index / GROUP_LEN);
    let seat = group.wrapping_byte_add(offset_of!(Group, seats) + index % GROUP_LEN);
    // SAFETY: alive. The seat is in bounds by the assertion, and whoever is lent the waker for a
    // poll leaves the `Arc` where it is; what the table asks of the pointer is rule 1; see rule 2.
    ManuallyDrop::new(unsafe { Waker::new(seat.cast(), &VTABLE) })
}

/// From a waker's data pointer back to the bells, on the waker's own count, and the child's index.
///
/// # Safety
///
/// `data` must be the data pointer of a waker of this file that has not been dropped. The count
/// may be given back (by dropping the `Arc`) only if that waker ends with it.
unsafe fn seat_of(data: *const ()) -> (ManuallyDrop<Arc<[Group]>>, usize) {
    let seat: *const u8 = data.cast();
    // SAFETY: alive. By the contract it is a seat of a living block; see rules 1 and 2.
    let seat_number = usize::from(unsafe { *seat });
    let group = seat.wrapping_sub(offset_of!(Group, seats) + seat_number).cast::<Group>();
    // SAFETY: alive. Seat k lies k bytes behind seat 0 of its group, so this is the group; nobody
    // has a mutable reference to it, because it lies in an `Arc`; see rule 1.
    let (number, total) = unsafe { &*group }.place();
    let block = ptr::slice_from_raw_parts(group.wrapping_sub(number), total);
    // SAFETY: alive. This is the pointer that `Arc::as_ptr` gave, its count is not zero, and
    // `ManuallyDrop` leaves that count with the waker; see rules 1 and 2.
    let bells = ManuallyDrop::new(unsafe { Arc::from_raw(block) });
    (bells, number * GROUP_LEN + seat_number)
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// # Safety
///
/// As for [`seat_of`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: alive. The waker that is being cloned lives on; see rule 2.
    let (bells, _) = unsafe { seat_of(data) };
    mem::forget(Arc::clone(&bells)); // the new waker's count
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// As for [`seat_of`], and the waker ends with this call.
unsafe fn wake(data: *const ()) {
    // SAFETY: exclusive. The waker ends here, so its count may be given back; see rule 2.
    let (bells, index) = unsafe { seat_of(data) };
    ring(&ManuallyDrop::into_inner(bells), index);
}

/// # Safety
///
/// As for [`seat_of`].
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: alive. The waker lives on; see rule 2.
    let (bells, index) = unsafe { seat_of(data) };
    ring(&bells, index);
}

/// # Safety
///
/// As for [`seat_of`], and the waker ends with this call.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: exclusive. The waker ends here, so its count may be given back; see rule 2.
    let (bells, _) = unsafe { seat_of(data) };
    drop(ManuallyDrop::into_inner(bells));
}

/// One walk through the words, from the first child to the last: which of them were woken by the
/// time it came past. It can stop in the middle and go on later.
#[derive(Debug, Default)]
struct Sweep {
    /// The word `rung` of this group comes next. 0: the walk has not begun.
    next_upper: usize,
    /// What is left of the upper word that was taken last.
    rung: u64,
    /// The group whose word was taken last, and what is left of that.
    group: usize,
    woken: u64,
}

impl Sweep {
    fn is_under_way(&self) -> bool {
        self.next_upper > 0
    }

    /// The next child that was woken. None: the walk is over, and the next call begins anew.
    fn next(&mut self, bells: &[Group]) -> Option<usize> {
        loop {
            // Acquire, here and below: whoever set a bit wrote first what the child now reads;
            // pairs with the Release in `set_bit`. The order of the two swaps is rule 4.
            if let Some(seat) = pop_bit(&mut self.woken) {
                return Some(self.group * GROUP_LEN + seat);
            } else if let Some(group) = pop_bit(&mut self.rung) {
                self.group = self.next_upper - GROUP_LEN + group;
                self.woken = bells[self.group].woken.swap(0, Acquire);
            } else if let Some(upper) = bells.get(self.next_upper) {
                self.rung = upper.rung.swap(0, Acquire);
                self.next_upper += GROUP_LEN;
            } else {
                *self = Self::default();
                return None;
            }
        }
    }

    /// Takes back the child that `next` has just named: it will name it again.
    fn take_back(&mut self, index: usize) {
        self.woken |= 1 << (index % GROUP_LEN);
    }
}

/// The children of one combinator. Can be moved at any time; the children themselves are not.
pub(crate) struct Children<F: Future> {
    bells: Arc<[Group]>,
    rooms: Pin<Box<[MaybeDone<F>]>>,
    running: usize,
    sweep: Sweep,
    /// Where the order is that of wakes: whom the walk has found, with their tickets.
    line: VecDeque<(u64, usize)>,
    order: Order,
    /// How many walks have come to their end.
    walks: u64,
    /// Whether there was any budget when the last poll began.
    had_budget: bool,
    /// Set during `poll_woken`, and left set when a child's panic or the caller ended it early.
    broken_off: bool,
}

impl<F: Future> Children<F> {
    /// Takes the children in, all of them to be polled; the first time in their order.
    pub(crate) fn new<I>(futures: I, order: Order) -> Self
    where
        I: IntoIterator<Item: IntoFuture<IntoFuture = F>>,
    {
        Self::with_rooms(futures.into_iter().map(MaybeDone::new).collect(), order)
    }

    /// So many rooms, all of them vacant; see [`settle`](Self::settle).
    pub(crate) fn vacant(len: usize, order: Order) -> Self {
        Self::with_rooms((0..len).map(|_| MaybeDone::Gone).collect(), order)
    }

    fn with_rooms(rooms: Box<[MaybeDone<F>]>, order: Order) -> Self {
        let is_running = |room: &&_| matches!(room, MaybeDone::Running { .. });
        Self {
            bells: new_bells(rooms.len(), order),
            running: rooms.iter().filter(is_running).count(),
            rooms: Box::into_pin(rooms),
            sweep: Sweep::default(),
            line: VecDeque::new(),
            order,
            walks: 0,
            had_budget: true,
            broken_off: false,
        }
    }

    /// How many children have not ended.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Whether the last poll began with any budget.
    pub(crate) fn had_budget(&self) -> bool {
        self.had_budget
    }

    /// Whether somebody who was woken was left out of the last poll, because the budget was spent.
    pub(crate) fn has_left_out(&self) -> bool {
        self.sweep.is_under_way() || !self.line.is_empty()
    }

    /// How many walks have come to their end. Who was woken before a walk began is polled in it.
    pub(crate) fn walks(&self) -> u64 {
        self.walks
    }

    /// How many rooms there are.
    pub(crate) fn rooms_len(&self) -> usize {
        self.rooms.len()
    }

    /// Child `index`: its future or its output, or nothing.
    pub(crate) fn room(&mut self, index: usize) -> Pin<&mut MaybeDone<F>> {
        // SAFETY: pinned. The element of a pinned slice is not moved by anybody: the slice never
        // leaves its box, and no function of this file takes out an element that minds; see rule 3.
        unsafe { self.rooms.as_mut().map_unchecked_mut(|rooms| &mut rooms[index]) }
    }

    /// Gives the room of a child that is gone to the next one.
    ///
    /// Nobody is woken: the caller goes on to [`poll_woken`](Self::poll_woken) before it waits.
    pub(crate) fn settle(&mut self, index: usize, future: F) {
        assert!(matches!(self.rooms[index], MaybeDone::Gone), "this room is taken");
        self.room(index).set(MaybeDone::new(future));
        self.running += 1;
        self.mark(index);
    }

    /// Polls the children that were woken since the last call, in the [`Order`] of their making,
    /// and tells `ended` of each that ended. `Break` ends the whole: no more polls then.
    ///
    /// # Panics
    ///
    /// If a child panics, and in all calls after that or after `Break`.
    pub(crate) fn poll_woken<B>(
        &mut self,
        cx: &mut Context<'_>,
        mut ended: impl FnMut(usize, Pin<&mut MaybeDone<F>>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        assert!(!self.broken_off, "polled again after it ended or panicked");
        if self.running == 0 {
            return ControlFlow::Continue(());
        }
        self.broken_off = true;
        self.had_budget = budget::remains();
        self.store_parent(cx.waker());
        if roll_call::is_on() {
            (0..self.rooms.len()).for_each(|index| self.mark(index));
        }
        // A walk that was cut short is finished first (rule 8), and then there is one from the
        // beginning all the same (rule 5).
        let walks = if self.has_left_out() { 2 } else { 1 };
        for _ in 0..walks {
            self.line_up();
            while let Some(index) = self.next_woken() {
                if !budget::remains() {
                    // To poll on, each child in vain, would cost all of them each turn: quadratic.
                    self.take_back(index);
                    cx.waker().wake_by_ref();
                    self.broken_off = false;
                    return ControlFlow::Continue(());
                }
                if self.poll_child(index) {
                    ended(index, self.room(index))?;
                }
            }
            self.walks += 1;
        }
        self.broken_off = false;
        ControlFlow::Continue(())
    }

    /// Marks child `index` as woken and wakes nobody: it is the poller itself that does so.
    fn mark(&self, index: usize) {
        // In this order: whoever finds a word not empty relies on the bit above (rule 4).
        set_bit(&self.bells, index);
        set_bit_above(&self.bells, index);
    }

    /// Where the order is that of wakes: walks at once, and sorts whom it has found.
    fn line_up(&mut self) {
        if self.order == Order::OfWakes && self.line.is_empty() {
            while let Some(index) = self.sweep.next(&self.bells) {
                self.line.push_back((self.bells[0].tickets.of(index), index));
            }
            self.line.make_contiguous().sort_unstable();
        }
    }

    /// Whom to poll next in this walk.
    fn next_woken(&mut self) -> Option<usize> {
        match self.order {
            Order::OfRooms => self.sweep.next(&self.bells),
            Order::OfWakes => self.line.pop_front().map(|(_, index)| index),
        }
    }

    /// Undoes the last `next_woken`.
    fn take_back(&mut self, index: usize) {
        match self.order {
            Order::OfRooms => self.sweep.take_back(index),
            Order::OfWakes => self.line.push_front((0, index)),
        }
    }

    /// Polls one child with its own waker. Has it ended just now?
    #[inline]
    fn poll_child(&mut self, index: usize) -> bool {
        if !matches!(self.rooms[index], MaybeDone::Running { .. }) {
            return false; // woken after its end
        }
        let waker = lend_waker(&self.bells, index);
        let ended = self.room(index).poll(&mut Context::from_waker(&waker)).is_ready();
        self.running -= usize::from(ended);
        ended
    }

    /// Makes `waker` the one to wake (rules 5 and 6).
    fn store_parent(&self, waker: &Waker) {
        let parent = &self.bells[0].parent;
        let is_stored = lock(parent).as_ref().is_some_and(|stored| stored.will_wake(waker));
        if !is_stored {
            let waker = waker.clone();
            let old = lock(parent).replace(waker);
            drop(old);
        }
    }

    /// What `take` gets out of each child, in the order of the children.
    pub(crate) fn empty<T>(mut self, take: impl Fn(Pin<&mut MaybeDone<F>>) -> T) -> Vec<T> {
        (0..self.rooms.len()).map(|index| take(self.room(index))).collect()
    }
}

impl<F: Future + Unpin> Children<F> {
    /// The children themselves, those that run and the outputs of the others, in their order.
    pub(crate) fn into_rooms(mut self) -> Vec<MaybeDone<F>> {
        let rooms = mem::replace(&mut self.rooms, Box::pin([]));
        Pin::into_inner(rooms).into_vec()
    }
}

impl<F: Future> Drop for Children<F> {
    fn drop(&mut self) {
        // Wakers that are still about shall not keep the parent.
        let parent = self.bells.first().and_then(|first| lock(&first.parent).take());
        drop(parent);
    }
}

//! Floor 5. What a queue holds, and which of it comes next.
//!
//! | store      | put         | get               |
//! |------------|-------------|-------------------|
//! | `Fifo`     | at the back | at the front      |
//! | `Lifo`     | at the back | at the back       |
//! | `Smallest` | by rank     | the smallest one; of equal ones that with the smallest number |
//!
//! Plain data: a queue keeps it under its lock.
//! Real world: asyncio's queues are a deque, a list, and a heap in a list (`heapq`), whose order
//! among equals is left to chance.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

/// What a [`QueueOf`](super::QueueOf) holds its items in: [`Fifo`], [`Lifo`] or [`Smallest`].
/// Nothing else can be one.
///
/// ```
/// use rondel::sync::queue::{Fifo, Lifo, QueueOf, Smallest, Store};
///
/// fn second<S: Store<Item = u32>>(queue: QueueOf<S>) -> u32 {
///     [2, 3, 1].into_iter().for_each(|item| queue.put_nowait(item).unwrap());
///     queue.get_nowait().unwrap();
///     queue.get_nowait().unwrap()
/// }
/// let seconds = [second::<Fifo<_>>(QueueOf::new(0)), second::<Lifo<_>>(QueueOf::new(0))];
/// assert_eq!(seconds, [3, 3]);
/// assert_eq!(second::<Smallest<_>>(QueueOf::new(0)), 2);
/// ```
pub trait Store: Default + sealed::Sealed {
    /// What is put and got.
    type Item;

    /// What people call the queue.
    #[doc(hidden)]
    const NAME: &'static str;

    #[doc(hidden)]
    fn push(&mut self, item: Self::Item);

    #[doc(hidden)]
    fn pop(&mut self) -> Option<Self::Item>;

    #[doc(hidden)]
    fn size(&self) -> usize;
}

mod sealed {
    /// Keeps others from implementing a trait.
    pub trait Sealed {}
}

/// The store of a [`Queue`](crate::sync::Queue): first in, first out.
#[derive(Debug)]
pub struct Fifo<T>(VecDeque<T>);

/// The store of a [`LifoQueue`](crate::sync::LifoQueue): last in, first out.
#[derive(Debug)]
pub struct Lifo<T>(Vec<T>);

/// The store of a [`PriorityQueue`](crate::sync::PriorityQueue): the smallest first.
#[derive(Debug)]
pub struct Smallest<T> {
    /// The greatest is on top, so what is in it counts backwards.
    heap: BinaryHeap<Reverse<Ranked<T>>>,
    next_number: u64,
}

/// Whether a store is empty and has room for more than it is worth to keep.
fn is_after_a_rush(items: usize, room: usize) -> bool {
    const ROOM_MAX: usize = 1_024;
    items == 0 && room > ROOM_MAX
}

/// An item with the number that decides among equals.
#[derive(Debug)]
struct Ranked<T> {
    item: T,
    number: u64,
}

impl<T: Ord> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.item.cmp(&other.item).then(self.number.cmp(&other.number))
    }
}

impl<T: Ord> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Ranked<T> {}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> Default for Smallest<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), next_number: 0 }
    }
}

impl<T> sealed::Sealed for Fifo<T> {}
impl<T> sealed::Sealed for Lifo<T> {}
impl<T: Ord> sealed::Sealed for Smallest<T> {}

impl<T> Store for Fifo<T> {
    type Item = T;

    const NAME: &'static str = "Queue";

    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    fn pop(&mut self) -> Option<T> {
        let item = self.0.pop_front();
        if is_after_a_rush(self.0.len(), self.0.capacity()) {
            self.0 = VecDeque::new();
        }
        item
    }

    fn size(&self) -> usize {
        self.0.len()
    }
}

impl<T> Store for Lifo<T> {
    type Item = T;

    const NAME: &'static str = "LifoQueue";

    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        let item = self.0.pop();
        if is_after_a_rush(self.0.len(), self.0.capacity()) {
            self.0 = Vec::new();
        }
        item
    }

    fn size(&self) -> usize {
        self.0.len()
    }
}

impl<T: Ord> Store for Smallest<T> {
    type Item = T;

    const NAME: &'static str = "PriorityQueue";

    fn push(&mut self, item: T) {
        let number = self.next_number;
        self.next_number += 1;
        self.heap.push(Reverse(Ranked { item, number }));
    }

    fn pop(&mut self) -> Option<T> {
        let Reverse(ranked) = self.heap.pop()?;
        if is_after_a_rush(self.heap.len(), self.heap.capacity()) {
            self.heap = BinaryHeap::new();
        }
        Some(ranked.item)
    }

    fn size(&self) -> usize {
        self.heap.len()
    }
}

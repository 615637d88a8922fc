//! Floor 5. An item in hand that says `task_done` by itself.
//!
//! `task_done` is easily forgotten: on an early return, at a `?`, in a task that is cancelled or
//! panics. Then `join` waits for ever. A guard cannot forget it.
//!
//! Rules
//! 1. The item is dropped before the queue is told: the fields are dropped in their order, and the
//!    second one also if the drop of the first one panics.
//!
//! Real world: asyncio leaves it to `try … finally`; Go's `WaitGroup.Done` stands behind `defer`.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::base::QueueOf;
use super::store::Store;

/// An item that was got, and whose work is done when this is dropped; see [`QueueOf::get_guard`].
///
/// [`task_done`](QueueOf::task_done) is not for items in such guards: it cannot be called once too
/// often for them.
#[must_use = "dropped at once, the item counts as done"]
pub struct Item<'a, S: Store> {
    item: S::Item,
    work: Work<'a, S>,
}

impl<'a, S: Store> Item<'a, S> {
    pub(super) fn new(queue: &'a QueueOf<S>, item: S::Item) -> Self {
        Self { item, work: Work { queue: Some(queue) } }
    }

    /// The item itself. It is not done yet: somebody has to call
    /// [`task_done`](QueueOf::task_done) for it.
    ///
    /// ```
    /// use rondel::sync::{Queue, queue::Item};
    ///
    /// rondel::run(async {
    ///     let queue = Queue::new(0);
    ///     queue.put("letter").await.unwrap();
    ///     let letter = Item::into_inner(queue.get_guard().await.unwrap());
    ///     assert_eq!(letter, "letter");
    ///     queue.task_done().unwrap();
    /// });
    /// ```
    pub fn into_inner(this: Self) -> S::Item {
        let Self { item, mut work } = this;
        if let Some(queue) = work.queue.take() {
            queue.unguard();
        }
        item
    }
}

impl<S: Store> Deref for Item<'_, S> {
    type Target = S::Item;

    fn deref(&self) -> &S::Item {
        &self.item
    }
}

impl<S: Store> DerefMut for Item<'_, S> {
    fn deref_mut(&mut self) -> &mut S::Item {
        &mut self.item
    }
}

impl<S: Store<Item: fmt::Debug>> fmt::Debug for Item<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.item.fmt(f)
    }
}

/// What is to be reported.
struct Work<'a, S: Store> {
    /// `None` once somebody else has taken that over.
    queue: Option<&'a QueueOf<S>>,
}

impl<S: Store> Drop for Work<'_, S> {
    fn drop(&mut self) {
        if let Some(queue) = self.queue {
            queue.guarded_done();
        }
    }
}

//! Floor 5. The queue behind `Queue`, `PriorityQueue` and `LifoQueue`.
//!
//! Three wait lists around a store under a lock. An item's way, and who waits where:
//!
//! ```text
//!   put ──▶ places ──▶ push ──▶ items ──▶ get ──▶ pop, and its place is free ──▶ task_done
//!           putters             getters                                           │ the last one:
//!           wait here           wait here                          finished ◀─────┘ join goes on
//! ```
//!
//! A permit of `places` is the right to push, one of `items` the right to pop. So the queues of
//! putters and getters are the wait list's: fair, and a right that a cancelled waiter had been
//! given goes to the next one. Which item it is that a getter gets is decided when it pops.
//!
//! Rules
//! 1. While the queue is open, there are no more permits of `items` than items in the store: a
//!    permit is given after the push, and taken before the pop.
//! 2. Once it is shut down the store alone counts, so that whoever asks drains it, and those who
//!    were given a right before come too late if it is empty then. Nothing is pushed any more: the
//!    push looks at `shut_down` under the lock.
//! 3. `finishes` counts how often everything was done. Who joins notes it at the start and waits
//!    until it has changed; so it is not fooled by one who puts meanwhile.
//! 4. Items and wakers are dropped, and wakers woken, outside the lock. `Ord` of the items of a
//!    `PriorityQueue` is called under it.
//! 5. If that panics, so does the call. An item that was to be put is in the store by then and is
//!    counted; one that was to be got is lost, and counts as done.
//!
//! Real world: asyncio wakes a getter and lets it look again, so that one who comes by at the right
//! moment may take its item, and it waits anew, at the back. The threads' `queue.Queue` has the
//! same methods over one lock and three condition variables.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::error::{GetError, PutError, QueueShutDown, TaskDoneError};
use super::item::Item;
use super::store::Store;
use crate::leaf::leaf;
use crate::shim::{Mutex, lock};
use crate::sync::park;
use crate::sync::unless::acquire_unless;
use crate::wait_list::{MAX_PERMITS, Refused, WaitList};

/// A queue from many tasks to many tasks, with room for so many items.
///
/// [`Queue`], [`PriorityQueue`] and [`LifoQueue`] are the three there are; they differ in which
/// item is got next. The twin of asyncio's classes of these names, with their methods. All of them
/// take `&self`: share a queue by reference within a task, and in an [`Arc`](std::sync::Arc)
/// between tasks and threads.
///
/// **Cost:** for each item put or got two atomic operations and a short lock.
///
/// ```
/// use rondel::sync::queue::{QueueOf, Store};
/// use rondel::sync::{LifoQueue, Queue};
///
/// /// Gets what is in a queue of any kind.
/// async fn drain<S: Store>(queue: &QueueOf<S>) -> Vec<S::Item> {
///     queue.shutdown(false);
///     let mut items = Vec::new();
///     while let Ok(item) = queue.get().await {
///         items.push(item);
///     }
///     items
/// }
///
/// rondel::run(async {
///     let (queue, stack) = (Queue::new(0), LifoQueue::new(0));
///     for item in [1, 2, 3] {
///         queue.put(item).await.unwrap();
///         stack.put(item).await.unwrap();
///     }
///     assert_eq!(drain(&queue).await, [1, 2, 3]);
///     assert_eq!(drain(&stack).await, [3, 2, 1]);
/// });
/// ```
///
/// [`Queue`]: crate::sync::Queue
/// [`PriorityQueue`]: crate::sync::PriorityQueue
/// [`LifoQueue`]: crate::sync::LifoQueue
pub struct QueueOf<S: Store> {
    state: Mutex<State<S>>,
    /// Closed when the queue is shut down.
    places: WaitList,
    items: WaitList,
    /// Never has a permit: all who join are dismissed together.
    finished: WaitList,
    maxsize: usize,
}

struct State<S> {
    store: S,
    /// Items that were put and not reported done, but for the guarded ones.
    unfinished: usize,
    /// Items in an [`Item`], which reports them.
    guarded: usize,
    /// See rule 3.
    finishes: u64,
    shut_down: bool,
}

impl<S> State<S> {
    fn is_finished(&self) -> bool {
        self.unfinished + self.guarded == 0
    }
}

impl<S: Store> QueueOf<S> {
    /// An empty queue with room for `maxsize` items; 0 is room without limit.
    pub fn new(maxsize: usize) -> Self {
        let places = if maxsize == 0 { MAX_PERMITS } else { maxsize.min(MAX_PERMITS) };
        let (unfinished, guarded, finishes) = (0, 0, 0);
        let state = State { store: S::default(), unfinished, guarded, finishes, shut_down: false };
        Self {
            state: Mutex::new(state),
            places: WaitList::new(places),
            items: WaitList::new(0),
            finished: WaitList::new(0),
            maxsize,
        }
    }

    /// For how many items there is room; 0 is without limit.
    pub fn maxsize(&self) -> usize {
        self.maxsize
    }

    /// How many items are there to be got.
    ///
    /// An item that goes to a getter which waited is not counted any more, also if that one has not
    /// run yet: nobody else gets it. (asyncio counts it, and gives it to whoever comes by.)
    pub fn qsize(&self) -> usize {
        let state = lock(&self.state);
        if state.shut_down { state.store.size() } else { self.items.free() }
    }

    /// [`qsize`](Self::qsize), as Rust calls it.
    pub fn len(&self) -> usize {
        self.qsize()
    }

    /// Whether nothing is there to be got: [`get_nowait`](Self::get_nowait) would fail.
    pub fn empty(&self) -> bool {
        self.qsize() == 0
    }

    /// [`empty`](Self::empty), as Rust calls it.
    pub fn is_empty(&self) -> bool {
        self.empty()
    }

    /// Whether there is no place for a newcomer: [`put_nowait`](Self::put_nowait) would fail.
    ///
    /// A place that goes to a putter which waited is not free, also if that one has not run yet.
    pub fn full(&self) -> bool {
        self.maxsize > 0 && self.places.free() == 0
    }

    /// [`full`](Self::full), as Rust calls it.
    pub fn is_full(&self) -> bool {
        self.full()
    }

    /// Puts an item, and waits for a place as long as the queue is full.
    ///
    /// - Errors if the queue is shut down, before or during the wait; the item is in the error.
    ///
    /// **Cancel-safe: no. If the future is dropped while it waits, `item` is dropped with it.** The
    /// queue takes no harm: a place that was for it goes to the next one. (In asyncio the caller
    /// still has the object.)
    /// **Cost:** see [`QueueOf`].
    ///
    /// ```
    /// use rondel::sync::{Queue, queue::error::QueueShutDown};
    ///
    /// rondel::run(async {
    ///     let queue = Queue::new(1);
    ///     queue.put("first").await.unwrap();
    ///     let (refused, ()) = rondel::join!(queue.put("second"), async { queue.shutdown(false) });
    ///     assert_eq!(refused, Err(QueueShutDown("second")));
    /// });
    /// ```
    pub async fn put(&self, item: S::Item) -> Result<(), QueueShutDown<S::Item>> {
        leaf("Queue::put", self.push_or_wait(item)).await
    }

    async fn push_or_wait(&self, item: S::Item) -> Result<(), QueueShutDown<S::Item>> {
        match self.places.acquire(1).await {
            Ok(()) => self.push(item),
            Err(_) => Err(QueueShutDown(item)),
        }
    }

    /// Puts an item if there is a place at once.
    ///
    /// - Errors with [`Full`](PutError::Full) or [`ShutDown`](PutError::ShutDown); the item is in
    ///   the error.
    pub fn put_nowait(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        match self.places.try_acquire(1) {
            Ok(()) => Ok(self.push(item)?),
            Err(Refused::Short) => Err(PutError::Full(item)),
            Err(Refused::Closed) => Err(PutError::ShutDown(item)),
        }
    }

    /// Puts an item and parks the thread while the queue is full: for code that is not async.
    ///
    /// - Errors if the queue is shut down; the item is in the error.
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_put(&self, item: S::Item) -> Result<(), QueueShutDown<S::Item>> {
        park::wait("Queue::blocking_put", self.put(item))
    }

    /// Puts an item on a place that is the caller's.
    fn push(&self, item: S::Item) -> Result<(), QueueShutDown<S::Item>> {
        let mut state = lock(&self.state);
        if state.shut_down {
            drop(state);
            self.places.release(1);
            return Err(QueueShutDown(item));
        }
        let pushed = catch_unwind(AssertUnwindSafe(|| state.store.push(item)));
        state.unfinished += 1;
        drop(state);
        self.items.release(1); // rule 1
        pushed.unwrap_or_else(|panic| resume_unwind(panic)); // rule 5
        Ok(())
    }

    /// Gets the next item, and waits as long as there is none.
    ///
    /// - Errors if the queue is shut down and nothing is left to get, before or during the wait.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue. An item that was for it goes
    /// to the next one.
    /// **Cost:** see [`QueueOf`].
    pub async fn get(&self) -> Result<S::Item, QueueShutDown> {
        leaf("Queue::get", self.wait_for_item()).await;
        self.pop(|_| ()).ok_or(QueueShutDown(()))
    }

    /// Gets the next item if there is one that is for nobody else.
    ///
    /// - Errors with [`Empty`](GetError::Empty) or [`ShutDown`](GetError::ShutDown).
    pub fn get_nowait(&self) -> Result<S::Item, GetError> {
        if self.items.try_acquire(1).is_ok() || self.is_shutdown() {
            self.pop(|_| ()).ok_or(GetError::ShutDown)
        } else {
            Err(GetError::Empty)
        }
    }

    /// Gets the next item and parks the thread while there is none: for code that is not async.
    ///
    /// - Errors if the queue is shut down and nothing is left to get.
    /// - Panics inside a running loop.
    ///
    /// ```
    /// use rondel::sync::Queue;
    /// use std::sync::Arc;
    ///
    /// let queue = Arc::new(Queue::new(1));
    /// let other = queue.clone();
    /// let thread = std::thread::spawn(move || other.blocking_get());
    /// rondel::run(async { queue.put("for the thread").await.unwrap() });
    /// assert_eq!(thread.join().unwrap(), Ok("for the thread"));
    /// ```
    #[track_caller]
    pub fn blocking_get(&self) -> Result<S::Item, QueueShutDown> {
        park::wait("Queue::blocking_get", self.get())
    }

    /// [`get`](Self::get) with a guard that calls [`task_done`](Self::task_done) when it is
    /// dropped: also on an early return, when its task is cancelled, and when it panics.
    ///
    /// - Errors if the queue is shut down and nothing is left to get, before or during the wait.
    ///
    /// **Cancel-safe:** yes, as [`get`](Self::get).
    /// **Cost:** one more short lock for the drop.
    ///
    /// ```
    /// use rondel::sync::Queue;
    ///
    /// rondel::run(async {
    ///     let queue = Queue::new(0);
    ///     queue.put("a letter").await.unwrap();
    ///     let letter = queue.get_guard().await.unwrap();
    ///     assert_eq!(letter.len(), 8);
    ///     drop(letter);
    ///     queue.join().await; // it is done
    /// });
    /// ```
    pub async fn get_guard(&self) -> Result<Item<'_, S>, QueueShutDown> {
        leaf("Queue::get_guard", self.wait_for_item()).await;
        let item = self.pop(|state| {
            // Zero if somebody has said too early that this one is done.
            state.unfinished = state.unfinished.saturating_sub(1);
            state.guarded += 1;
        });
        item.map(|item| Item::new(self, item)).ok_or(QueueShutDown(()))
    }

    /// Waits for the right to pop, or for the end (rule 2).
    async fn wait_for_item(&self) {
        let _ = acquire_unless(&self.items, || self.is_shutdown()).await;
    }

    /// Takes an item out, and does what is to be done under the same lock. It is there for one who
    /// has the right (rule 1); for others it may be, once the queue is shut down.
    fn pop(&self, meanwhile: impl FnOnce(&mut State<S>)) -> Option<S::Item> {
        let mut state = lock(&self.state);
        let popped = catch_unwind(AssertUnwindSafe(|| state.store.pop()));
        if let Ok(None) = popped {
            return None;
        }
        if popped.is_ok() {
            meanwhile(&mut state);
        }
        drop(state);
        self.places.release(1);
        popped.unwrap_or_else(|panic| {
            let _ = self.task_done(); // rule 5; an error if somebody has said so too early
            resume_unwind(panic)
        })
    }

    /// Says that an item which was got is done. When all are, [`join`](Self::join) goes on.
    ///
    /// - Errors if it is called more often than items were put (asyncio's `ValueError`). Items in a
    ///   [guard](Self::get_guard) are not for this call.
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        self.change(|state| match state.unfinished.checked_sub(1) {
            Some(fewer) => {
                state.unfinished = fewer;
                Ok(())
            }
            None => Err(TaskDoneError(())),
        })
    }

    /// The twin of `task_done` for an item in a guard.
    pub(super) fn guarded_done(&self) {
        self.change(|state| state.guarded -= 1);
    }

    /// An item comes out of its guard.
    pub(super) fn unguard(&self) {
        self.change(|state| {
            state.guarded -= 1;
            state.unfinished += 1;
        });
    }

    /// Changes the counts; if that was the last of the work, lets those go on who wait for it.
    fn change<R>(&self, change: impl FnOnce(&mut State<S>) -> R) -> R {
        let mut state = lock(&self.state);
        let worked = !state.is_finished();
        let result = change(&mut state);
        let finished = worked && state.is_finished();
        state.finishes += u64::from(finished);
        drop(state);
        if finished {
            self.finished.dismiss_all(|| ());
        }
        result
    }

    /// Waits until every item that was put is reported [done](Self::task_done); ready at once if
    /// every one is.
    ///
    /// **Cancel-safe:** yes.
    /// **Cost:** a short lock; a place in the waiting list if there is still work.
    pub async fn join(&self) {
        leaf("Queue::join", self.wait_for_finish()).await;
    }

    async fn wait_for_finish(&self) {
        let finishes = {
            let state = lock(&self.state);
            if state.is_finished() {
                return;
            }
            state.finishes
        };
        let finished = || lock(&self.state).finishes != finishes;
        // Dismissed for a finish that was before we came: wait on (rule 3).
        while !finished() {
            let _ = acquire_unless(&self.finished, finished).await;
        }
    }

    /// Shuts the queue down: nothing can be put any more, and who waits for a place gets an error.
    /// What is in it can be got; then `get` returns an error, also to those who wait.
    ///
    /// `immediate` drops what is in it at once, and counts it as done. Items that were got before
    /// are still waited for by [`join`](Self::join). It may follow a shutdown without it.
    pub fn shutdown(&self, immediate: bool) {
        let dropped = self.change(|state| {
            state.shut_down = true;
            immediate.then(|| {
                let items = mem::take(&mut state.store);
                state.unfinished = state.unfinished.saturating_sub(items.size());
                items
            })
        });
        self.items.dismiss_all(|| ());
        self.places.close();
        if let Some(items) = dropped {
            self.places.release(items.size());
        }
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    pub fn is_shutdown(&self) -> bool {
        lock(&self.state).shut_down
    }
}

/// Room without limit.
impl<S: Store> Default for QueueOf<S> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<S: Store> fmt::Debug for QueueOf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        let (unfinished, shut_down) = (state.unfinished + state.guarded, state.shut_down);
        drop(state);
        let mut debug = f.debug_struct(S::NAME);
        debug.field("maxsize", &self.maxsize).field("qsize", &self.qsize());
        debug.field("unfinished_tasks", &unfinished).field("is_shutdown", &shut_down);
        debug.finish_non_exhaustive()
    }
}

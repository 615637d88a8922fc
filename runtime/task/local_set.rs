//! Floor 5. Tasks on one thread, polled by whoever polls the set.
//!
//! On a runtime with many threads a future that is not `Send` needs a place that stays where it is;
//! that place is a set. Rondel's local flavour is such a place already, and `spawn_local` works
//! there without a set. What a set is good for: programs written for tokio; tasks that end with a
//! scope (dropping the set drops them); an executor of tasks inside any other executor.
//!
//! ```text
//!   whoever polls the set ──▶ run_until: your future first, then
//!                             the tasks that ring, at most a batch ──▶ Pending
//!        ▲                                      │ ▲
//!        └────── listens to the bells ──────────┘ └── wakers of the tasks ring, from any thread
//! ```
//!
//! Rules
//! 1. Tasks run while the set is polled, by itself or by `run_until`, and at no other time.
//! 2. A poll of the set polls at most [`BATCH`] tasks, and they share one budget of steps: it lasts
//!    no longer than that of two tasks of the loop. Who is left stands in front the next time.
//! 3. `CURRENT` says where `spawn_local` puts its task; it is a stack, so guards may be dropped in
//!    any order.
//! 4. A body is taken out of its seat to be polled or dropped: nothing is borrowed then, and it may
//!    spawn into the set, or even poll it.
//!
//! Real world: tokio's `LocalSet` polls up to 61 tasks, each with a budget of its own; trio's and
//! Python's nurseries and groups bound the life of tasks, but not who polls them.

use super::bells::{Bells, Key};
use super::id::Origin;
use super::join::JoinHandle;
use super::local_work::{self, Body, Remote};
use crate::runtime::Runtime;
use crate::{budget, roll_call};
use pin_project_lite::pin_project;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc; // not the shim's: a `Waker` is made of std's
use std::task::{Context, Poll, Waker};

/// How many tasks one poll of the set may poll: as many as one turn of the loop.
const BATCH: usize = 61;

// Not in `current.rs` with the loop's: a set may live where no loop is.
thread_local! {
    static CURRENT: RefCell<Entries> =
        const { RefCell::new(Entries { sets: Vec::new(), number: 0 }) };
}

/// The sets that this thread is inside of, the innermost last (rule 3).
struct Entries {
    sets: Vec<(u64, Rc<Inner>)>,
    number: u64,
}

/// The set that `spawn_local` means on this thread, if there is one.
pub(super) fn current() -> Option<Rc<Inner>> {
    let current =
        CURRENT.try_with(|entries| entries.borrow().sets.last().map(|(_, set)| set.clone()));
    current.ok().flatten()
}

/// A set of tasks that stay on one thread and run while the set is polled.
///
/// Their futures need not be `Send`. They can be spawned before there is a runtime, are polled by
/// whoever polls the set ([`run_until`](Self::run_until), [`block_on`](Self::block_on), or the set
/// itself, which is a future), on any executor, and are dropped with the set. Let one task poll it:
/// only the waker of the last poll is woken.
///
/// The twin of `tokio::task::LocalSet`. On Rondel's own loop [`spawn_local`](super::spawn_local)
/// needs no set.
///
/// **Cancel-safe:** yes. The tasks stay in the set when whoever polls it stops.
/// **Cost:** three allocations a task; a wake takes a short lock.
///
/// ```
/// use rondel::task::{self, LocalSet};
/// use std::rc::Rc;
///
/// let set = LocalSet::new();
/// let word = Rc::new("not Send");
/// let task = set.spawn_local(async move { word.len() }); // no runtime yet
/// let runtime = rondel::Runtime::new().unwrap();
/// let sum = set.block_on(&runtime, async {
///     let other = task::spawn_local(async { 4 }); // into the set
///     task.await.unwrap() + other.await.unwrap()
/// });
/// assert_eq!(sum, 12);
/// ```
pub struct LocalSet {
    inner: Rc<Inner>,
}

/// What the set shares with the guards that name it as the current one.
pub(super) struct Inner {
    tasks: RefCell<Slab<Seat>>,
    bells: Arc<Bells>,
    next_number: Cell<u64>,
    /// The set is gone: a task that is spawned now is cancelled at once.
    closed: Cell<bool>,
}

/// A place for a task.
struct Seat {
    number: u64,
    /// None while it is polled (rule 4).
    task: Option<Task>,
    /// It rang while it was away, and nobody was there to be polled.
    again: bool,
}

struct Task {
    body: Pin<Box<dyn Body>>,
    waker: Waker,
}

impl LocalSet {
    /// A set without tasks.
    pub fn new() -> Self {
        Self {
            inner: Rc::new(Inner {
                tasks: RefCell::default(),
                bells: Arc::new(Bells::new()),
                next_number: Cell::new(0),
                closed: Cell::new(false),
            }),
        }
    }

    /// Makes this the set that [`spawn_local`](super::spawn_local) means on this thread, until the
    /// guard is dropped.
    ///
    /// It does not poll the set. Guards may be dropped in any order: the one made last decides.
    ///
    /// ```
    /// use rondel::task::{self, LocalSet};
    ///
    /// let set = LocalSet::new();
    /// let task = {
    ///     let _inside = set.enter();
    ///     task::spawn_local(async { 7 })
    /// };
    /// let runtime = rondel::Runtime::new().unwrap();
    /// assert_eq!(set.block_on(&runtime, task).unwrap(), 7);
    /// ```
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard { number: Inner::enter(&self.inner), _not_send: PhantomData }
    }

    /// Starts a task on this set. It runs when the set is polled.
    ///
    /// The handle is that of [`spawn`](super::spawn): a panic goes to it, and its
    /// [`abort`](JoinHandle::abort) may be called on any thread. An aborted task has ended when the
    /// set is polled next, or dropped.
    ///
    /// **Cost:** three allocations.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.inner.spawn(future, None)
    }

    /// Runs `future` on `runtime`, and the set with it: `runtime.block_on(self.run_until(future))`.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        runtime.block_on(self.run_until(future))
    }

    /// Runs `future` until it is done, and the tasks of the set beside it.
    ///
    /// Inside it [`spawn_local`](super::spawn_local) means this set. Tasks that are left stay, and
    /// go on when the set is polled again.
    ///
    /// **Cancel-safe:** as `future`; the tasks stay in the set.
    ///
    /// ```
    /// use rondel::task::{self, LocalSet};
    ///
    /// rondel::run(async {
    ///     let set = LocalSet::new();
    ///     let answer = set.run_until(async { task::spawn_local(async { 42 }).await.unwrap() });
    ///     assert_eq!(answer.await, 42);
    /// });
    /// ```
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        RunUntil { set: self, future }.await
    }

    #[track_caller]
    pub(super) fn spawn_named<F>(&self, future: F, name: Option<&str>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.inner.spawn(future, name)
    }
}

impl Inner {
    #[track_caller]
    pub(super) fn spawn<F>(&self, future: F, name: Option<&str>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let number = self.next_number.replace(self.next_number.get() + 1);
        let slot = self.tasks.borrow().vacant_key();
        let remote = Remote::new(Origin::here(name), Key { slot, number }, self.bells.clone());
        let remote = Arc::new(remote);
        let (mut body, output) = local_work::new_pair(future, remote.clone());
        if self.closed.get() {
            body.as_mut().cancel();
            return JoinHandle::of_local(output);
        }
        let task = Task { body, waker: Waker::from(remote.clone()) };
        let taken = self.tasks.borrow_mut().insert(Seat { number, task: Some(task), again: false });
        debug_assert_eq!(taken, slot, "nobody else has touched the seats meanwhile");
        remote.ring();
        JoinHandle::of_local(output)
    }

    /// Puts the set on top of the stack of this thread, and returns the number of the entry; none
    /// if the thread is ending and has no stack any more.
    fn enter(set: &Rc<Self>) -> Option<u64> {
        let entered = CURRENT.try_with(|entries| {
            let entries = &mut *entries.borrow_mut();
            entries.number += 1;
            entries.sets.push((entries.number, set.clone()));
            entries.number
        });
        entered.ok()
    }

    /// Polls the tasks that have rung, and sees to it that whoever polls the set is woken when
    /// there is more to do.
    fn poll_tasks(&self, cx: &mut Context<'_>) {
        if roll_call::is_on() {
            return self.call_the_roll();
        }
        let _share = budget::renewed(); // rule 2
        for _ in 0..BATCH {
            if !budget::remains() {
                break;
            }
            match self.bells.pop() {
                Some(key) => self.run(key),
                None if self.bells.listen(cx.waker()) => return,
                None => {}
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Polls each task once: each says what it waits for.
    fn call_the_roll(&self) {
        let seats = self.tasks.borrow();
        let keys: Vec<_> =
            seats.iter().map(|(slot, seat)| Key { slot, number: seat.number }).collect();
        drop(seats);
        keys.into_iter().for_each(|key| self.run(key));
    }

    fn run(&self, key: Key) {
        let mut seats = self.tasks.borrow_mut();
        let Some(seat) = seats.get_mut(key.slot).filter(|seat| seat.number == key.number) else {
            return; // it has ended
        };
        let Some(mut task) = seat.task.take() else {
            seat.again = true; // this call comes from within its own poll
            return;
        };
        drop(seats);
        let ended = task.body.as_mut().run(&task.waker);
        let mut seats = self.tasks.borrow_mut();
        if ended {
            seats.remove(key.slot);
            drop(seats);
            drop(task); // after the borrow (rule 4)
            return;
        }
        let seat = &mut seats[key.slot];
        seat.task = Some(task);
        if mem::take(&mut seat.again) {
            drop(seats);
            self.bells.ring(key); // not by the remote, which believes that it has rung
        }
    }

    fn is_empty(&self) -> bool {
        self.tasks.borrow().is_empty()
    }
}

/// The set as a future: done when all its tasks have ended.
impl Future for LocalSet {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _inside = self.enter();
        self.inner.poll_tasks(cx);
        if self.inner.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Drops the futures of all tasks that are left; their handles learn that they were cancelled.
impl Drop for LocalSet {
    fn drop(&mut self) {
        self.inner.closed.set(true); // what these drops spawn is cancelled at once
        let _inside = self.enter();
        let seats = mem::take(&mut *self.inner.tasks.borrow_mut());
        for task in seats.into_iter().filter_map(|(_, seat)| seat.task) {
            let Task { mut body, .. } = task;
            body.as_mut().cancel();
        }
        self.inner.bells.forget_all();
        self.inner.bells.hang_up(); // wakers that are still about keep the bells
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.inner.tasks.borrow().len();
        f.debug_struct("LocalSet").field("tasks", &tasks).finish_non_exhaustive()
    }
}

/// See [`LocalSet::enter`].
#[must_use = "the set is left when the guard is dropped"]
pub struct LocalEnterGuard {
    number: Option<u64>,
    /// A guard undoes what was done on its own thread.
    _not_send: PhantomData<*const ()>,
}

impl Drop for LocalEnterGuard {
    fn drop(&mut self) {
        let entry = CURRENT.try_with(|entries| {
            let sets = &mut entries.borrow_mut().sets;
            let at = sets.iter().rposition(|(number, _)| Some(*number) == self.number)?;
            Some(sets.remove(at))
        });
        drop(entry); // after the borrow
    }
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalEnterGuard")
    }
}

pin_project! {
    /// What [`LocalSet::run_until`] awaits.
    struct RunUntil<'a, F> {
        set: &'a LocalSet,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for RunUntil<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _inside = this.set.enter();
        let polled = this.future.poll(cx);
        if polled.is_pending() {
            this.set.inner.poll_tasks(cx);
        }
        polled
    }
}

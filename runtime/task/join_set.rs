//! Floor 5. A set of tasks, joined as they end.
//!
//! Each task has a bell (`bells.rs`): its end rings, its key goes to the end of one list, and
//! whoever waits is woken. `join_next` looks at that list and at nothing else, so the price of one
//! end does not depend on how many tasks are in the set.
//!
//! Rules
//! 1. A task knows its bell from the start: so the list has the order of the ends, whoever asks
//!    when.
//! 2. A task leaves the set with its output in the hands of the caller, or not at all.
//!
//! Real world: tokio has two linked lists (idle, notified) behind a lock, same idea; asyncio's
//! `TaskGroup` counts its children, and its `wait` adds a callback to each anew at every call.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc; // not the shim's: a `Waker` is made of std's
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use super::bells::{Bells, Key};
use crate::current::Handle;
use crate::leaf::poll_leaf;
use crate::task::{self, AbortHandle, Id, JoinError, JoinHandle, LocalSet};

/// Tasks that can be joined in the order in which they end. Dropping the set aborts them.
///
/// The twin of `tokio::task::JoinSet`; Python's nearest are `asyncio.as_completed` (the order of
/// ends) and `asyncio.TaskGroup` (nobody is left behind).
///
/// ```
/// rondel::run(async {
///     let mut set = rondel::task::JoinSet::new();
///     for number in 0..10 {
///         set.spawn(async move { number * number });
///     }
///     let mut total = 0;
///     while let Some(square) = set.join_next().await {
///         total += square.unwrap();
///     }
///     assert_eq!(total, 285);
/// });
/// ```
#[must_use = "dropping a `JoinSet` aborts its tasks"]
pub struct JoinSet<T> {
    tasks: Slab<Entry<T>>,
    bells: Arc<Bells>,
    next_number: u64,
}

/// One task of the set.
struct Entry<T> {
    handle: JoinHandle<T>,
    abort: AbortHandle,
    bell: Waker,
    number: u64,
}

/// The waker of one task of the set.
struct Bell {
    key: Key,
    bells: Arc<Bells>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bells.ring(self.key);
    }
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self { tasks: Slab::new(), bells: Arc::new(Bells::new()), next_number: 0 }
    }

    /// How many tasks are in the set: running, or ended and not joined.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether no task is in the set.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Asks all tasks to end. They stay in the set until they are joined.
    ///
    /// See [`JoinHandle::abort`].
    pub fn abort_all(&mut self) {
        self.tasks.iter().for_each(|(_, entry)| entry.abort.abort());
    }

    /// Takes all tasks out of the set and lets them run.
    pub fn detach_all(&mut self) {
        self.bells.forget_all();
        self.tasks.clear();
    }

    /// The next task that has ended, if there is one now.
    ///
    /// `None` if the set is empty, and also if all its tasks run.
    ///
    /// # Errors
    ///
    /// The inner error says that the task panicked or was aborted.
    ///
    /// **Cost:** O(1) per task that ended or is new.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(|ended| ended.map(|(_, output)| output))
    }

    /// Like [`try_join_next`](Self::try_join_next), with the task's id.
    ///
    /// # Errors
    ///
    /// The inner error says that the task panicked or was aborted; it has an
    /// [id](JoinError::id) too.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        loop {
            let key = self.bells.pop()?;
            if let Some(ended) = self.ask(key) {
                return Some(ended);
            }
        }
    }

    /// Waits until one of the tasks has ended, takes it out and returns its output.
    ///
    /// `None` if the set is empty. Tasks come in the order in which they ended.
    ///
    /// # Errors
    ///
    /// The inner error says that the task panicked or was aborted.
    ///
    /// **Cancel-safe:** yes. A task leaves the set only with its output.
    /// **Cost:** O(1), however many tasks are in the set.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// Like [`join_next`](Self::join_next), with the task's id.
    ///
    /// # Errors
    ///
    /// The inner error says that the task panicked or was aborted; it has an
    /// [id](JoinError::id) too.
    ///
    /// **Cancel-safe:** yes. A task leaves the set only with its output.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Polls for a task that has ended; what [`join_next`](Self::join_next) is made of.
    ///
    /// Only the waker of the last call is woken.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx)
            .map(|next| next.map(|ended| ended.map(|(_, output)| output)))
    }

    /// Like [`poll_join_next`](Self::poll_join_next), with the task's id.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        poll_leaf("JoinSet::join_next", cx, |cx| {
            loop {
                if let Some(ended) = self.try_join_next_with_id() {
                    return Poll::Ready(Some(ended));
                }
                if self.is_empty() {
                    return Poll::Ready(None);
                }
                if self.bells.listen(cx.waker()) {
                    return Poll::Pending;
                }
            }
        })
    }

    /// Asks all tasks to end and waits until they have.
    ///
    /// What they returned is dropped, and so are their panics.
    ///
    /// **Cancel-safe:** the tasks stay aborted, and those not yet joined stay in the set.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks and returns their outputs in the order in which they ended.
    ///
    /// # Panics
    ///
    /// If a task panics, with its panic; or if one was aborted. The rest is then aborted.
    ///
    /// **Cancel-safe:** no. Dropping it aborts what runs and loses the outputs.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(ended) = self.join_next().await {
            match ended {
                Ok(output) => outputs.push(output),
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Err(error) => panic!("{error}"),
            }
        }
        outputs
    }

    /// Has the task of `key` ended? Then it leaves the set.
    fn ask(&mut self, key: Key) -> Option<Result<(Id, T), JoinError>> {
        let entry = self.tasks.get_mut(key.slot).filter(|entry| entry.number == key.number)?;
        let mut cx = Context::from_waker(&entry.bell);
        let Poll::Ready(ended) = entry.handle.poll_free(&mut cx) else { return None };
        let entry = self.tasks.remove(key.slot);
        Some(ended.map(|output| (entry.handle.id(), output)))
    }
}

impl<T: 'static> JoinSet<T> {
    /// Begins a task that has a name.
    ///
    /// ```
    /// rondel::run(async {
    ///     let mut set = rondel::task::JoinSet::new();
    ///     set.build_task().name("adder").spawn(async { 1 + 1 }).unwrap();
    ///     assert_eq!(set.join_all().await, [2]);
    /// });
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder { set: self, builder: task::Builder::new() }
    }

    /// Spawns `future` on the loop this thread is inside of, and puts the task into the set.
    ///
    /// See [`task::spawn`].
    ///
    /// # Panics
    ///
    /// If called outside a loop.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(task::spawn(future))
    }

    /// Spawns `future` on the loop of `handle`, and puts the task into the set.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(future))
    }

    /// Spawns a future that must stay on this thread, and puts the task into the set.
    ///
    /// See [`task::spawn_local`].
    ///
    /// # Panics
    ///
    /// If called outside a loop.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(task::spawn_local(future))
    }

    /// Spawns a future on `local_set`, and puts the task into this set. It runs while `local_set`
    /// is polled.
    ///
    /// See [`LocalSet::spawn_local`].
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, future: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(future))
    }

    /// Runs `work` on a thread of the blocking pool, and puts it into the set.
    ///
    /// It can be aborted only before it starts. See
    /// [`task::spawn_blocking`].
    ///
    /// # Panics
    ///
    /// If called outside a loop, or if no thread can be started.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, work: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(task::spawn_blocking(work))
    }

    /// Runs `work` on a thread of the blocking pool of `handle`, and puts it into the set.
    ///
    /// # Panics
    ///
    /// If no thread can be started.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, work: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(work))
    }

    /// Puts a task into the set. If it has ended already, it rings at once (rule 1).
    fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let place = self.tasks.vacant_entry();
        let key = Key { slot: place.key(), number: self.next_number };
        self.next_number += 1;
        let bell = Waker::from(Arc::new(Bell { key, bells: self.bells.clone() }));
        let abort = handle.abort_handle();
        let entry = place.insert(Entry { handle, abort: abort.clone(), bell, number: key.number });
        entry.handle.join(&entry.bell);
        abort
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
        self.bells.hang_up(); // the tasks keep their bells, and those the list
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Spawns every future of an iterator.
///
/// # Panics
///
/// If called outside a loop.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

/// Spawns every future of an iterator into the set.
///
/// # Panics
///
/// If called outside a loop.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        futures.into_iter().for_each(|future| {
            self.spawn(future);
        });
    }
}

/// Starts tasks that have a name, in a [`JoinSet`]; made by [`JoinSet::build_task`].
///
/// The twin of `tokio::task::join_set::Builder`; the name is that of [`task::Builder`].
#[must_use = "builders do nothing unless used to spawn a task"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    builder: task::Builder<'a>,
}

impl<'a, T: 'static> Builder<'a, T> {
    /// Gives the task a name.
    pub fn name(self, name: &'a str) -> Self {
        Self { builder: self.builder.name(name), ..self }
    }

    /// As [`JoinSet::spawn`].
    ///
    /// # Errors
    ///
    /// None today: the `Result` is tokio's shape.
    ///
    /// # Panics
    ///
    /// If called outside a loop.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn(future)?))
    }

    /// As [`JoinSet::spawn_on`].
    ///
    /// # Errors
    ///
    /// None today: the `Result` is tokio's shape.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn_on(future, handle)?))
    }

    /// As [`JoinSet::spawn_local`].
    ///
    /// # Errors
    ///
    /// None today: the `Result` is tokio's shape.
    ///
    /// # Panics
    ///
    /// As [`task::spawn_local`].
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.insert(self.builder.spawn_local(future)?))
    }

    /// As [`JoinSet::spawn_local_on`].
    ///
    /// # Errors
    ///
    /// None today: the `Result` is tokio's shape.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.insert(self.builder.spawn_local_on(future, local_set)?))
    }

    /// As [`JoinSet::spawn_blocking`].
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_blocking<F>(self, work: F) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn_blocking(work)?))
    }

    /// As [`JoinSet::spawn_blocking_on`].
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    #[track_caller]
    pub fn spawn_blocking_on<F>(self, work: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn_blocking_on(work, handle)?))
    }
}

impl<T> fmt::Debug for Builder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("set", &self.set).field("task", &self.builder).finish()
    }
}

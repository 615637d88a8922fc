//! Floor 5. Starting tasks: on this loop, on this thread, on the blocking pool.

use super::closure;
use super::id::Origin;
use super::join::JoinHandle;
use super::local_set::{self, LocalSet};
use crate::birth;
use crate::current::Handle;
use std::future::Future;
use std::io;

/// Starts a task: `future` runs by itself, beside whoever spawned it.
///
/// It is put at the back of the ready queue; its first poll comes when its turn comes, not before
/// the caller awaits something. Dropping the [`JoinHandle`] detaches the task.
///
/// The twin of `tokio::spawn` and of `asyncio.create_task`.
///
/// - Returns the handle to await, abort or drop.
/// - A panic of the future goes to the handle, never to the loop.
///
/// # Panics
///
/// Panics if no loop runs on this thread.
///
/// **Cost:** one allocation for the task, its future and its output together.
///
/// ```
/// rondel::run(async {
///     let handle = rondel::spawn(async { "done" });
///     assert_eq!(handle.await.unwrap(), "done");
/// });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    birth::spawn_send(future, None)
}

/// Starts a task that never leaves this thread, so its future need not be `Send`.
///
/// It goes to the [`LocalSet`] that is being polled or [entered](LocalSet::enter) on this thread;
/// without one to the loop. The twin of `tokio::task::spawn_local`, which needs a set: the local
/// flavour is one already.
///
/// # Panics
///
/// Panics if there is no set and no loop runs on this thread.
///
/// **Cost:** as [`spawn`].
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// rondel::run(async {
///     let count = Rc::new(Cell::new(0));
///     let ours = count.clone();
///     rondel::task::spawn_local(async move { ours.set(1) }).await.unwrap();
///     assert_eq!(count.get(), 1);
/// });
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_local_from(future, None)
}

#[track_caller]
fn spawn_local_from<F>(future: F, name: Option<&str>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match local_set::current() {
        Some(set) => set.spawn(future, name),
        None => birth::spawn_here(future, name),
    }
}

/// Runs a closure that blocks on a thread of the blocking pool.
///
/// For what can only be had by waiting or by computing: files, DNS, a database without an async
/// driver, an image to resize. The loop goes on meanwhile.
///
/// The twin of `tokio::task::spawn_blocking` and of `asyncio.to_thread` / `run_in_executor`.
///
/// - Aborting the handle helps only until the closure has started.
/// - When the runtime ends, closures that have not started are dropped, and those that run are
///   waited for within a limit.
///
/// # Panics
///
/// Panics if no runtime is current on this thread, or if no thread can be started.
///
/// **Cost:** two allocations and two trips between threads, some microseconds.
///
/// ```
/// rondel::run(async {
///     let sum = rondel::task::spawn_blocking(|| (1..=100).sum::<u32>());
///     assert_eq!(sum.await.unwrap(), 5050);
/// });
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(work: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Handle::current().spawn_blocking(work)
}

impl Handle {
    /// Runs a closure that blocks on a thread of this runtime's blocking pool.
    ///
    /// See [`spawn_blocking`].
    ///
    /// # Panics
    ///
    /// Panics if no thread can be started.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, work: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match self.try_spawn_blocking(work, Origin::here(None)) {
            Ok(handle) => handle,
            Err(error) => panic!("the blocking pool could not start a thread: {error}"),
        }
    }

    /// # Errors
    ///
    /// If no thread can be started.
    fn try_spawn_blocking<F, R>(&self, work: F, origin: Origin) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (ticket, closure) = closure::new_pair(work, origin);
        let handle = self.clone();
        let submitted = self.pool().submit(Box::new(move || {
            let _entered = handle.enter();
            ticket.run();
        }));
        match submitted {
            Err(error) if error.kind() != io::ErrorKind::Other => Err(error),
            // A closed pool dropped the ticket, and so cancelled the closure.
            _ => Ok(JoinHandle::of_elsewhere(closure)),
        }
    }
}

/// Starts tasks that have a name.
///
/// The twin of `tokio::task::Builder` and of `asyncio.create_task(…, name=…)`. The name stands in
/// reports about the task.
///
/// ```
/// rondel::run(async {
///     let task = rondel::task::Builder::new().name("greeter").spawn(async { "hello" }).unwrap();
///     assert_eq!(task.await.unwrap(), "hello");
/// });
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// A task without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the task a name. **Cost:** two small allocations when it is spawned.
    pub fn name(self, name: &'a str) -> Self {
        Self { name: Some(name) }
    }

    /// As [`spawn`].
    ///
    /// # Errors
    ///
    /// None today: the `Result` is tokio's shape.
    ///
    /// # Panics
    ///
    /// As [`spawn`].
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(birth::spawn_send(future, self.name))
    }

    /// As [`Handle::spawn`]: a task of the runtime of `handle`.
    ///
    /// # Errors
    ///
    /// None today: the `Result` is tokio's shape.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(handle.spawn_named(future, self.name))
    }

    /// As [`spawn_local`].
    ///
    /// # Errors
    ///
    /// None today: the `Result` is tokio's shape.
    ///
    /// # Panics
    ///
    /// As [`spawn_local`].
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(spawn_local_from(future, self.name))
    }

    /// As [`LocalSet::spawn_local`]: a task of `set`.
    ///
    /// # Errors
    ///
    /// None today: the `Result` is tokio's shape.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, set: &LocalSet) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(set.spawn_named(future, self.name))
    }

    /// As [`spawn_blocking`].
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, work: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_on(work, &Handle::current())
    }

    /// As [`Handle::spawn_blocking`]: on the blocking pool of the runtime of `handle`.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(self, work: F, handle: &Handle) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        handle.try_spawn_blocking(work, Origin::here(self.name))
    }
}

//! Floor 4. The runtime: a loop to run futures on, and its end.
//!
//! As in tokio, `Builder` and `Handle` are found here, too.

use crate::current;
use crate::deadlock::Deadlock;
use crate::end_report::EndReport;
use crate::flavor::local::{ELSEWHERE, Local};
use crate::flavor::pinned::Pinned;
use crate::flavor::stealing::Stealing;
use crate::task::JoinHandle;
use crate::task::info::TaskInfo;
use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::process;
use std::time::Duration;

#[doc(no_inline)]
pub use crate::builder::Builder;
#[doc(no_inline)]
pub use crate::current::{EnterGuard, Handle, TryCurrentError};

/// How long the end of a runtime waits for closures on the blocking pool, unless told otherwise.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(30);

/// A loop or several, and the right to run and to end them.
///
/// It may be sent and shared. But the loop of the local flavour belongs to the first thread that
/// runs or enters it, as its tasks need not be `Send`: other threads reach it through its
/// [`Handle`], and must not `block_on` it.
///
/// Dropping it ends it as [`shutdown_timeout`](Self::shutdown_timeout) does, with a limit of 30 s;
/// but in a child that has inherited it by `fork` nothing is ended, as it is the parent's.
/// A child that is forked by a task, inside the loop, must not go on with that loop, which would
/// take the parent's events, and is not told so: it must `exec`, or leave by `_exit`.
/// If another thread has the loop of a local runtime, its tasks are dropped when that thread ends,
/// or next runs or enters a local runtime.
///
/// The twin of `tokio::runtime::Runtime` and of `asyncio.Runner`.
///
/// ```
/// let runtime = rondel::Runtime::new().unwrap();
/// let answer = runtime.block_on(async { rondel::spawn(async { 42 }).await.unwrap() });
/// assert_eq!(answer, 42);
/// ```
pub struct Runtime {
    /// `None` once it has ended.
    flavor: Option<Flavor>,
    /// The process it was made by. A child that inherits it by `fork` shares the kernel's table of
    /// sockets with its parent, and has none of its threads.
    process: u32,
}

enum Flavor {
    Local(Local),
    Stealing(Stealing),
    Pinned(Pinned),
}

impl From<Local> for Runtime {
    fn from(local: Local) -> Self {
        Self::of(Flavor::Local(local))
    }
}

impl From<Stealing> for Runtime {
    fn from(stealing: Stealing) -> Self {
        Self::of(Flavor::Stealing(stealing))
    }
}

impl From<Pinned> for Runtime {
    fn from(pinned: Pinned) -> Self {
        Self::of(Flavor::Pinned(pinned))
    }
}

impl Runtime {
    fn of(flavor: Flavor) -> Self {
        Self { flavor: Some(flavor), process: process::id() }
    }

    fn is_inherited(&self) -> bool {
        process::id() != self.process
    }

    /// A runtime as [`Builder::new`] makes it.
    ///
    /// # Errors
    ///
    /// None today: see [`Builder::build`].
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    fn flavor(&self) -> &Flavor {
        self.flavor.as_ref().expect("a runtime has its loops until it is dropped")
    }

    /// Turns the loop until `future` is done, and returns its output.
    ///
    /// Tasks that are left stay, and go on in the next `block_on`.
    ///
    /// # Panics
    ///
    /// Panics if this thread is inside a loop already, if the runtime is a local one and its loop
    /// another thread's, when `future` panics, and on a [`Deadlock`] in virtual time. Panics in a
    /// child that has inherited the runtime by `fork`: it must build one of its own.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(deadlock) => panic!("{deadlock}"),
        }
    }

    /// [`block_on`](Self::block_on) that returns a deadlock instead of panicking.
    ///
    /// # Errors
    ///
    /// When time is virtual ([`Builder::start_paused`], [`time::pause`](crate::time::pause)) and
    /// nothing can ever run again: nobody is ready, no timer is set, no socket is open, no closure
    /// runs on the blocking pool and no thread works outside. Threads that this runtime cannot know
    /// of, also those of other runtimes, are told to it by
    /// [`testing::outside_thread`](crate::testing::outside_thread).
    ///
    /// # Panics
    ///
    /// Panics if this thread is inside a loop already, if the runtime is a local one and its loop
    /// another thread's, and when `future` panics.
    ///
    /// ```
    /// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    /// let deadlock = runtime
    ///     .try_block_on(async {
    ///         let lock = rondel::sync::Mutex::new(());
    ///         let _held = lock.lock().await;
    ///         let _again = lock.lock().await; // waits for itself
    ///     })
    ///     .unwrap_err();
    /// assert_eq!(deadlock.root(), ["Mutex::lock"]);
    /// ```
    #[track_caller]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, Deadlock> {
        current::forbid_blocking("Runtime::block_on");
        assert!(
            !self.is_inherited(),
            "this runtime belongs to process {}, and this is process {}, which has inherited it by \
             `fork`: to turn it here would take the parent's events; build a runtime of its own in \
             the child, or `exec` at once",
            self.process,
            process::id()
        );
        match self.flavor() {
            Flavor::Local(local) => local.block_on(future),
            Flavor::Stealing(_) | Flavor::Pinned(_) => {
                Ok(self.handle().wait_for(future, "Runtime::block_on"))
            }
        }
    }

    /// A handle for other threads.
    pub fn handle(&self) -> &Handle {
        match self.flavor() {
            Flavor::Local(local) => local.handle(),
            Flavor::Stealing(stealing) => stealing.handle(),
            Flavor::Pinned(pinned) => pinned.handle(),
        }
    }

    /// Starts a task; it runs inside the next [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle().spawn(future)
    }

    /// Runs a closure on the blocking pool.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, work: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle().spawn_blocking(work)
    }

    /// Makes this runtime the current one of this thread until the guard is dropped, so that
    /// `spawn` and `sleep` work outside `block_on`.
    ///
    /// Inside another loop that one goes on: then this does what [`Handle::enter`] does. So it does
    /// if another thread has the loop.
    pub fn enter(&self) -> RuntimeGuard<'_> {
        let entered = match (self.flavor(), current::busy()) {
            (Flavor::Local(local), None) => local.enter(),
            _ => None,
        };
        let as_a_stranger = || current::enter(None, Some(self.handle().clone()), None);
        RuntimeGuard { _entered: entered.or_else(as_a_stranger), _runtime: self }
    }

    /// Ends the runtime: drops the futures of all tasks that are left, drops the closures that
    /// have not started on the blocking pool, and waits at most `limit` for those that run.
    ///
    /// A closure that still runs then is left behind with its thread, and one line on stderr says
    /// so.
    pub fn shutdown_timeout(mut self, limit: Duration) {
        self.end(limit);
    }

    /// Ends the runtime without waiting for the blocking pool.
    pub fn shutdown_background(mut self) {
        self.end(Duration::ZERO);
    }

    /// Ends the runtime as [`shutdown_timeout`](Self::shutdown_timeout) does, and says what was
    /// left: which tasks had to be cancelled, and how many closures still run after `limit`.
    ///
    /// For a shutdown that asks first and gives time to clean up, see
    /// [`task::Shutdown`](crate::task::Shutdown).
    ///
    /// # Panics
    ///
    /// Panics if the runtime is a local one and its loop another thread's: nobody here knows what
    /// is left. It ends as if dropped.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = rondel::Runtime::new().unwrap();
    /// runtime.spawn(std::future::pending::<()>());
    /// let report = runtime.shutdown_report(Duration::ZERO);
    /// assert_eq!((report.cancelled().len(), report.closures_running()), (1, 0));
    /// ```
    #[track_caller]
    pub fn shutdown_report(mut self, limit: Duration) -> EndReport {
        if let Flavor::Local(local) = self.flavor() {
            assert!(
                !local.is_elsewhere(),
                "`shutdown_report` was called on the wrong thread: {ELSEWHERE}"
            );
        }
        let handle = self.handle().clone();
        let (mut cancelled, workers_running) = match self.flavor.take() {
            Some(Flavor::Local(local)) => {
                let mut cancelled = Vec::new();
                local.end(&mut |task| cancelled.push(TaskInfo::new(task.origin().clone())));
                (cancelled, 0)
            }
            Some(Flavor::Stealing(stealing)) => stealing.end(limit),
            Some(Flavor::Pinned(pinned)) => pinned.end(limit),
            None => (Vec::new(), 0),
        };
        cancelled.sort_by_key(TaskInfo::id);
        EndReport::new(cancelled, workers_running, handle.pool().close(limit))
    }

    fn end(&mut self, limit: Duration) {
        if self.flavor.is_none() {
            return;
        }
        if self.is_inherited() {
            // To end it would take the parent's sockets out of the table that both share.
            return std::mem::forget(self.flavor.take());
        }
        let handle = self.handle().clone();
        let (waits, workers) = match self.flavor.take() {
            Some(Flavor::Local(local)) => {
                local.end(&mut |_| ());
                (true, 0)
            }
            Some(Flavor::Stealing(stealing)) => (stealing.may_wait(), stealing.end(limit).1),
            Some(Flavor::Pinned(pinned)) => (pinned.may_wait(), pinned.end(limit).1),
            None => (false, 0),
        };
        let closures = handle.pool().close(limit);
        if !limit.is_zero() && waits {
            tell_who_is_left(workers, "worker(s) that are stuck in a poll", limit);
        }
        if !limit.is_zero() {
            tell_who_is_left(closures, "closure(s) of `spawn_blocking`", limit);
        }
    }
}

fn tell_who_is_left(count: usize, who: &str, limit: Duration) {
    if count > 0 {
        // Not `eprintln!`, which panics where stderr takes nothing more.
        let _ = writeln!(
            io::stderr(),
            "rondel: {count} {who} still ran {limit:?} after the runtime ended; their threads are \
             left behind"
        );
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.end(SHUTDOWN_LIMIT);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("handle", self.handle()).finish_non_exhaustive()
    }
}

/// See [`Runtime::enter`].
#[must_use = "the runtime is left when the guard is dropped"]
pub struct RuntimeGuard<'a> {
    _entered: Option<current::Entered>,
    _runtime: &'a Runtime,
}

impl fmt::Debug for RuntimeGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuntimeGuard")
    }
}

/// Builds a runtime, runs `future` on it, ends the runtime.
///
/// The twin of `asyncio.run`, and of what `#[tokio::main]` writes for you. Tasks that are left when
/// `future` is done are cancelled: their futures are dropped before `run` returns.
///
/// # Panics
///
/// Panics if this thread is inside a loop already, when `future` panics, and when the kernel gives
/// no more descriptors for the reactor ([`Builder::build`] returns that as an error).
///
/// ```
/// let answer = rondel::run(async { 6 * 7 });
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    current::forbid_blocking("rondel::run");
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("the runtime could not be built: {error}"),
    }
}

/// Runs `future` on this thread, which sleeps while it waits, without a loop.
///
/// For futures that need nobody but other threads: channels, locks, a [`JoinHandle`]. Timers and
/// sockets need a loop: [`run`], or [`Handle::block_on`].
///
/// The twin of `futures::executor::block_on`.
///
/// # Panics
///
/// Panics if this thread is inside a loop, which must never be blocked.
///
/// ```
/// assert_eq!(rondel::block_on(async { 42 }), 42);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    current::forbid_blocking("rondel::block_on");
    crate::park::block_on(future)
}

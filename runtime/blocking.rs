//! Floor 1. The blocking pool: threads for calls that block.
//!
//! The loop must never wait inside a system call. What can only be had by waiting (a file, a DNS
//! look-up, a long computation) is a closure for this pool. A thread is started when a closure
//! comes and none is idle, up to a limit; past the limit closures queue; an idle thread retires.
//!
//! A burst of three closures, while one thread is idle and the limit is not near:
//!
//! ```text
//!                                        queue   threads   idle   busy
//!   before                                 0        1        1      0
//!   submit a: 1 queued, 1 idle: notify     1        1        1      0
//!   submit b: 2 queued, 1 idle: start t2   2        2        2      0
//!   submit c: 3 queued, 2 idle: start t3   3        3        3      0
//!   t1 wakes and takes a                   2        3        2      1
//!   t2 and t3 have started: b and c        0        3        0      3
//!   all done, queue empty: all wait        0        3        3      0
//!   10 s later                             0        0        0      0
//! ```
//!
//! Had `submit` looked only for "is a thread idle", b and c would have waited behind a, though a
//! may read a slow disk: t1 counts as idle until it has come for its closure. That is why rule 1
//! compares numbers. And t2 counts from the moment it is ordered, or c would have ordered one for b
//! as well.
//!
//! Rules
//! 1. `idle` counts the threads that will look at the queue before they next wait: those that wait
//!    and those that start. A new one is started only for a closure that outnumbers them.
//! 2. A closure that is still queued when the pool closes is dropped, not run.
//! 3. A panic of a closure does not take its thread away.
//!
//! Knows nothing of tasks: `task/spawn.rs` makes a `JoinHandle` of it.
//!
//! Real world: asyncio's default executor has `min(32, cpus + 4)` threads that never retire; tokio
//! keeps up to 512 for 10 s each, and so does Rondel. libuv has 4 threads, and a program that reads
//! many slow files learns of `UV_THREADPOOL_SIZE`.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// At most this many threads, unless the builder says otherwise. Many, because they sleep in the
/// kernel and do not compete; who computes should bound itself to the number of processors.
pub(crate) const THREADS_MAX: usize = 512;
/// How long a thread without work stays. To start one costs more than to wake
/// one, and a sleeping one costs its stack: so they last from burst to burst, and not for ever.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// The pool. Dropping it closes it without waiting.
///
/// A lock and not something faster: a closure that blocks is long beside it.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// "There is a closure", or "the pool is closed".
    work: Condvar,
    /// "A thread has ended"; `close` waits for it.
    ended: Condvar,
    /// Called whenever the last closure has ended.
    on_quiet: OnceLock<Box<dyn Fn() + Send + Sync>>,
    name: String,
    threads_max: usize,
    keep_alive: Duration,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    /// See rule 1.
    idle: usize,
    /// Closures that run now.
    busy: usize,
    closed: bool,
    /// Threads ever started: for their names.
    started: u64,
}

impl Pool {
    /// `name` is that of its threads, before their number.
    pub(crate) fn new(name: String, threads_max: usize, keep_alive: Duration) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            ended: Condvar::new(),
            on_quiet: OnceLock::new(),
            name,
            threads_max,
            keep_alive,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Has `job` run on a thread of the pool.
    ///
    /// # Errors
    ///
    /// When the pool is closed, or when no thread is there and none can be started; `job` is
    /// dropped then, with all that are queued.
    pub(crate) fn submit(&self, job: Job) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(io::Error::other("the runtime is shutting down"));
        }
        // First in the queue, then a thread for it: whichever thread comes first may take it, and a
        // new one looks there like any other.
        state.queue.push_back(job);
        if state.queue.len() <= state.idle || state.threads == self.shared.threads_max {
            drop(state);
            self.shared.work.notify_one();
            return Ok(());
        }
        // Counted before it exists: the next `submit` must not order another one for this closure.
        state.idle += 1;
        state.threads += 1;
        state.started += 1;
        let name = format!("{}-{}", self.shared.name, state.started);
        drop(state); // a start is slow, and nobody needs to wait for it
        let shared = self.shared.clone();
        let started = thread::Builder::new().name(name).spawn(move || shared.serve());
        let Err(error) = started else { return Ok(()) };
        let mut state = self.shared.lock();
        state.threads -= 1;
        state.idle -= 1;
        if state.threads > 0 {
            return Ok(()); // the threads that there are will come to it
        }
        // All of them, not only ours: nobody would come to the others either.
        let jobs = std::mem::take(&mut state.queue);
        drop(state);
        drop(jobs);
        Err(error)
    }

    /// Has `ring` called whenever the pool has become quiet: [`busy`](Self::busy) says 0. To be
    /// called once.
    pub(crate) fn when_quiet(&self, ring: Box<dyn Fn() + Send + Sync>) {
        let _ = self.shared.on_quiet.set(ring);
    }

    /// How many closures are queued or running.
    pub(crate) fn busy(&self) -> usize {
        let state = self.shared.lock();
        state.busy + state.queue.len()
    }

    /// Drops what is queued and waits at most `limit` for what is running. Returns how many
    /// closures were still running then; their threads are left behind.
    pub(crate) fn close(&self, limit: Duration) -> usize {
        let dropped = {
            let mut state = self.shared.lock();
            state.closed = true;
            std::mem::take(&mut state.queue)
        };
        drop(dropped); // rule 2; outside the lock, for a drop may submit (and be refused)
        self.shared.work.notify_all();
        let deadline = Instant::now().checked_add(limit); // `None`: a limit beyond all time
        let mut state = self.shared.lock();
        while state.threads > 0 {
            state = match deadline {
                None => wait(&self.shared.ended, state),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    let waited = self.shared.ended.wait_timeout(state, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
            };
        }
        state.busy
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The life of one thread.
    fn serve(&self) {
        let mut state = self.lock();
        let mut retire = false;
        // Round by round: work until the queue is empty, then wait for a word or for retirement.
        // `idle` is 1 more while waiting, and was made so by `submit` before the first round.
        loop {
            state.idle -= 1;
            while let Some(job) = state.queue.pop_front() {
                state.busy += 1;
                drop(state);
                // The handle of the closure has its panic; the thread goes on (rule 3).
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.lock();
                state.busy -= 1;
                if state.busy + state.queue.len() == 0
                    && let Some(ring) = self.on_quiet.get()
                {
                    drop(state);
                    ring();
                    state = self.lock();
                }
            }
            if state.closed || retire {
                break;
            }
            state.idle += 1;
            let waited = self.work.wait_timeout(state, self.keep_alive);
            let (after, timeout) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
            state = after;
            // Out of time and with work: `submit` counted on this thread when it notified. It stays
            // for another round.
            retire = timeout.timed_out() && state.queue.is_empty();
        }
        state.threads -= 1;
        drop(state);
        self.ended.notify_all();
    }
}

fn wait<'a>(condvar: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condvar.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner())
}

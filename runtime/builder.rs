//! Floor 4. How a runtime is to be: which reactor, which clock, how many threads for blocking
//! calls.
//!
//! Each choice is made once, here, and handed down as a value: no global switches, so that two
//! runtimes in one process, such as two tests, can differ. (The seed alone is the
//! thread's: see `random.rs`.)

use crate::blocking::{self, Pool};
use crate::flavor::local::Local;
use crate::flavor::pinned::Pinned;
use crate::flavor::stealing::Stealing;
use crate::reactor::{Kernel, Kind, Reactor, TABLES_MAX};
use crate::runtime::Runtime;
use crate::services::Services;
use crate::time::clock::Clock;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Builds a [`Runtime`] other than the default one.
///
/// The twin of `tokio::runtime::Builder` and of choosing a loop class in asyncio.
///
/// ```
/// let runtime = rondel::Builder::new().reactor(rondel::Reactor::Polling).build().unwrap();
/// assert_eq!(runtime.block_on(async { 42 }), 42);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    reactor: Kind,
    /// `None`: the local flavour.
    workers: Option<usize>,
    /// Of the pinned flavour.
    pinned: Option<usize>,
    start_paused: bool,
    seed: Option<u64>,
    shuffle: bool,
    name: String,
    blocking_threads_max: usize,
    blocking_keep_alive: Duration,
    spin_max: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The local flavour: one thread, mio, the real clock.
    pub fn new() -> Self {
        Self {
            reactor: Kind::default(),
            workers: None,
            pinned: None,
            start_paused: false,
            seed: None,
            shuffle: false,
            name: "rondel".to_owned(),
            blocking_threads_max: blocking::THREADS_MAX,
            blocking_keep_alive: blocking::KEEP_ALIVE,
            spin_max: Duration::ZERO,
        }
    }

    /// The local flavour, by tokio's name.
    pub fn new_current_thread() -> Self {
        Self::new()
    }

    /// The stealing flavour with a worker for each CPU, by tokio's name.
    pub fn new_multi_thread() -> Self {
        Self::new().workers_for_each_cpu()
    }

    /// [`workers`](Self::workers), one for each CPU that this process may use.
    pub fn workers_for_each_cpu(self) -> Self {
        self.workers(thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// The stealing flavour: so many threads, each with a loop, take work from each other.
    ///
    /// # Panics
    ///
    /// Panics if it is 0, or more than 32,767.
    ///
    /// ```
    /// let runtime = rondel::Builder::new().workers(2).build().unwrap();
    /// let sum = runtime.block_on(async {
    ///     let halves = [0..50, 50..100].map(|half| rondel::spawn(async { half.sum::<i32>() }));
    ///     let mut sum = 0;
    ///     for half in halves {
    ///         sum += half.await.unwrap();
    ///     }
    ///     sum
    /// });
    /// assert_eq!(sum, 4950);
    /// ```
    pub fn workers(self, count: usize) -> Self {
        assert!(count > 0, "the stealing flavour needs at least one worker");
        assert!(count <= TABLES_MAX, "{count} workers are more than there can be");
        Self { workers: Some(count), pinned: None, ..self }
    }

    /// The pinned flavour: so many threads, each with a loop of its own, and tasks that stay.
    ///
    /// What is spawned inside a loop runs there; what is spawned elsewhere goes to the loops in
    /// turn. For futures that are not `Send` there are
    /// [`Handle::spawn_pinned`](crate::Handle::spawn_pinned) and
    /// [`Runtime::block_on_each`]. No loop helps another one: this is for work that divides
    /// itself evenly, such as connections. The threads are not tied to processors.
    ///
    /// Its like: Gunicorn with Uvicorn workers; `tokio_util::task::LocalPoolHandle`.
    ///
    /// # Panics
    ///
    /// Panics if it is 0.
    ///
    /// ```
    /// let runtime = rondel::Builder::new().pinned(2).build().unwrap();
    /// let threads = runtime.block_on_each(|_index| async {
    ///     let here = std::thread::current().id();
    ///     let there = rondel::spawn(async { std::thread::current().id() }).await.unwrap();
    ///     assert_eq!(here, there);
    ///     here
    /// });
    /// assert_ne!(threads[0], threads[1]);
    /// ```
    pub fn pinned(self, count: usize) -> Self {
        assert!(count > 0, "the pinned flavour needs at least one loop");
        Self { pinned: Some(count), workers: None, ..self }
    }

    /// [`workers`](Self::workers) by tokio's name.
    pub fn worker_threads(self, count: usize) -> Self {
        self.workers(count)
    }

    /// Does nothing: timers and sockets are always there. (tokio's programs say it.)
    pub fn enable_all(self) -> Self {
        self
    }

    /// Does nothing, as [`enable_all`](Self::enable_all).
    pub fn enable_io(self) -> Self {
        self
    }

    /// Does nothing, as [`enable_all`](Self::enable_all).
    pub fn enable_time(self) -> Self {
        self
    }

    /// Which library asks the kernel about sockets. mio is the default.
    pub fn reactor(self, reactor: Kind) -> Self {
        Self { reactor, ..self }
    }

    /// Starts with virtual time: it stands still, and jumps to the next deadline when nothing else
    /// can run. A program that sleeps for an hour then takes no time at all.
    ///
    /// The twin of tokio's `start_paused`.
    pub fn start_paused(self, start_paused: bool) -> Self {
        Self { start_paused, ..self }
    }

    /// Makes the random choices of `select!`, and of [`shuffle`](Self::shuffle), repeatable.
    ///
    /// The luck is that of the thread which builds the runtime, from this seed on.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Runs the tasks that are ready in random order, not first come, first served.
    ///
    /// For tests of what must hold in any order. With [`seed`](Self::seed) the order is the same
    /// each time, as long as the program does nothing else that differs from run to run (time that
    /// is real, other threads). See `#[rondel::test(seeds = 0..200)]`.
    ///
    /// ```
    /// let order = |seed| {
    ///     let runtime = rondel::Builder::new().seed(seed).shuffle(true).build().unwrap();
    ///     let (tx, mut rx) = rondel::sync::mpsc::unbounded_channel();
    ///     runtime.block_on(async move {
    ///         for number in 0..10 {
    ///             let tx = tx.clone();
    ///             rondel::spawn(async move { tx.send(number) });
    ///         }
    ///         drop(tx);
    ///         let mut order = Vec::new();
    ///         rx.recv_many(&mut order, 10).await;
    ///         order
    ///     })
    /// };
    /// assert_eq!(order(7), order(7));
    /// assert!((0..20).any(|seed| order(seed) != order(7)));
    /// ```
    pub fn shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self }
    }

    /// The name of the runtime: its threads carry it. The default is `rondel`.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// [`name`](Self::name) by tokio's name.
    pub fn thread_name(self, name: impl Into<String>) -> Self {
        self.name(name)
    }

    /// At most this many threads for blocking calls. The default is 512.
    ///
    /// # Panics
    ///
    /// Panics if it is 0.
    pub fn max_blocking_threads(self, threads_max: usize) -> Self {
        assert!(threads_max > 0, "the blocking pool needs at least one thread");
        Self { blocking_threads_max: threads_max, ..self }
    }

    /// How long a thread for blocking calls stays without work. The default is 10 s.
    pub fn thread_keep_alive(self, keep_alive: Duration) -> Self {
        Self { blocking_keep_alive: keep_alive, ..self }
    }

    /// Lets each loop look out awake for up to `limit` before it sleeps in the kernel.
    ///
    /// It spares the wake-up, which is most of the time that a request takes where one follows the
    /// other: 50 µs is a good first try. The price is the CPU: a loop that waits for its next
    /// request does not give it back. So each loop learns from how it went: while at least every
    /// other spell pays it goes on; in vain again and again, it spins before one sleep of 64.
    /// With fewer CPUs than threads that talk to each other do not use it.
    ///
    /// - `limit`: zero, the default, never spins. With virtual time it never spins either.
    ///
    /// **Cost:** off, one comparison a sleep. On, up to `limit` of CPU a sleep.
    /// The twin of glommio's `spin_before_park`; asyncio and tokio have none.
    ///
    /// ```
    /// use rondel::time::Duration;
    ///
    /// let runtime =
    ///     rondel::Builder::new().spin_before_park(Duration::from_micros(50)).build().unwrap();
    /// let (tx, rx) = rondel::sync::oneshot::channel();
    /// std::thread::spawn(move || tx.send("found without a sleep, if it came in time"));
    /// assert!(runtime.block_on(rx).is_ok());
    /// ```
    pub fn spin_before_park(self, limit: Duration) -> Self {
        Self { spin_max: limit, ..self }
    }

    /// Builds the runtime. Its loop belongs to the first thread that runs or enters it.
    ///
    /// # Errors
    ///
    /// When virtual time or a shuffled order is asked of a flavour with many loops, and when no
    /// thread can be started for one of them.
    pub fn build(self) -> io::Result<Runtime> {
        let has_many = self.workers.is_some() || self.pinned.is_some();
        if has_many && (self.start_paused || self.shuffle) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "virtual time and seeded schedules need the local flavour: build without `workers` \
                 and `pinned`",
            ));
        }
        let clock = Clock::new();
        let _ = self.start_paused && clock.freeze(); // it runs until here
        let name = format!("{}-blocking", self.name);
        let pool = Pool::new(name, self.blocking_threads_max, self.blocking_keep_alive);
        if let Some(seed) = self.seed {
            crate::random::seed(seed);
        }
        let mut services = Services::new(pool, clock);
        services.spin_max = self.spin_max;
        let services = Arc::new(services);
        let count = self.workers.or(self.pinned).unwrap_or(1);
        let reactor = || Reactor::new(Kernel::new(self.reactor), 0);
        if self.pinned.is_some() {
            let reactors = (0..count).map(|_| reactor()).collect();
            return Ok(Pinned::new(reactors, &services, &self.name)?.into());
        }
        match self.workers {
            None => Ok(Local::new(reactor(), services, self.shuffle).into()),
            Some(_) => {
                let kernel = Kernel::new(self.reactor);
                let reactors = (0..count).map(|it| Reactor::new(kernel.clone(), it)).collect();
                let name = format!("{}-deputy", self.name);
                let deputies = Pool::new(name, blocking::THREADS_MAX, self.blocking_keep_alive);
                Ok(Stealing::new(reactors, services, deputies, &self.name)?.into())
            }
        }
    }
}

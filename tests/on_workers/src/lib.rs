//! Rondel as it is, but for one thing: a runtime that is not told otherwise has two workers.
//!
//! A test that is compiled against this crate in place of `rondel` runs on the stealing flavour, and
//! its body does not know. The targets in `tests/` do that with the files of the local flavour's
//! tests: the same text, twice.
//!
//! ```text
//!   tests/task/join_set.rs ──▶ tests/task/main.rs                with `rondel`            local
//!                        └───▶ tests/on_workers/tests/shared.rs  with this in its place   workers
//! ```
//!
//! Virtual time and seeded schedules exist on one loop alone. Who asks for them gets the local
//! flavour, here too; so do those who ask for it by name.
//!
//! `RONDEL_TALLY=FILE` has each test write to `FILE` which flavours it has built, so that one can
//! count what really ran on workers.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::{Result, Write};
use std::ops::Deref;
use std::time::Duration;

pub use engine::*;

/// How many workers there are if nobody says a number.
const WORKERS: usize = 2;

/// What a builder was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flavour {
    Default,
    Local,
    Workers,
}

/// `rondel::Builder`, with workers unless it is told otherwise.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    inner: engine::Builder,
    flavour: Flavour,
    virtual_time: bool,
    shuffle: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// Workers, if nothing else is said.
    pub fn new() -> Self {
        let inner = engine::Builder::new();
        Self { inner, flavour: Flavour::Default, virtual_time: false, shuffle: false }
    }

    /// The local flavour, by its name.
    pub fn new_current_thread() -> Self {
        Self { flavour: Flavour::Local, ..Self::new() }
    }

    /// As `rondel` has it.
    pub fn new_multi_thread() -> Self {
        Self::new().workers_for_each_cpu()
    }

    fn with(self, change: impl FnOnce(engine::Builder) -> engine::Builder) -> Self {
        Self { inner: change(self.inner), ..self }
    }

    /// As `rondel` has it.
    pub fn workers_for_each_cpu(self) -> Self {
        Self { flavour: Flavour::Workers, ..self.with(engine::Builder::workers_for_each_cpu) }
    }

    /// As `rondel` has it.
    #[track_caller]
    pub fn workers(self, count: usize) -> Self {
        Self { flavour: Flavour::Workers, ..self.with(|inner| inner.workers(count)) }
    }

    /// As `rondel` has it.
    #[track_caller]
    pub fn worker_threads(self, count: usize) -> Self {
        self.workers(count)
    }

    /// As `rondel` has it.
    pub fn enable_all(self) -> Self {
        self.with(engine::Builder::enable_all)
    }

    /// As `rondel` has it.
    pub fn reactor(self, reactor: Reactor) -> Self {
        self.with(|inner| inner.reactor(reactor))
    }

    /// As `rondel` has it: the local flavour.
    pub fn start_paused(self, start_paused: bool) -> Self {
        Self { virtual_time: start_paused, ..self.with(|inner| inner.start_paused(start_paused)) }
    }

    /// As `rondel` has it.
    pub fn seed(self, seed: u64) -> Self {
        self.with(|inner| inner.seed(seed))
    }

    /// As `rondel` has it: the local flavour.
    pub fn shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self.with(|inner| inner.shuffle(shuffle)) }
    }

    /// As `rondel` has it.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|inner| inner.name(name))
    }

    /// As `rondel` has it.
    #[track_caller]
    pub fn max_blocking_threads(self, threads_max: usize) -> Self {
        self.with(|inner| inner.max_blocking_threads(threads_max))
    }

    /// As `rondel` has it.
    pub fn thread_keep_alive(self, keep_alive: Duration) -> Self {
        self.with(|inner| inner.thread_keep_alive(keep_alive))
    }

    /// Builds it.
    ///
    /// # Errors
    ///
    /// As `rondel` has it.
    pub fn build(self) -> Result<Runtime> {
        let needs_one_loop = self.virtual_time || self.shuffle;
        let (inner, what) = match self.flavour {
            Flavour::Default if self.virtual_time => (self.inner, "virtual-time"),
            Flavour::Default if needs_one_loop => (self.inner, "shuffled"),
            Flavour::Default => (self.inner.workers(WORKERS), "workers"),
            Flavour::Local => (self.inner, "local"),
            Flavour::Workers => (self.inner, "workers"),
        };
        tally(what);
        Ok(Runtime(inner.build()?))
    }
}

/// Writes down what the running test has built, if somebody counts.
fn tally(what: &str) {
    let Ok(path) = std::env::var("RONDEL_TALLY") else { return };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a thread of its own");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(format!("{what} {test}\n").as_bytes()));
    if let Err(error) = written {
        panic!("RONDEL_TALLY={path}: {error}");
    }
}

/// `rondel::Runtime`, with workers unless it is told otherwise.
#[derive(Debug)]
pub struct Runtime(engine::Runtime);

impl Runtime {
    /// As [`Builder::new`] makes it.
    ///
    /// # Errors
    ///
    /// As `rondel` has it.
    pub fn new() -> Result<Self> {
        Builder::new().build()
    }

    /// As `rondel` has it.
    pub fn shutdown_timeout(self, limit: Duration) {
        self.0.shutdown_timeout(limit);
    }

    /// As `rondel` has it.
    pub fn shutdown_background(self) {
        self.0.shutdown_background();
    }

    /// As `rondel` has it.
    pub fn shutdown_report(self, limit: Duration) -> EndReport {
        self.0.shutdown_report(limit)
    }
}

impl Deref for Runtime {
    type Target = engine::Runtime;

    fn deref(&self) -> &engine::Runtime {
        &self.0
    }
}

/// `rondel::run`, on workers.
///
/// # Panics
///
/// As `rondel` has it.
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    if Handle::try_current().is_ok() {
        return engine::run(future); // which mostly refuses, in its own words
    }
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("the runtime could not be built: {error}"),
    }
}

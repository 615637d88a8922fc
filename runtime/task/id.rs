//! Floor 1. Who a task is: a number that no other task of the process ever had, a birthplace, a
//! name.
//!
//! Numbers are handed out to threads in blocks, so that a `spawn` pays a thread-local add and not
//! a locked instruction. They grow on one thread; between threads they say nothing about order.
//!
//! ```text
//!   one thread: 1, 2, … 1023     another: 1025, … 2047     the first again: 2049, …
//!   multiples of 1024 are never given out: there the next block is due, and 0 means "no task"
//! ```
//!
//! Real world: tokio takes each id from one global atomic; asyncio uses the object's address for
//! `id(task)` and a global counter for the name "Task-7".

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many numbers a thread fetches at once.
const BLOCK: u64 = 1024;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(0) };
    static RUNNING: Cell<u64> = const { Cell::new(0) };
    static PANICS_REPORTED: Cell<u64> = const { Cell::new(0) };
}

/// Identifies a task among all tasks this process ever spawned.
///
/// The twin of `tokio::task::Id`; asyncio's tasks have `id(task)`, which is used again.
///
/// ```
/// rondel::run(async {
///     let task = rondel::spawn(async { rondel::task::id() });
///     let id = task.id();
///     assert_eq!(task.await.unwrap(), id);
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    /// The next free number. Never 0.
    pub(crate) fn next() -> Self {
        NEXT.with(|next| {
            let mut number = next.get();
            if number % BLOCK == 0 {
                // Relaxed: only the uniqueness of the block matters, which the add alone gives.
                number = NEXT_BLOCK.fetch_add(1, Ordering::Relaxed) * BLOCK + 1;
            }
            next.set(number + 1);
            Self(number)
        })
    }

    /// Notes on this thread that the task runs now; undone when the guard is dropped.
    pub(crate) fn enter(self) -> Running {
        Running { outer: RUNNING.replace(self.0) }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who the task is: for people.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Two boxes, so that the many tasks without a name pay 8 bytes and not 16.
    pub(crate) name: Option<Box<Box<str>>>,
}

impl Origin {
    /// A new task, spawned by the caller of the caller.
    #[track_caller]
    pub(crate) fn here(name: Option<&str>) -> Self {
        let name = name.map(|name| Box::new(Box::from(name)));
        Self { id: Id::next(), spawned_at: Location::caller(), name }
    }

    /// Says on stderr that the task panicked, if stderr takes it: `eprintln!` would panic.
    pub(crate) fn report_panic(&self) {
        // An error means that the thread is ending: then nobody asks.
        let _ = PANICS_REPORTED.try_with(|count| count.set(count.get() + 1));
        let _ =
            writeln!(io::stderr(), "rondel: {self} panicked, and no JoinHandle is left to tell");
    }
}

/// How many panics were reported on this thread because no handle was left to tell.
pub(crate) fn panics_reported() -> u64 {
    PANICS_REPORTED.get()
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " `{name}`")?;
        }
        write!(f, " (spawned at {})", self.spawned_at)
    }
}

/// See [`Id::enter`].
pub(crate) struct Running {
    outer: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(self.outer);
    }
}

/// The id of the task that is running on this thread.
///
/// The twin of `tokio::task::id` and of `asyncio.current_task`.
///
/// # Panics
///
/// Panics outside a task; [`try_id`] returns `None` there. The future given to
/// [`run`](crate::run) is not a task.
///
/// ```
/// rondel::run(async {
///     let task = rondel::spawn(async { rondel::task::id() });
///     let its_id = task.id();
///     assert_eq!(task.await.unwrap(), its_id);
/// });
/// ```
#[track_caller]
pub fn id() -> Id {
    try_id().expect("`task::id` was called outside a task: call it in a future given to `spawn`")
}

/// The id of the task that is running on this thread, if one is.
///
/// ```
/// assert!(rondel::task::try_id().is_none());
/// ```
pub fn try_id() -> Option<Id> {
    match RUNNING.get() {
        0 => None,
        number => Some(Id(number)),
    }
}

//! Floor 5. A diary: what happened, in order, each line with its time.
//!
//! Where several tasks run, "did it work" is rarely enough; "in which order, and when" is the
//! question. A test hands clones of one diary to all of them, each notes what it does, and the
//! test compares the whole with what it expected.
//!
//! ```text
//!        0 ms  a asks for the lock
//!        0 ms  b asks for the lock
//!      100 ms  a lets go
//!      100 ms  b has it
//! ```
//!
//! Rules
//! 1. A page holds what the test wrote and the time, nothing else: no ids of tasks, no addresses,
//!    no threads. In virtual time two runs of one seed are thus equal to the byte.
//! 2. The time is that of the loop that the writer is on, from the diary's start: the moment it was
//!    made, if that was inside a runtime, else its first page. Before, on the machine's clock, it
//!    would be some microseconds off, and those would differ from run to run.
//!
//! Real world: embassy and trio test their schedulers like this; with pytest one appends to a list.

use std::fmt;

use crate::current::Handle;
use crate::shim::{Arc, Mutex, lock};
use crate::time::{Duration, Instant};

/// What happened, in order and with its times. Clones write into the same diary.
///
/// ```
/// use rondel::testing::Diary;
/// use rondel::time::{Duration, sleep};
///
/// let diary = Diary::new();
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     diary.note("to bed");
///     let theirs = diary.clone();
///     let sleeper = rondel::spawn(async move {
///         let _guard = theirs.on_drop("up again");
///         sleep(Duration::from_millis(1_500)).await;
///         theirs.note("awake");
///     });
///     sleeper.await.unwrap();
/// });
/// assert_eq!(diary.pages(), ["to bed", "awake", "up again"]);
/// assert_eq!(diary.when("awake"), Duration::from_millis(1_500));
/// assert_eq!(
///     diary.to_string(),
///     "     0 ms  to bed\n  1500 ms  awake\n  1500 ms  up again\n"
/// );
/// ```
#[derive(Clone)]
pub struct Diary {
    book: Arc<Mutex<Book>>,
}

struct Book {
    /// `None` until the first page, in a diary made outside a runtime (rule 2).
    start: Option<Instant>,
    pages: Vec<(Duration, String)>,
}

impl Diary {
    /// An empty diary. Its time begins now or, outside a runtime, with its first page.
    #[must_use]
    pub fn new() -> Self {
        let start = Handle::try_current().is_ok().then(Instant::now);
        Self { book: Arc::new(Mutex::new(Book { start, pages: Vec::new() })) }
    }

    /// Writes a page: what happened, and the time.
    pub fn note(&self, what: impl Into<String>) {
        let (now, what) = (Instant::now(), what.into());
        let mut book = lock(&self.book);
        let start = *book.start.get_or_insert(now);
        book.pages.push((now - start, what));
    }

    /// A guard that writes `what` when it is dropped: at the end of a block, or when the future
    /// around it is cancelled.
    #[must_use = "dropped at once, it writes its page at once"]
    pub fn on_drop(&self, what: impl Into<String>) -> OnDrop {
        OnDrop { diary: self.clone(), what: what.into() }
    }

    /// What was written, in order, without the times.
    #[must_use]
    pub fn pages(&self) -> Vec<String> {
        lock(&self.book).pages.iter().map(|(_, what)| what.clone()).collect()
    }

    /// When `what` was written for the first time, from the start of the diary.
    ///
    /// # Panics
    ///
    /// Panics if nobody wrote it, and shows the diary.
    #[must_use]
    #[track_caller]
    pub fn when(&self, what: &str) -> Duration {
        let found = lock(&self.book).pages.iter().find(|(_, page)| page == what).map(|page| page.0);
        found.unwrap_or_else(|| panic!("nobody wrote {what:?}; the diary says:\n{self}"))
    }

    /// Whether these pages were written in this order, whatever stands between them.
    #[must_use]
    pub fn has_in_order(&self, pages: &[&str]) -> bool {
        let book = lock(&self.book);
        let mut written = book.pages.iter();
        pages.iter().all(|page| written.any(|(_, what)| what == page))
    }

    /// How many pages begin like this.
    #[must_use]
    pub fn count(&self, beginning: &str) -> usize {
        lock(&self.book).pages.iter().filter(|(_, what)| what.starts_with(beginning)).count()
    }
}

impl Default for Diary {
    fn default() -> Self {
        Self::new()
    }
}

/// One line a page: the time in milliseconds, and what happened. Parts of a millisecond are shown
/// only if there are any.
impl fmt::Display for Diary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = lock(&self.book).pages.clone(); // the writer is other people's code
        for (time, what) in pages {
            let (ms, part) = (time.as_millis(), time.subsec_nanos() % 1_000_000);
            write!(f, "{ms:>6}")?;
            if part > 0 {
                write!(f, ".{part:06}")?;
            }
            writeln!(f, " ms  {what}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Diary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Diary").field(&self.pages()).finish()
    }
}

/// Writes a page when it is dropped; see [`Diary::on_drop`].
#[derive(Debug)]
pub struct OnDrop {
    diary: Diary,
    what: String,
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.diary.note(std::mem::take(&mut self.what));
    }
}

//! The store: one SQLite file that holds the pages and knows where the work stands.
//!
//! ```text
//!   pipeline ──batch──▶ bounded channel ──▶ the writer's own thread ──one transaction──▶ file
//!      ▲                      │
//!      └──── waits while full ┘      a slow disk stops the fetching, memory stays as it is
//! ```
//!
//! | table      | one row for                | columns                                              |
//! |------------|----------------------------|------------------------------------------------------|
//! | `pages`    | each page stored           | `url` (unique), `status`, `content_type`, `title`, `depth`, `fetched_at` (Unix ms), `latency_us`, `attempts`, `bytes`, `body` |
//! | `frontier` | each address ever heard of | `url` (unique), `kind`, `depth`, `state`, `note`     |
//! | `meta`     | a fact about the store     | `key`, `value`                                       |
//!
//! Rules
//! 1. A page, the links it leads to and the end of its own row in `frontier` are written by the
//!    same transaction. So at any moment the file is the picture of a crawl that could go on from
//!    there.
//! 2. Whatever is fetched but not committed is still `queued` in the file. A kill at any moment
//!    loses at most the open batch; `--resume` fetches it again.
//! 3. The first page stored under an address stays; a second one with the same address is counted
//!    and dropped.
//!
//! SQLite runs with a write-ahead log and `synchronous = NORMAL`: the end of a process, however
//! sudden, loses no transaction that was committed; a power failure may lose the last ones, and
//! corrupts nothing.
//! Source: <https://www.sqlite.org/wal.html>.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rondel::sync::{mpsc, oneshot};
use rusqlite::{Connection, OptionalExtension, params};

/// Batches that may wait for the writer. Together with the batch length this bounds the memory.
const BATCHES_WAITING_MAX: usize = 4;

/// The layout below; a store of another layout is refused.
const FORMAT: &str = "rondel-scraper 1";

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pages (
        id INTEGER PRIMARY KEY,
        url TEXT NOT NULL UNIQUE,
        status INTEGER NOT NULL,
        content_type TEXT NOT NULL,
        title TEXT NOT NULL,
        depth INTEGER NOT NULL,
        fetched_at INTEGER NOT NULL,
        latency_us INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        body BLOB
    );
    CREATE TABLE IF NOT EXISTS frontier (
        url TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        depth INTEGER NOT NULL,
        state TEXT NOT NULL,
        note TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;";

/// Why the store cannot be used. `Display` is one line that says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened or made.
    Open(PathBuf, String),
    /// The file is something else: no SQLite, or another program's tables.
    Foreign(PathBuf, String),
    /// The file holds work already, and nobody asked to go on with it.
    NotEmpty(PathBuf, u64, String),
    /// The file holds another job's work.
    OtherJob(PathBuf, String, String),
    /// Reading or writing failed, for example because the disk is full.
    Broken(PathBuf, String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(path, why) => write!(
                f,
                "cannot open the store {}: {why}; name another file with --store",
                path.display()
            ),
            Self::Foreign(path, why) => write!(
                f,
                "{} is not a store of rondel-scraper ({why}); name another file with --store",
                path.display()
            ),
            Self::NotEmpty(path, pages, job) => write!(
                f,
                "the store {} already holds {pages} pages of \"{job}\"; add --resume to go on with \
                 it, or name another file with --store",
                path.display()
            ),
            Self::OtherJob(path, theirs, ours) => write!(
                f,
                "the store {} belongs to \"{theirs}\", not to \"{ours}\"; name another file with \
                 --store",
                path.display()
            ),
            Self::Broken(path, why) => {
                write!(f, "the store {} cannot be written: {why}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// What an address in the frontier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A page to be stored.
    Page,
    /// A list of pages (the embedded platform's): its links are wanted, not the list.
    Listing,
    /// A sitemap.
    Sitemap,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Listing => "listing",
            Self::Sitemap => "sitemap",
        }
    }

    fn of_word(word: &str) -> Self {
        match word {
            "listing" => Self::Listing,
            "sitemap" => Self::Sitemap,
            _ => Self::Page,
        }
    }
}

/// A row of `pages`.
#[derive(Debug, Clone)]
pub struct PageRow {
    /// The address, in the one spelling.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: String,
    /// The page's title, or empty.
    pub title: String,
    /// Links from the start.
    pub depth: u32,
    /// When the page had arrived, in Unix milliseconds.
    pub fetched_at_ms: i64,
    /// How long the last request took.
    pub latency: Duration,
    /// Attempts made.
    pub attempts: u32,
    /// Length of the body in bytes, stored or not.
    pub bytes: usize,
    /// The body itself, unless bodies are left out.
    pub body: Option<bytes::Bytes>,
}

/// One thing to be written down.
#[derive(Debug, Clone)]
pub enum Change {
    /// An address was heard of for the first time.
    Found {
        /// The address.
        url: String,
        /// What it is.
        kind: Kind,
        /// Links from the start.
        depth: u32,
    },
    /// A page has arrived.
    Page(PageRow),
    /// The work on an address is over.
    Settle {
        /// The address.
        url: String,
        /// How it ended.
        state: State,
        /// The reason, the target of a redirect, or nothing.
        note: String,
    },
}

/// The `state` column of the frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// To be fetched, or being fetched.
    Queued,
    /// Fetched and stored.
    Done,
    /// Leads to another address, which has a row of its own.
    Redirect,
    /// Left out on purpose: not hypertext, or beyond a limit.
    Skipped,
    /// Given up after the last attempt.
    Failed,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Done => "done",
            Self::Redirect => "redirect",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// What the store knew when it was opened.
#[derive(Debug, Default)]
pub struct Past {
    /// Pages that are safe.
    pub pages: u64,
    /// Addresses that need no more work.
    pub settled: Vec<String>,
    /// Addresses still to be fetched: those in flight at the end, and those that had failed.
    pub queued: Vec<(String, Kind, u32)>,
}

/// What the writer did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// New rows in `pages`.
    pub pages: u64,
    /// Pages that were there already (rule 3).
    pub doubles: u64,
    /// Transactions.
    pub batches: u64,
    /// Time spent in transactions.
    pub busy: Duration,
}

/// An open store that nobody writes to yet.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: Connection,
}

impl Store {
    /// Opens `path`, or makes it.
    ///
    /// - `job`: what is being done, in words; a store keeps to one job.
    /// - `resume`: whether to go on with what the store holds.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub fn open(path: &Path, job: &str, resume: bool) -> Result<(Self, Past), StoreError> {
        let open = |error: rusqlite::Error| StoreError::Open(path.into(), describe(&error));
        if path.is_dir() {
            return Err(StoreError::Open(path.into(), "it is a directory".into()));
        }
        let db = Connection::open(path).map_err(open)?;
        db.busy_timeout(Duration::from_secs(5)).map_err(open)?;
        let ours = is_ours(&db).map_err(|error| foreign_or_open(path, &error))?;
        if !ours {
            return Err(StoreError::Foreign(path.into(), "it has other tables".into()));
        }
        db.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
        db.pragma_update(None, "synchronous", "NORMAL").map_err(open)?;
        db.execute_batch(SCHEMA).map_err(open)?;
        let store = Self { path: path.into(), db };
        let past = store.take_over(job, resume)?;
        Ok((store, past))
    }

    fn take_over(&self, job: &str, resume: bool) -> Result<Past, StoreError> {
        let broken =
            |error: rusqlite::Error| StoreError::Broken(self.path.clone(), describe(&error));
        let meta = |key: &str| {
            let sql = "SELECT value FROM meta WHERE key = ?1";
            self.db.query_row(sql, [key], |row| row.get::<_, String>(0)).optional()
        };
        if let Some(format) = meta("format").map_err(broken)?.filter(|format| format != FORMAT) {
            return Err(StoreError::Foreign(
                self.path.clone(),
                format!("its format is {format:?}"),
            ));
        }
        let theirs = meta("job").map_err(broken)?;
        let past = if resume { self.past() } else { self.counts() }.map_err(broken)?;
        match theirs {
            // Nothing came of the earlier run: a mistyped name, a closed port.
            Some(_) if !resume && past.pages == 0 => {
                self.db.execute("DELETE FROM frontier", []).map_err(broken)?;
            }
            Some(theirs) if theirs != job => {
                return Err(StoreError::OtherJob(self.path.clone(), theirs, job.into()));
            }
            Some(theirs) if !resume => {
                return Err(StoreError::NotEmpty(self.path.clone(), past.pages, theirs));
            }
            _ => {}
        }
        let insert = "INSERT OR REPLACE INTO meta VALUES ('format', ?1), ('job', ?2)";
        self.db.execute(insert, [FORMAT, job]).map_err(broken)?;
        Ok(past)
    }

    fn counts(&self) -> rusqlite::Result<Past> {
        let pages: i64 = self.db.query_row("SELECT count(*) FROM pages", [], |row| row.get(0))?;
        Ok(Past { pages: pages.unsigned_abs(), ..Past::default() })
    }

    fn past(&self) -> rusqlite::Result<Past> {
        let mut past = self.counts()?;
        // By depth, so that a resumed crawl goes on broad before deep.
        let sql = "SELECT url, kind, depth, state FROM frontier ORDER BY depth, url";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let url = row.get(0)?;
            match row.get_ref(3)?.as_str().unwrap_or("") {
                "queued" | "failed" => {
                    let kind = Kind::of_word(row.get_ref(1)?.as_str().unwrap_or(""));
                    past.queued.push((url, kind, row.get(2)?));
                }
                _ => past.settled.push(url),
            }
        }
        Ok(past)
    }

    /// Starts the writer's thread.
    ///
    /// - `delay`: how long each transaction is held up; for trying out a slow disk.
    #[must_use]
    pub fn start(self, delay: Duration) -> Writer {
        let (writer, mut batches) = Writer::to(&self.path);
        let work = move || {
            let outcome = self.write_all(&mut batches, delay);
            batches.finish(outcome);
        };
        thread::Builder::new().name("store".into()).spawn(work).expect("a thread for the store");
        writer
    }

    fn write_all(mut self, batches: &mut Batches, delay: Duration) -> Result<Written, StoreError> {
        let mut written = Written::default();
        let mut outcome = Ok(());
        while let Some(batch) = batches.inlet.blocking_recv() {
            thread::sleep(delay);
            outcome = write_batch(&mut self.db, &batch, &mut written);
            if outcome.is_err() {
                break;
            }
            batches.note(&written);
        }
        // The log goes into the file, and the file stands alone. Not possible while somebody else
        // reads; then SQLite does it at the next opening.
        let _ = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        let broken =
            |error: rusqlite::Error| StoreError::Broken(self.path.clone(), describe(&error));
        outcome.map_err(broken).map(|()| written)
    }
}

/// The pipeline's end of the channel to the writer's thread.
#[derive(Debug)]
pub struct Writer {
    batches: mpsc::Sender<Vec<Change>>,
    outcome: oneshot::Receiver<Result<Written, StoreError>>,
    path: PathBuf,
    pages_written: Arc<AtomicU64>,
}

/// The other end: batches as they come. [`Store::start`] has one; so has whoever wants the changes
/// somewhere else than in a file.
#[derive(Debug)]
pub struct Batches {
    inlet: mpsc::Receiver<Vec<Change>>,
    report: oneshot::Sender<Result<Written, StoreError>>,
    pages_written: Arc<AtomicU64>,
}

impl Batches {
    /// The next batch; `None` when there are no more.
    pub async fn next(&mut self) -> Option<Vec<Change>> {
        self.inlet.recv().await
    }

    /// Tells the pipeline how far the writing has come.
    pub fn note(&self, written: &Written) {
        // Relaxed: a figure for the report, nothing is published by it.
        self.pages_written.store(written.pages + written.doubles, Ordering::Relaxed);
    }

    /// Tells how it ended; [`Writer::finish`] waits for that.
    pub fn finish(self, outcome: Result<Written, StoreError>) {
        // The pipeline may be gone already (second Ctrl-C): then nobody wants to know.
        let _ = self.report.send(outcome);
    }
}

impl Writer {
    /// A writer and where its batches arrive.
    ///
    /// - `path`: what errors say cannot be written.
    #[must_use]
    pub fn to(path: &Path) -> (Self, Batches) {
        let (batches, inlet) = mpsc::channel(BATCHES_WAITING_MAX);
        let (report, outcome) = oneshot::channel();
        let pages_written = Arc::new(AtomicU64::new(0));
        let theirs = Batches { inlet, report, pages_written: pages_written.clone() };
        (Self { batches, outcome, path: path.into(), pages_written }, theirs)
    }

    /// Pages committed so far, doubles included.
    #[must_use]
    pub fn pages_written(&self) -> u64 {
        self.pages_written.load(Ordering::Relaxed)
    }

    /// Hands over a batch; waits while the writer is behind.
    ///
    /// # Errors
    ///
    /// If the writer has given up; [`finish`](Self::finish) says why.
    pub async fn write(&self, batch: Vec<Change>) -> Result<(), WriterGone> {
        if batch.is_empty() {
            return Ok(());
        }
        self.batches.send(batch).await.map_err(|_| WriterGone)
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    ///
    /// If anything could not be written.
    pub async fn finish(self) -> Result<Written, StoreError> {
        drop(self.batches);
        let gone = |_| StoreError::Broken(self.path, "the writer's thread panicked".into());
        self.outcome.await.unwrap_or_else(|error| Err(gone(error)))
    }
}

/// The writer has given up.
#[derive(Debug)]
pub struct WriterGone;

fn write_batch(
    db: &mut Connection,
    batch: &[Change],
    written: &mut Written,
) -> rusqlite::Result<()> {
    let start = Instant::now();
    let transaction = db.transaction()?;
    let mut sum = *written;
    for change in batch {
        match change {
            Change::Found { url, kind, depth } => {
                let sql = "INSERT OR IGNORE INTO frontier (url, kind, depth, state) VALUES (?1, ?2, ?3, ?4)";
                let mut found = transaction.prepare_cached(sql)?;
                found.execute(params![url, kind.word(), depth, State::Queued.word()])?;
            }
            Change::Page(page) => match insert_page(&transaction, page)? {
                0 => sum.doubles += 1,
                _ => sum.pages += 1,
            },
            Change::Settle { url, state, note } => {
                let sql = "UPDATE frontier SET state = ?2, note = ?3 WHERE url = ?1";
                transaction.prepare_cached(sql)?.execute([url, state.word(), note])?;
            }
        }
    }
    transaction.commit()?;
    sum.batches += 1;
    sum.busy += start.elapsed();
    *written = sum;
    Ok(())
}

fn insert_page(db: &Connection, page: &PageRow) -> rusqlite::Result<usize> {
    let sql = "INSERT OR IGNORE INTO pages (url, status, content_type, title, depth, fetched_at, \
               latency_us, attempts, bytes, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    db.prepare_cached(sql)?.execute(params![
        page.url,
        page.status,
        page.content_type,
        page.title,
        page.depth,
        page.fetched_at_ms,
        i64::try_from(page.latency.as_micros()).unwrap_or(i64::MAX),
        page.attempts,
        i64::try_from(page.bytes).unwrap_or(i64::MAX),
        page.body.as_deref(),
    ])
}

/// Whether the file is empty or has our tables. The first read is also what finds out that a file
/// is no database.
fn is_ours(db: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*), coalesce(sum(name IN ('meta', 'pages', 'frontier')), 0) \
               FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let (tables, ours): (i64, i64) = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(tables == 0 || ours == 3)
}

fn foreign_or_open(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => {
            StoreError::Foreign(path.into(), "it is no SQLite file".into())
        }
        _ => StoreError::Open(path.into(), describe(error)),
    }
}

/// SQLite's words without the path, which we name ourselves, and in one line.
fn describe(error: &rusqlite::Error) -> String {
    let text = match error {
        rusqlite::Error::SqliteFailure(code, text) => {
            text.clone().unwrap_or_else(|| code.to_string())
        }
        other => other.to_string(),
    };
    text.split(": /").next().unwrap_or(&text).replace('\n', " ")
}

#[cfg(test)]
mod tests;

//! Floor 5. Directories: what is in one, and making one.
//!
//! A directory is read a handful of entries at a time, so that a trip to the pool is paid once for
//! many, and a directory with a million files is not held in memory.
//!
//! Real world: tokio reads 32 entries a trip; Python's `os.scandir` is read in chunks by the C
//! library.

use crate::io::named::with_path;
use crate::io::offload::offload;
use crate::task::{Builder, JoinHandle};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Entries of one trip: as tokio. A trip is some microseconds, an entry half of one.
const ENTRIES_MAX: usize = 32;

/// Opens a directory, to see what is in it.
///
/// Twin of `tokio::fs::read_dir` and of Python's `os.scandir`.
///
/// **Cancel-safe:** yes. It changes nothing.
/// **Cost:** one trip to the pool, with the first 32 entries.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-read-dir-{}", std::process::id()));
/// fs::create_dir_all(dir.join("inner")).await?;
/// let mut entries = fs::read_dir(&dir).await?;
/// while let Some(entry) = entries.next_entry().await? {
///     assert_eq!(entry.file_name(), "inner");
///     assert!(entry.file_type().await?.is_dir());
/// }
/// # fs::remove_dir_all(&dir).await?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let open = move || match fs::read_dir(&path) {
        Ok(entries) => Ok(Page::fetch(entries)),
        Err(error) => Err(with_path("cannot read the directory", &path, error)),
    };
    let page = offload(open).await?;
    Ok(ReadDir { page, fetching: None })
}

/// Some entries, and where the next ones come from.
#[derive(Debug)]
struct Page {
    entries: VecDeque<io::Result<DirEntry>>,
    /// `None`: that was all.
    rest: Option<fs::ReadDir>,
}

impl Page {
    fn fetch(mut from: fs::ReadDir) -> Self {
        let mut entries = VecDeque::with_capacity(ENTRIES_MAX);
        while entries.len() < ENTRIES_MAX {
            let Some(entry) = from.next() else { return Self { entries, rest: None } };
            let failed = entry.is_err();
            entries.push_back(entry.map(|std| DirEntry { std: Arc::new(std) }));
            if failed {
                break;
            }
        }
        Self { entries, rest: Some(from) }
    }
}

/// What is in a directory; made by [`read_dir`].
///
/// Twin of `tokio::fs::ReadDir`.
#[derive(Debug)]
pub struct ReadDir {
    page: Page,
    fetching: Option<JoinHandle<Page>>,
}

impl ReadDir {
    /// The next entry, in the order of the file system; `.` and `..` are left out.
    ///
    /// **Cancel-safe:** yes. What was fetched meanwhile is given by the next call.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// [`next_entry`](Self::next_entry) by hand.
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            if let Some(fetching) = &mut self.fetching {
                let fetched = ready!(Pin::new(fetching).poll(cx));
                self.fetching = None;
                self.page = fetched.map_err(io::Error::other)?;
            }
            if let Some(entry) = self.page.entries.pop_front() {
                return Poll::Ready(entry.map(Some));
            }
            let Some(rest) = self.page.rest.take() else { return Poll::Ready(Ok(None)) };
            self.fetching = Some(Builder::new().spawn_blocking(|| Page::fetch(rest))?);
        }
    }
}

/// One entry of a directory.
///
/// Twin of `tokio::fs::DirEntry` and of Python's `os.DirEntry`.
#[derive(Debug)]
pub struct DirEntry {
    std: Arc<fs::DirEntry>,
}

impl DirEntry {
    /// The directory's path, as it was given to [`read_dir`], and the name.
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// The name.
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// The number of the inode.
    pub fn ino(&self) -> u64 {
        self.std.ino()
    }

    /// Length, times and permissions; of a link, its own.
    ///
    /// **Cancel-safe:** yes.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let std = self.std.clone();
        offload(move || std.metadata().map_err(|error| cannot_look_at(&std, error))).await
    }

    /// Whether it is a file, a directory or a link.
    ///
    /// **Cancel-safe:** yes.
    pub async fn file_type(&self) -> io::Result<FileType> {
        let std = self.std.clone();
        offload(move || std.file_type().map_err(|error| cannot_look_at(&std, error))).await
    }
}

fn cannot_look_at(entry: &fs::DirEntry, error: io::Error) -> io::Error {
    with_path("cannot look at", &entry.path(), error)
}

/// Makes directories: with their parents, or with permissions of your own.
///
/// Twin of `tokio::fs::DirBuilder` and of Python's `os.makedirs(path, mode)`.
///
/// ```
/// use rondel::fs::DirBuilder;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-dir-builder-{}", std::process::id()));
/// DirBuilder::new().recursive(true).mode(0o700).create(dir.join("a/b")).await?;
/// # rondel::fs::remove_dir_all(&dir).await?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// One directory, open to all as far as the process's mask lets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether parents are made too; then a directory that is there is no error.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// The permissions, before the process's mask; `0o777` unless said.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the directory.
    ///
    /// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_owned();
        let mut std = fs::DirBuilder::new();
        std.recursive(self.recursive);
        self.mode.map(|mode| std.mode(mode));
        let wrap = |path: &Path, error| with_path("cannot create the directory", path, error);
        offload(move || std.create(&path).map_err(|error| wrap(&path, error))).await
    }
}

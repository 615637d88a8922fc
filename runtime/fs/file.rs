//! Floor 5. `File`: an open file, read and written through the blocking pool.
//!
//! How the calls, the buffer and the position keep together is the table in `io/offload.rs`; here
//! the file has its owner's methods. Those that take `&self` stand in line for the file behind an
//! async lock, and wait for the call that is under way.
//!
//! Real world: tokio's is the same; Python's aiofiles has no buffer of its own.

use super::OpenOptions;
use crate::io::offload::{Offloaded, offload, step_back};
use crate::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use crate::leaf::poll_leaf;
use crate::sync::{Mutex, MutexGuard};
use std::fs;
use std::future::poll_fn;
use std::io::{self, IoSlice, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

/// An open file.
///
/// A `write` is done for its caller once the bytes are copied; they travel to the file meanwhile,
/// one call after the other. The error of such a write is told by the next `write`, `flush`,
/// `shutdown` or `sync`. **So flush before the file is dropped**: a file that is dropped is written
/// to the end of the call that was under way, but nobody is told of an error, and a runtime that
/// ends drops the call if it has not started.
///
/// A cancelled read loses nothing: what it brought is given to the next one.
///
/// Twin of `tokio::fs::File` and of Python's file objects.
///
/// **Cost:** a trip to the pool for each read, seek and flush, and a copy of the bytes. Many small
/// reads want a [`BufReader`](crate::io::BufReader).
///
/// ```
/// use rondel::fs::File;
/// use rondel::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
/// # rondel::run(async {
/// # let path = std::env::temp_dir().join(format!("rondel-file-{}", std::process::id()));
/// let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
/// file.write_all(b"hello world").await?;
/// file.seek(SeekFrom::Start(6)).await?;
/// let mut rest = String::new();
/// file.read_to_string(&mut rest).await?;
/// assert_eq!(rest, "world");
/// # rondel::fs::remove_file(&path).await?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub struct File {
    std: Arc<fs::File>,
    inner: Mutex<Offloaded<fs::File>>,
    buf_len_max: usize,
}

impl File {
    /// Opens a file to be read.
    ///
    /// **Cancel-safe:** yes. **Cost:** one trip to the pool.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::options().read(true).open(path).await
    }

    /// Opens a file to be written: a new one, or an old one without what was in it.
    ///
    /// **Cancel-safe:** no. **The file may be made or emptied all the same.**
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::options().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes a new file, to be read and written; an error if there is one.
    ///
    /// **Cancel-safe:** no. **The file may be made all the same.**
    pub async fn create_new<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::options().read(true).write(true).create_new(true).open(path).await
    }

    /// The same as [`OpenOptions::new`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes a file of the standard library. It belongs to no loop.
    pub fn from_std(std: fs::File) -> Self {
        let (std, buf_len_max) = (Arc::new(std), crate::io::offload::BUF_LEN_MAX);
        Self { inner: Mutex::new(Offloaded::new(std.clone())), std, buf_len_max }
    }

    /// Waits for its turn, and for what is under way.
    async fn settled(&self) -> io::Result<MutexGuard<'_, Offloaded<fs::File>>> {
        let mut inner = self.inner.lock().await;
        poll_fn(|cx| inner.poll_written(cx)).await?;
        Ok(inner)
    }

    /// Waits for what is under way, and then does something else with the file.
    async fn then<R, F>(&self, work: F) -> io::Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&fs::File) -> io::Result<R> + Send + 'static,
    {
        let (_turn, std) = (self.settled().await?, self.std.clone());
        offload(move || work(&std)).await
    }

    /// Has all that was written put on the disk, with the file's length and times.
    ///
    /// Also tells the error of an earlier write. Twin of Python's `os.fsync`.
    ///
    /// **Cancel-safe:** yes. It goes on, and nobody is told.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.then(fs::File::sync_all).await
    }

    /// As [`sync_all`](Self::sync_all), without what is not needed to read the bytes again.
    ///
    /// **Cancel-safe:** yes. It goes on, and nobody is told.
    pub async fn sync_data(&self) -> io::Result<()> {
        self.then(fs::File::sync_data).await
    }

    /// Cuts the file off at `size` bytes, or makes it that long with zeroes. The position stays.
    ///
    /// **Cancel-safe:** no. **It may be done or not.**
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        let mut inner = self.settled().await?;
        // What was fetched and not read yet may be gone after this.
        let (back, std) = (inner.forget_unread(), self.std.clone());
        offload(move || step_back(&*std, back).and_then(|()| std.set_len(size))).await
    }

    /// Length, kind, times and permissions. Does not wait for writes that are under way.
    ///
    /// **Cancel-safe:** yes.
    pub async fn metadata(&self) -> io::Result<fs::Metadata> {
        let std = self.std.clone();
        offload(move || std.metadata()).await
    }

    /// A second handle to the same open file: they share the position.
    ///
    /// **Cancel-safe:** yes.
    pub async fn try_clone(&self) -> io::Result<Self> {
        self.then(fs::File::try_clone).await.map(Self::from_std)
    }

    /// Changes the file's permissions.
    ///
    /// **Cancel-safe:** no. **It may be done or not.**
    pub async fn set_permissions(&self, perm: fs::Permissions) -> io::Result<()> {
        let std = self.std.clone();
        offload(move || std.set_permissions(perm)).await
    }

    /// Changes the times that `times` names: of the last access, of the last change. Waits for
    /// writes that are under way, which would change them again.
    ///
    /// **Cancel-safe:** no. **It may be done or not.**
    ///
    /// ```
    /// use rondel::fs::{File, FileTimes};
    /// use std::time::{Duration, SystemTime};
    /// # rondel::run(async {
    /// # let path = std::env::temp_dir().join(format!("rondel-times-{}", std::process::id()));
    /// let file = File::create(&path).await?;
    /// let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    /// file.set_times(FileTimes::new().set_accessed(then).set_modified(then)).await?;
    /// let metadata = file.metadata().await?;
    /// assert_eq!((metadata.accessed()?, metadata.modified()?), (then, then));
    /// # rondel::fs::remove_file(&path).await?;
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn set_times(&self, times: fs::FileTimes) -> io::Result<()> {
        self.then(move |std| std.set_times(times)).await
    }

    /// Changes the time of the last change, as [`set_times`](Self::set_times) does.
    ///
    /// **Cancel-safe:** no. **It may be done or not.**
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(fs::FileTimes::new().set_modified(time)).await
    }

    /// The file of the standard library, once nothing is under way. **The error of a write is
    /// lost**, so flush before; the position is behind what was fetched.
    ///
    /// **Cancel-safe:** no. **The file is closed.**
    pub async fn into_std(mut self) -> fs::File {
        while self.inner.get_mut().is_busy() {
            drop(poll_fn(|cx| self.inner.get_mut().poll_written(cx)).await);
        }
        self.try_into_std().expect("nothing is under way")
    }

    /// The file of the standard library, or this one again if a call is under way.
    #[allow(clippy::result_large_err)] // the signature is tokio's
    pub fn try_into_std(mut self) -> Result<fs::File, Self> {
        if self.inner.get_mut().is_busy() {
            return Err(self);
        }
        let Self { std, inner, .. } = self;
        drop(inner);
        Ok(Arc::into_inner(std).expect("only a call that is under way has it, too"))
    }

    /// How many bytes one call moves at most; 2 MiB unless said. At least one.
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        self.buf_len_max = max_buf_size.max(1);
        self.inner.get_mut().buf_len_max = self.buf_len_max;
    }

    /// See [`set_max_buf_size`](Self::set_max_buf_size).
    pub fn max_buf_size(&self) -> usize {
        self.buf_len_max
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.get_mut().poll_read("File::read", cx, buf)
    }
}

impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.inner.get_mut().start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.inner.get_mut().poll_complete("File::seek", cx)
    }
}

impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner.get_mut().poll_write("File::write", cx, bufs, step_back)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Waits until what was written is with the kernel; not for the disk, see
    /// [`sync_all`](File::sync_all).
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_leaf("File::flush", cx, |cx| self.inner.get_mut().poll_written(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl From<fs::File> for File {
    fn from(std: fs::File) -> Self {
        Self::from_std(std)
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        Self::from_std(fd.into())
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("File").field(&self.std).finish()
    }
}

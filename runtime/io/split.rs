//! Floor 5. `split`: one stream, two owners: one who reads and one who writes.
//!
//! A method of a stream needs `&mut`, so two tasks cannot share it. Both halves hold it behind one
//! lock, and take the lock for the length of one poll. A poll never blocks, so neither waits for
//! long.
//!
//! Rules
//! 1. The stream never moves while there are halves: it has a box of its own, so that a stream
//!    which must stay pinned may be split as well.
//! 2. The lock is held only while the stream is polled.
//!
//! Real world: tokio does the same; its and our sockets also split without a lock, because the
//! kernel does not mind two users (`TcpStream::into_split`).

use super::{AsyncRead, AsyncWrite, ReadBuf};
use crate::shim::{Arc, Mutex, lock};
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

struct Shared<T> {
    stream: Mutex<Pin<Box<T>>>,
    is_write_vectored: bool,
}

/// The reading half of a stream; made by [`split`].
pub struct ReadHalf<T> {
    shared: Arc<Shared<T>>,
}

/// The writing half of a stream; made by [`split`].
pub struct WriteHalf<T> {
    shared: Arc<Shared<T>>,
}

/// Splits a stream into a half that reads and a half that writes.
///
/// Dropping one half does not close anything; the stream is dropped with the second one. To end the
/// writing direction, [`shutdown`](super::AsyncWriteExt::shutdown) it.
///
/// Twin of `tokio::io::split`. asyncio hands out the two halves to begin with.
///
/// **Cost:** two allocations, and a lock that is taken for each poll.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
/// # rondel::run(async {
/// let (near, mut far) = duplex(64);
/// let (mut reader, mut writer) = split(near);
/// writer.write_all(b"ping").await?;
/// far.write_all(b"pong").await?;
///
/// let mut word = [0; 4];
/// reader.read_exact(&mut word).await?;
/// assert_eq!(&word, b"pong");
/// let near = reader.unsplit(writer);
/// # drop(near);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn split<T: AsyncRead + AsyncWrite>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    let is_write_vectored = stream.is_write_vectored();
    let shared = Arc::new(Shared { stream: Mutex::new(Box::pin(stream)), is_write_vectored });
    (ReadHalf { shared: shared.clone() }, WriteHalf { shared })
}

impl<T> ReadHalf<T> {
    /// Do both halves come from the same [`split`]?
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Puts the stream together again.
    ///
    /// Panics if `wr` comes from another stream.
    #[track_caller]
    pub fn unsplit(self, wr: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(self.is_pair_of(&wr), "Unrelated `split::Write` passed to `split::Read::unsplit`.");
        drop(wr);
        let shared = Arc::into_inner(self.shared).expect("there are two halves only");
        let stream = shared.stream.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        *Pin::into_inner(stream)
    }
}

impl<T> WriteHalf<T> {
    /// Do both halves come from the same [`split`]?
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        other.is_pair_of(self)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        lock(&self.shared.stream).as_mut().poll_read(cx, buf)
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.shared.stream).as_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.shared.stream).as_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.shared.stream).as_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        lock(&self.shared.stream).as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.is_write_vectored
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("split::ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("split::WriteHalf").finish_non_exhaustive()
    }
}

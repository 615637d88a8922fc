//! Floor 5. `BufReader`: few big reads outside, many small ones inside.
//!
//! A read of a socket costs a system call, whether it brings one byte or eight thousand. So fetch a
//! buffer full, and serve the small reads from it.
//!
//! ```text
//!   buf:  | used up | shown to the caller | room from the last fetch, not filled |
//!         0        pos                 filled                            capacity
//! ```
//!
//! Rules
//! 1. `pos <= filled <= buf.len()`.
//! 2. The reader inside is asked only when `pos == filled`.
//!
//! Real world: tokio's and the standard library's are the same; in asyncio every stream has one
//! inside.

use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, BUF_LEN, ReadBuf};
use pin_project_lite::pin_project;
use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A reader with a buffer in front.
    ///
    /// Writing goes straight through, so that a stream may be wrapped whole.
    ///
    /// Twin of `tokio::io::BufReader`.
    ///
    /// **Cost:** one buffer of 8 KiB unless told otherwise. Reads as big as the buffer go past it.
    ///
    /// ```
    /// use rondel::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
    /// # rondel::run(async {
    /// let mut reader = BufReader::new(&b"GET /\n<body>"[..]);
    /// let mut line = String::new();
    /// reader.read_line(&mut line).await?;
    /// assert_eq!(line, "GET /\n");
    /// assert_eq!(reader.buffer(), b"<body>"); // fetched already, and not lost
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    pub struct BufReader<R> {
        #[pin]
        inner: R,
        buf: Box<[u8]>,
        pos: usize,
        filled: usize,
        is_seeking: bool,
    }
}

impl<R: AsyncRead> BufReader<R> {
    /// Puts a buffer of 8 KiB in front of `inner`.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(BUF_LEN, inner)
    }

    /// Puts a buffer of `capacity` bytes in front of `inner`.
    ///
    /// Panics if `capacity` is zero.
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        assert!(capacity > 0, "capacity must be greater than zero");
        Self { inner, buf: vec![0; capacity].into(), pos: 0, filled: 0, is_seeking: false }
    }

    /// The reader inside.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader inside. It stands behind what is buffered.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader inside, pinned. It stands behind what is buffered.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The reader inside. **What is buffered is lost**; see [`buffer`](Self::buffer).
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What is buffered and not used up.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.pos..self.filled]
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pos == self.filled && buf.remaining() >= self.buf.len() {
            return self.get_pin_mut().poll_read(cx, buf);
        }
        let shown = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = shown.len().min(buf.remaining());
        buf.put_slice(&shown[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.pos == *me.filled {
            let mut buf = ReadBuf::new(me.buf);
            ready!(me.inner.poll_read(cx, &mut buf))?;
            *me.filled = buf.filled().len();
            *me.pos = 0;
        }
        Poll::Ready(Ok(&me.buf[*me.pos..*me.filled]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        *me.pos = (*me.pos + amt).min(*me.filled);
    }
}

impl<R: AsyncRead + AsyncWrite> AsyncWrite for BufReader<R> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// Moving forgets what is buffered, even if the new position is within it; from the current
/// position means from what was used up.
impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let me = self.project();
        let ahead = (*me.filled - *me.pos) as i64;
        let position = match position {
            SeekFrom::Current(by) => {
                let what = "this far back is before the start of any stream";
                let error = || io::Error::new(io::ErrorKind::InvalidInput, what);
                SeekFrom::Current(by.checked_sub(ahead).ok_or_else(error)?)
            }
            other => other,
        };
        me.inner.start_seek(position)?;
        *me.is_seeking = true;
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let me = self.project();
        let position = ready!(me.inner.poll_complete(cx));
        // After an error the stream has not moved, and what is buffered comes next.
        if std::mem::take(me.is_seeking) && position.is_ok() {
            *me.pos = *me.filled;
        }
        Poll::Ready(position)
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.filled - self.pos, self.buf.len()))
            .finish()
    }
}

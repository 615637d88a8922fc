//! Floor 5. `BufWriter`: many small writes inside, few big ones outside.
//!
//! Small pieces are collected until the next one does not fit, and then written in one go. Pieces
//! as big as the buffer go past it. What is held must be pushed out in the end: nobody else will.
//!
//! Rules
//! 1. `written <= held.len() <= held.capacity()`, and `held` never grows beyond the capacity it
//!    began with.
//! 2. What is below `written` is out already; it is cut off when all the rest is out, too.
//! 3. Bytes go to the writer inside in the order in which they came.
//!
//! Real world: tokio's is the same and just as forgetful when dropped; the standard library's can
//! write from `drop`, because it may block; asyncio buffers without a limit and asks you to
//! `drain`.

use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, BUF_LEN, ReadBuf};
use pin_project_lite::pin_project;
use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A writer with a buffer in front.
    ///
    /// **What is held is lost when it is dropped.** Call [`flush`](super::AsyncWriteExt::flush) or
    /// [`shutdown`](super::AsyncWriteExt::shutdown) first.
    ///
    /// Reading goes straight through, so that a stream may be wrapped whole.
    ///
    /// Twin of `tokio::io::BufWriter`.
    ///
    /// **Cost:** one buffer of 8 KiB unless told otherwise.
    ///
    /// ```
    /// use rondel::io::{AsyncWriteExt, BufWriter};
    /// # rondel::run(async {
    /// let mut out = BufWriter::new(Vec::new());
    /// for number in 0..3 {
    ///     out.write_u8(number).await?;
    /// }
    /// assert!(out.get_ref().is_empty()); // still held
    /// out.flush().await?;
    /// assert_eq!(out.get_ref(), &[0, 1, 2]);
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    pub struct BufWriter<W> {
        #[pin]
        inner: W,
        held: Vec<u8>,
        written: usize,
        seek: Option<SeekFrom>,
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// Puts a buffer of 8 KiB in front of `inner`.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(BUF_LEN, inner)
    }

    /// Puts a buffer of at least `capacity` bytes in front of `inner`. Zero means none.
    pub fn with_capacity(capacity: usize, inner: W) -> Self {
        Self { inner, held: Vec::with_capacity(capacity), written: 0, seek: None }
    }

    /// The writer inside.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The writer inside. What is written to it directly overtakes what is held.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The writer inside, pinned. What is written to it directly overtakes what is held.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().inner
    }

    /// The writer inside. **What is held is lost.**
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// What is held.
    pub fn buffer(&self) -> &[u8] {
        &self.held
    }

    /// Pushes out what is held, and then there is room. After an error, what is not out is still
    /// held.
    fn poll_push_out(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut me = self.project();
        let mut result = Ok(());
        while *me.written < me.held.len() {
            match ready!(me.inner.as_mut().poll_write(cx, &me.held[*me.written..])) {
                Ok(0) => {
                    let what = "failed to write the buffered data";
                    result = Err(io::Error::new(io::ErrorKind::WriteZero, what));
                    break;
                }
                Ok(count) => *me.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        me.held.drain(..*me.written);
        *me.written = 0;
        Poll::Ready(result)
    }

    /// Makes sure that `len` more bytes fit, or else that nothing is held. So if `len` is the
    /// capacity or more, nothing is held in either case.
    fn poll_make_room(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        len: usize,
    ) -> Poll<io::Result<()>> {
        if self.held.capacity() - self.held.len() < len {
            return self.poll_push_out(cx);
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.as_mut().poll_make_room(cx, buf.len()))?;
        let me = self.project();
        if buf.len() >= me.held.capacity() {
            return me.inner.poll_write(cx, buf);
        }
        me.held.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_push_out(cx))?;
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_push_out(cx))?;
        self.get_pin_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = bufs.iter().fold(0_usize, |len, buf| len.saturating_add(buf.len()));
        ready!(self.as_mut().poll_make_room(cx, len))?;
        let me = self.project();
        if len >= me.held.capacity() && me.inner.is_write_vectored() {
            return me.inner.poll_write_vectored(cx, bufs);
        }
        let before = me.held.len();
        for buf in bufs {
            if buf.len() > me.held.capacity() - me.held.len() {
                break;
            }
            me.held.extend_from_slice(buf);
        }
        let taken = me.held.len() - before;
        if taken > 0 || len == 0 {
            return Poll::Ready(Ok(taken));
        }
        // Not even the first piece fits into the empty buffer, so it goes past it.
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        me.inner.poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl<W: AsyncWrite + AsyncRead> AsyncRead for BufWriter<W> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_read(cx, buf)
    }
}

impl<W: AsyncWrite + AsyncBufRead> AsyncBufRead for BufWriter<W> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_pin_mut().poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.get_pin_mut().consume(amt);
    }
}

/// Moving pushes out what is held first, at the old position.
impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = Some(position);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let Some(position) = self.seek {
            ready!(self.as_mut().poll_push_out(cx))?;
            let mut me = self.as_mut().project();
            ready!(me.inner.as_mut().poll_complete(cx))?;
            *me.seek = None;
            me.inner.start_seek(position)?;
        }
        self.get_pin_mut().poll_complete(cx)
    }
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("writer", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.held.len(), self.held.capacity()))
            .field("written", &self.written)
            .finish()
    }
}

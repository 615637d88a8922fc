//! Floor 5. `BufStream`: a buffer for each direction of one stream.
//!
//! ```text
//!   program ◀── BufReader ◀── BufWriter ◀── stream     (reading passes the writer by)
//!   program ──▶ BufReader ──▶ BufWriter ──▶ stream     (writing passes the reader by)
//! ```
//!
//! Real world: tokio's is the same.

use super::{
    AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, BUF_LEN, BufReader, BufWriter, ReadBuf,
};
use pin_project_lite::pin_project;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// A stream with a buffer in front for each direction.
    ///
    /// **What is held for writing is lost when it is dropped.** Flush or shut down first.
    ///
    /// Twin of `tokio::io::BufStream`; each stream of asyncio is one.
    ///
    /// **Cost:** two buffers of 8 KiB unless told otherwise.
    ///
    /// ```
    /// use rondel::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, duplex};
    /// # rondel::run(async {
    /// let (near, mut far) = duplex(64);
    /// let mut near = BufStream::new(near);
    /// near.write_all(b"one ").await?;
    /// near.write_all(b"piece\n").await?;
    /// near.flush().await?;
    /// far.write_all(b"an answer\n").await?;
    /// let mut line = String::new();
    /// near.read_line(&mut line).await?;
    /// assert_eq!(line, "an answer\n");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    #[derive(Debug)]
    pub struct BufStream<RW> {
        #[pin]
        inner: BufReader<BufWriter<RW>>,
    }
}

impl<RW: AsyncRead + AsyncWrite> BufStream<RW> {
    /// Puts two buffers of 8 KiB in front of `stream`.
    pub fn new(stream: RW) -> Self {
        Self::with_capacity(BUF_LEN, BUF_LEN, stream)
    }

    /// Puts buffers of these sizes in front of `stream`.
    ///
    /// Panics if `reader_capacity` is zero.
    #[track_caller]
    pub fn with_capacity(reader_capacity: usize, writer_capacity: usize, stream: RW) -> Self {
        let writer = BufWriter::with_capacity(writer_capacity, stream);
        Self { inner: BufReader::with_capacity(reader_capacity, writer) }
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &RW {
        self.inner.get_ref().get_ref()
    }

    /// The stream inside. It stands behind what is buffered, and what is written to it directly
    /// overtakes what is held.
    pub fn get_mut(&mut self) -> &mut RW {
        self.inner.get_mut().get_mut()
    }

    /// The stream inside, pinned. See [`get_mut`](Self::get_mut).
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut RW> {
        self.project().inner.get_pin_mut().get_pin_mut()
    }

    /// The stream inside. **What is buffered is lost, in both directions.**
    pub fn into_inner(self) -> RW {
        self.inner.into_inner().into_inner()
    }
}

impl<RW> From<BufReader<BufWriter<RW>>> for BufStream<RW> {
    fn from(inner: BufReader<BufWriter<RW>>) -> Self {
        Self { inner }
    }
}

impl<RW: AsyncRead + AsyncWrite> AsyncRead for BufStream<RW> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().inner.poll_read(cx, buf)
    }
}

impl<RW: AsyncRead + AsyncWrite> AsyncBufRead for BufStream<RW> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.project().inner.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.project().inner.consume(amt);
    }
}

impl<RW: AsyncRead + AsyncWrite> AsyncWrite for BufStream<RW> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// Moving pushes out what is held and forgets what was fetched.
impl<RW: AsyncRead + AsyncWrite + AsyncSeek> AsyncSeek for BufStream<RW> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.project().inner.start_seek(position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.project().inner.poll_complete(cx)
    }
}

//! Floor 5. `copy`: from a reader to a writer until the reader ends, in one direction or in both.
//!
//! One buffer goes round: fetch into it, deliver from it, and when nothing is left to fetch, flush.
//!
//! ```text
//!   reader ──▶ | delivered | fetched, not delivered | room | ──▶ writer
//!              0       delivered                 fetched
//! ```
//!
//! Rules
//! 1. What is fetched is delivered at once; more is fetched meanwhile only if the writer is busy
//!    and there is room.
//! 2. While the reader has nothing, what was delivered is flushed: the other side must not wait for
//!    bytes that sit in a buffer here.
//! 3. Streams that are always ready do not keep the loop: after [`ROUNDS_MAX`] rounds the task
//!    stands in line again.
//!
//! Real world: tokio's functions have the same rules; `splice(2)` can do it without leaving the
//! kernel.

use super::{AsyncBufRead, AsyncRead, AsyncWrite, BUF_LEN, ReadBuf};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Rounds in one poll. With a buffer of 8 KiB that is 1 MiB, some 0.1 ms of moving memory.
const ROUNDS_MAX: usize = 128;

/// Gives way to the other tasks (rule 3).
fn poll_again_later<T>(cx: &mut Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// One direction of a copy, up to and with the last flush.
struct Pump {
    buf: Box<[u8]>,
    delivered: usize,
    fetched: usize,
    reader_is_done: bool,
    needs_flush: bool,
    total: u64,
}

impl Pump {
    fn new(buf_len: usize) -> Self {
        Self {
            buf: vec![0; buf_len].into(),
            delivered: 0,
            fetched: 0,
            reader_is_done: false,
            needs_flush: false,
            total: 0,
        }
    }

    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        for _ in 0..ROUNDS_MAX {
            if !self.reader_is_done && self.fetched < self.buf.len() {
                let fetch = self.poll_fetch(cx, reader.as_mut())?;
                if fetch.is_pending() && self.fetched == 0 {
                    if self.needs_flush {
                        ready!(writer.as_mut().poll_flush(cx))?;
                        self.needs_flush = false;
                    }
                    return Poll::Pending;
                }
            }
            ready!(self.poll_deliver(cx, writer.as_mut()))?;
            if self.reader_is_done {
                ready!(writer.as_mut().poll_flush(cx))?;
                return Poll::Ready(Ok(self.total));
            }
        }
        poll_again_later(cx)
    }

    /// Reads once into the room that is left.
    fn poll_fetch<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
    ) -> Poll<io::Result<()>> {
        let mut buf = ReadBuf::new(&mut self.buf);
        buf.set_filled(self.fetched);
        loop {
            match ready!(reader.as_mut().poll_read(cx, &mut buf)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            let fetched = buf.filled().len();
            self.reader_is_done = fetched == self.fetched;
            self.fetched = fetched;
            return Poll::Ready(Ok(()));
        }
    }

    /// Writes until nothing is left to deliver; then all of the buffer is room.
    fn poll_deliver<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>> {
        while self.delivered < self.fetched {
            let rest = &self.buf[self.delivered..self.fetched];
            match ready!(writer.as_mut().poll_write(cx, rest)) {
                Ok(0) => {
                    let what = "write zero byte into writer";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, what)));
                }
                Ok(count) => {
                    self.delivered += count;
                    self.total += count as u64;
                    self.needs_flush = true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.delivered = 0;
        self.fetched = 0;
        Poll::Ready(Ok(()))
    }
}

/// Copies all that `reader` has to `writer`, until end of file, and flushes.
///
/// - Returns the number of bytes.
/// - Errors of either side end it. [`WriteZero`](io::ErrorKind::WriteZero) means that the writer
///   took no more.
///
/// Twin of `tokio::io::copy`.
///
/// **Cancel-safe:** no. **Up to 8 KiB that were read and not yet written are lost.** Where that
/// matters, use [`copy_buf`] with a [`BufReader`](super::BufReader) that you keep.
/// **Cost:** one buffer of 8 KiB while it runs.
///
/// ```
/// use rondel::io::copy;
/// # rondel::run(async {
/// let mut out = Vec::new();
/// assert_eq!(copy(&mut &b"hello"[..], &mut out).await?, 5);
/// assert_eq!(out, b"hello");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut pump = Pump::new(BUF_LEN);
    poll_fn(|cx| pump.poll(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

/// Like [`copy`], out of the buffer that `reader` has already.
///
/// Twin of `tokio::io::copy_buf`.
///
/// **Cancel-safe:** yes, in that nothing is lost: only what was written is taken from `reader`. How
/// much that was is not told.
/// **Cost:** no allocation.
///
/// ```
/// use rondel::io::{BufReader, copy_buf};
/// # rondel::run(async {
/// let mut out = Vec::new();
/// copy_buf(&mut BufReader::new(&b"hello"[..]), &mut out).await?;
/// assert_eq!(out, b"hello");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn copy_buf<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut total = 0;
    let mut needs_flush = false;
    poll_fn(|cx| {
        for _ in 0..ROUNDS_MAX {
            let shown = match Pin::new(&mut *reader).poll_fill_buf(cx) {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    if needs_flush {
                        ready!(Pin::new(&mut *writer).poll_flush(cx))?;
                        needs_flush = false;
                    }
                    return Poll::Pending;
                }
            };
            if shown.is_empty() {
                ready!(Pin::new(&mut *writer).poll_flush(cx))?;
                return Poll::Ready(Ok(total));
            }
            let count = match ready!(Pin::new(&mut *writer).poll_write(cx, shown)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            total += count as u64;
            needs_flush = true;
            Pin::new(&mut *reader).consume(count);
        }
        poll_again_later(cx)
    })
    .await
}

/// One direction of [`copy_bidirectional`]: copy, then shut the writer down, then stay done.
enum Direction {
    Copying(Pump),
    ShuttingDown(u64),
    Done(u64),
}

impl Direction {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        if let Direction::Copying(pump) = self {
            let total = ready!(pump.poll(cx, Pin::new(reader), Pin::new(&mut *writer)))?;
            *self = Direction::ShuttingDown(total);
        }
        if let Direction::ShuttingDown(total) = *self {
            ready!(Pin::new(writer).poll_shutdown(cx))?;
            *self = Direction::Done(total);
        }
        let Direction::Done(total) = *self else { unreachable!("the two steps before lead here") };
        Poll::Ready(Ok(total))
    }
}

/// Copies in both directions until both have ended: a proxy in one call.
///
/// When one side ends, the other is shut down for writing, and the direction back goes on: each
/// side learns that nothing more will come and may still finish its answer.
///
/// - Returns the bytes from `a` to `b`, and from `b` to `a`.
/// - The first error of either direction ends both.
///
/// Twin of `tokio::io::copy_bidirectional`.
///
/// **Cancel-safe:** no. **Up to 8 KiB in each direction that were read and not yet written are
/// lost**, and they are lost too when the other direction fails.
/// **Cost:** two buffers of 8 KiB while it runs.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
/// # rondel::run(async {
/// let (mut client, mut proxy_front) = duplex(64);
/// let (mut proxy_back, mut server) = duplex(64);
/// client.write_all(b"ping").await?;
/// client.shutdown().await?;
/// server.write_all(b"pong!").await?;
/// server.shutdown().await?;
/// assert_eq!(copy_bidirectional(&mut proxy_front, &mut proxy_back).await?, (4, 5));
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, BUF_LEN, BUF_LEN).await
}

/// [`copy_bidirectional`] with buffers of `a_to_b_buf_size` and `b_to_a_buf_size` bytes.
///
/// Panics if one of them is zero.
///
/// Twin of `tokio::io::copy_bidirectional_with_sizes`.
///
/// **Cancel-safe:** no. **Up to a buffer in each direction that was read and not yet written is
/// lost.**
/// **Cost:** the two buffers while it runs.
///
/// ```
/// use rondel::io::{copy_bidirectional_with_sizes, empty, join};
/// # rondel::run(async {
/// let (mut out, mut nothing) = (Vec::new(), empty());
/// let mut asks = join(&b"hello"[..], Vec::new());
/// let mut answers = join(&mut nothing, &mut out);
/// let counts = copy_bidirectional_with_sizes(&mut asks, &mut answers, 2, 16).await?;
/// assert_eq!((counts, &out[..]), ((5, 0), &b"hello"[..]));
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(a_to_b_buf_size > 0, "`a_to_b_buf_size` must be greater than 0");
    assert!(b_to_a_buf_size > 0, "`b_to_a_buf_size` must be greater than 0");
    let mut there = Direction::Copying(Pump::new(a_to_b_buf_size));
    let mut back = Direction::Copying(Pump::new(b_to_a_buf_size));
    poll_fn(|cx| {
        let there = there.poll(cx, a, b)?;
        let back = back.poll(cx, b, a)?;
        Poll::Ready(Ok((ready!(there), ready!(back))))
    })
    .await
}

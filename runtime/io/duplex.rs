//! Floor 5. `duplex`: two streams in memory, and what is written to the one is read from the other;
//! `simplex`: one of its pipes.
//!
//! A socket pair without the kernel: for tests, and between the parts of one program. Two pipes,
//! one for each direction, each behind a lock:
//!
//! ```text
//!   near: write ──▶ [ pipe ] ──▶ read :far
//!   near: read  ◀── [ pipe ] ◀── write :far
//!
//!   | the pipe is    | read              | write              |
//!   |----------------|-------------------|--------------------|
//!   | empty, open    | Pending           | takes              |
//!   | partly full    | gives             | takes what fits    |
//!   | full           | gives             | Pending            |
//!   | closed         | gives, then ends  | BrokenPipe         |
//! ```
//!
//! Rules
//! 1. A pipe holds at most `capacity` bytes, and nobody waits to read while there are some.
//! 2. Wakers are cloned, woken and dropped while the lock is not held: they are other people's
//!    code.
//! 3. Whoever changes what the other side waits for takes its waker out and wakes it.
//!
//! Real world: tokio's `duplex`; `socketpair(2)`; asyncio has none and its tests use real sockets.

use super::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};
use crate::leaf::poll_leaf;
use crate::shim::{Arc, Mutex, lock};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(capacity: usize) -> Arc<Mutex<Pipe>> {
        Arc::new(Mutex::new(Pipe { capacity, ..Pipe::default() }))
    }

    /// Ready if a read has an answer now.
    fn try_read(&mut self, buf: &mut ReadBuf<'_>) -> Poll<()> {
        if self.bytes.is_empty() && !self.is_closed && buf.remaining() > 0 {
            return Poll::Pending;
        }
        let count = self.bytes.len().min(buf.remaining());
        let (front, back) = self.bytes.as_slices();
        let front = &front[..count.min(front.len())];
        buf.put_slice(front);
        buf.put_slice(&back[..count - front.len()]);
        self.bytes.drain(..count);
        Poll::Ready(())
    }

    /// Ready if a write has an answer now.
    fn try_write(&mut self, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.bytes.len() == self.capacity && bufs.iter().any(|buf| !buf.is_empty()) {
            return Poll::Pending;
        }
        let before = self.bytes.len();
        for buf in bufs {
            let room = self.capacity - self.bytes.len();
            self.bytes.extend(&buf[..room.min(buf.len())]);
        }
        Poll::Ready(Ok(self.bytes.len() - before))
    }
}

/// Nothing more goes in. Who waits at either end learns it.
fn close(pipe: &Mutex<Pipe>) {
    let (reader, writer) = {
        let mut pipe = lock(pipe);
        pipe.is_closed = true;
        (pipe.reader.take(), pipe.writer.take())
    };
    reader.into_iter().chain(writer).for_each(Waker::wake);
}

/// One end of a pair of streams in memory; made by [`duplex`].
///
/// Dropping it is like closing a socket: the other end reads what is left and then end of file, and
/// its writes fail with [`BrokenPipe`](io::ErrorKind::BrokenPipe).
#[derive(Debug)]
pub struct DuplexStream {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
}

/// Makes two streams in memory, each of which reads what is written to the other.
///
/// - `max_buf_size`: bytes that may be under way in each direction; who writes more waits.
/// - Panics if that is zero.
///
/// The ends may live in different tasks and on different threads.
///
/// Twin of `tokio::io::duplex`.
///
/// **Cancel-safe:** yes, both reading and writing.
/// **Cost:** two allocations, a buffer for each direction that grows to `max_buf_size`, and a lock
/// for each call.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt, duplex};
/// # rondel::run(async {
/// let (mut near, mut far) = duplex(64);
/// near.write_all(b"hello").await?;
/// drop(near);
///
/// let mut text = String::new();
/// far.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0");
    let (one, two) = (Pipe::new(max_buf_size), Pipe::new(max_buf_size));
    (
        DuplexStream { incoming: one.clone(), outgoing: two.clone() },
        DuplexStream { incoming: two, outgoing: one },
    )
}

/// Reads from `pipe`; the call's name is for the roll call.
fn poll_read_from(
    pipe: &Mutex<Pipe>,
    name: &'static str,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    poll_leaf(name, cx, |cx| {
        let mine = cx.waker().clone();
        let mut pipe = lock(pipe);
        let was_full = pipe.bytes.len() == pipe.capacity;
        let answer = pipe.try_read(buf);
        let (replaced, woken) = match answer {
            Poll::Pending => (pipe.reader.replace(mine), None),
            Poll::Ready(()) if was_full => (Some(mine), pipe.writer.take()),
            Poll::Ready(()) => (Some(mine), None),
        };
        drop(pipe);
        drop(replaced);
        woken.into_iter().for_each(Waker::wake);
        answer.map(Ok)
    })
}

/// Writes to `pipe`.
fn poll_write_to(
    pipe: &Mutex<Pipe>,
    name: &'static str,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    poll_leaf(name, cx, |cx| {
        let mine = cx.waker().clone();
        let mut pipe = lock(pipe);
        let answer = pipe.try_write(bufs);
        let (replaced, woken) = match answer {
            Poll::Pending => (pipe.writer.replace(mine), None),
            Poll::Ready(_) => (Some(mine), pipe.reader.take()),
        };
        drop(pipe);
        drop(replaced);
        woken.into_iter().for_each(Waker::wake);
        answer
    })
}

macro_rules! ends {
    ($($name:ident reads $incoming:ident, writes $outgoing:ident;)*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let name = concat!(stringify!($name), "::read");
                poll_read_from(&self.$incoming, name, cx, buf)
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_vectored(cx, &[IoSlice::new(buf)])
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(
                self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                close(&self.$outgoing);
                Poll::Ready(Ok(()))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let name = concat!(stringify!($name), "::write");
                poll_write_to(&self.$outgoing, name, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    )*};
}

ends! {
    DuplexStream reads incoming, writes outgoing;
    SimplexStream reads pipe, writes pipe;
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        close(&self.outgoing);
        close(&self.incoming);
    }
}

/// A pipe in memory, both ends in one: what is written comes out again; made by [`simplex`].
#[derive(Debug)]
pub struct SimplexStream {
    pipe: Arc<Mutex<Pipe>>,
}

impl SimplexStream {
    /// The pipe in one piece. Panics if `max_buf_size` is zero.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> Self {
        assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0");
        Self { pipe: Pipe::new(max_buf_size) }
    }
}

/// Makes a pipe in memory: what is written to the one end is read from the other.
///
/// - `max_buf_size`: bytes that may be under way; who writes more waits. Panics if it is zero.
/// - The reader comes to its end when the writer is **shut down**; dropping a half closes nothing,
///   as the two halves are one stream ([`split`](super::split)).
///
/// Twin of `tokio::io::simplex`.
///
/// **Cancel-safe:** yes, both reading and writing.
/// **Cost:** three allocations, a buffer that grows to `max_buf_size`, and two locks for each call.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt, simplex};
/// # rondel::run(async {
/// let (mut reader, mut writer) = simplex(64);
/// writer.write_all(b"hello").await?;
/// writer.shutdown().await?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

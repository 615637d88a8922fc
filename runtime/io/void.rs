//! Floor 5. Streams that come from nowhere or go nowhere: `empty`, `sink`, `repeat`.
//!
//! They are always ready, so they stand in for a real stream in tests, or where one side of
//! something is not wanted.
//!
//! Real world: `/dev/null` and `/dev/zero`; tokio's and the standard library's have the same names.

use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use crate::leaf::poll_leaf;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Always ready, but for a task that has used up its budget: a loop over nothing starves nobody.
fn ready<T>(cx: &mut Context<'_>, value: T) -> Poll<io::Result<T>> {
    poll_leaf("io::empty", cx, |_| Poll::Ready(Ok(value)))
}

/// A reader that is at its end, and a writer that throws away; made by [`empty`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Empty {}

/// A reader that is at its end at once. Written to, it throws away.
///
/// Twin of `tokio::io::empty`.
///
/// ```
/// use rondel::io::{AsyncReadExt, empty};
/// # rondel::run(async {
/// let mut all = Vec::new();
/// assert_eq!(empty().read_to_end(&mut all).await?, 0);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn empty() -> Empty {
    Empty {}
}

impl AsyncRead for Empty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready(cx, ())
    }
}

impl AsyncBufRead for Empty {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        ready(cx, &[][..])
    }

    fn consume(self: Pin<&mut Self>, _amt: usize) {}
}

/// It has one position, 0.
impl AsyncSeek for Empty {
    fn start_seek(self: Pin<&mut Self>, _position: SeekFrom) -> io::Result<()> {
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(0))
    }
}

/// A writer that throws away; made by [`sink`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Sink {}

/// A writer that takes everything and throws it away.
///
/// Twin of `tokio::io::sink`.
///
/// ```
/// use rondel::io::{copy, sink};
/// # rondel::run(async {
/// assert_eq!(copy(&mut &b"hello"[..], &mut sink()).await?, 5);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn sink() -> Sink {
    Sink {}
}

macro_rules! throw_away {
    ($($name:ident),*) => {$(
        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                ready(cx, buf.len())
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready(cx, ())
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready(cx, ())
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                ready(cx, bufs.iter().map(|buf| buf.len()).sum())
            }

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    )*};
}

throw_away!(Empty, Sink);

/// A reader that never ends; made by [`repeat`].
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    byte: u8,
}

/// A reader that gives the same byte for ever. Read from it with a limit.
///
/// Twin of `tokio::io::repeat`.
///
/// ```
/// use rondel::io::{AsyncReadExt, repeat};
/// # rondel::run(async {
/// let mut line = String::new();
/// repeat(b'-').take(5).read_to_string(&mut line).await?;
/// assert_eq!(line, "-----");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

impl AsyncRead for Repeat {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_leaf("io::repeat", cx, |_| {
            let room = buf.remaining();
            bytes::BufMut::put_bytes(buf, self.byte, room);
            Poll::Ready(Ok(()))
        })
    }
}

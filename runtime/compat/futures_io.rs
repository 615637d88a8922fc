//! Floor 6. futures-io on Rondel: its three traits on our streams, and the way back.
//!
//! Libraries that know no runtime often ask for the traits of `futures-io`. They differ from ours
//! in two points: a read fills a plain `&mut [u8]` and returns the count, and the end of writing is
//! called `close`.
//!
//! ```text
//!   theirs on ours   TcpStream and its halves, DuplexStream, SimStream, Compat<T> for
//!                    any other
//!   ours on theirs   Compat<T>
//! ```
//!
//! Real world: `tokio_util::compat` has the same `Compat`; smol's streams have these traits only.

use crate::io::{AsyncBufRead, AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use crate::net::TcpStream;
use crate::net::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::testing::net::SimStream;
use futures_io as theirs;
use pin_project_lite::pin_project;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[inline]
fn poll_read<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buf = ReadBuf::new(buf);
    ready!(reader.poll_read(cx, &mut buf))?;
    Poll::Ready(Ok(buf.filled().len()))
}

/// Theirs by ours: `|me|` and what in it is the stream.
macro_rules! write_by_ours {
    ([$($bound:tt)*] $type:ty, |$me:ident| $inner:expr) => {
        impl<$($bound)*> theirs::AsyncWrite for $type {
            #[inline]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $me = self;
                AsyncWrite::poll_write($inner, cx, buf)
            }

            #[inline]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $me = self;
                AsyncWrite::poll_write_vectored($inner, cx, bufs)
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $me = self;
                AsyncWrite::poll_flush($inner, cx)
            }

            #[inline]
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $me = self;
                AsyncWrite::poll_shutdown($inner, cx)
            }
        }
    };
}

macro_rules! read_by_ours {
    ([$($bound:tt)*] $type:ty, |$me:ident| $inner:expr) => {
        impl<$($bound)*> theirs::AsyncRead for $type {
            #[inline]
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $me = self;
                poll_read($inner, cx, buf)
            }
        }
    };
}

read_by_ours!([] TcpStream, |stream| stream);
read_by_ours!([] OwnedReadHalf, |half| half);
read_by_ours!([] ReadHalf<'_>, |half| half);
read_by_ours!([] DuplexStream, |stream| stream);
read_by_ours!([] SimStream, |stream| stream);
read_by_ours!([T: AsyncRead] Compat<T>, |compat| compat.project().inner);

write_by_ours!([] TcpStream, |stream| stream);
write_by_ours!([] OwnedWriteHalf, |half| half);
write_by_ours!([] WriteHalf<'_>, |half| half);
write_by_ours!([] DuplexStream, |stream| stream);
write_by_ours!([] SimStream, |stream| stream);
write_by_ours!([T: AsyncWrite] Compat<T>, |compat| compat.project().inner);

pin_project! {
    /// Gives a stream of ours the traits of futures-io, and one of theirs our traits.
    ///
    /// Twin of `tokio_util::compat::Compat`.
    ///
    /// **Cost:** none; their streams read by our traits have their room zeroed once.
    ///
    /// ```
    /// use futures_io::AsyncRead;
    /// use rondel::compat::futures_io::Compat;
    /// use rondel::io::{AsyncReadExt, BufReader};
    ///
    /// fn of_futures_io(reader: impl AsyncRead + Unpin) -> impl AsyncRead + Unpin {
    ///     reader
    /// }
    /// # rondel::run(async {
    /// let ours = BufReader::new(&b"there and back"[..]);
    /// let theirs = of_futures_io(Compat::new(ours));
    /// let mut text = String::new();
    /// Compat::new(theirs).read_to_string(&mut text).await?;
    /// assert_eq!(text, "there and back");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    #[derive(Debug)]
    pub struct Compat<T> {
        #[pin]
        inner: T,
    }
}

impl<T> Compat<T> {
    /// Wraps `inner`.
    pub const fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream inside.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The stream inside.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncBufRead> theirs::AsyncBufRead for Compat<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.project().inner.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.project().inner.consume(amt);
    }
}

impl<T: theirs::AsyncRead> AsyncRead for Compat<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = ready!(self.project().inner.poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<T: theirs::AsyncBufRead> AsyncBufRead for Compat<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.project().inner.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.project().inner.consume(amt);
    }
}

impl<T: theirs::AsyncWrite> AsyncWrite for Compat<T> {
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
        self.project().inner.poll_close(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

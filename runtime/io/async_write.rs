//! Floor 5. `AsyncWrite`: something that takes bytes, now or later.
//!
//! Three questions and two optional ones: take these bytes, push out what you hold, end the stream;
//! take several pieces in one go, and is that worth while. None of them blocks. The comfortable
//! methods are in `write_ext.rs`.
//!
//! Real world: tokio's trait has the same shape; futures-io calls the third one `poll_close`;
//! asyncio's `StreamWriter.write` never waits, and so needs `drain` and a high-water mark against
//! flooding.

use std::io::{self, IoSlice, Write};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Writes bytes without blocking.
///
/// Programs rarely call it; they use the methods of [`AsyncWriteExt`](super::AsyncWriteExt).
///
/// Twin of `tokio::io::AsyncWrite`.
///
/// ```
/// use rondel::io::{AsyncWrite, AsyncWriteExt};
/// use std::io;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// /// Counts what is written.
/// struct Counter(usize);
///
/// impl AsyncWrite for Counter {
///     fn poll_write(
///         mut self: Pin<&mut Self>,
///         _cx: &mut Context<'_>,
///         buf: &[u8],
///     ) -> Poll<io::Result<usize>> {
///         self.0 += buf.len();
///         Poll::Ready(Ok(buf.len()))
///     }
///
///     fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
/// }
/// # rondel::run(async {
/// let mut counter = Counter(0);
/// counter.write_all(b"hello").await?;
/// assert_eq!(counter.0, 5);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub trait AsyncWrite {
    /// Takes some bytes from the front of `buf`; the count says how many.
    ///
    /// - `Ready(Ok(n))`: `n <= buf.len()` bytes were taken. Zero from a non-empty `buf` means that
    ///   the other side takes no more.
    /// - `Pending`: nothing was taken; the waker of `cx` is woken when it is worth trying again.
    ///   Only the waker of the last call is kept.
    /// - `Ready(Err(_))`: nothing was taken.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>>;

    /// Pushes out all bytes that were taken and are still held here. `Pending` as in
    /// [`poll_write`](Self::poll_write).
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the stream: flushes, then tells the other side that nothing more will come.
    ///
    /// On a socket this closes the writing direction only; reading goes on. Writing after it is an
    /// error.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Like [`poll_write`](Self::poll_write), taking bytes from several buffers in order.
    ///
    /// Unless overridden, only the first buffer that is not empty is tried.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    /// Does [`poll_write_vectored`](Self::poll_write_vectored) take more than the first buffer?
    /// If not, callers had better copy small pieces together.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

macro_rules! write_through_deref {
    ($($pointer:ty),*) => {$(
        impl<T: AsyncWrite + Unpin + ?Sized> AsyncWrite for $pointer {
            #[inline]
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut **self).poll_write(cx, buf)
            }

            #[inline]
            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut **self).poll_flush(cx)
            }

            #[inline]
            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut **self).poll_shutdown(cx)
            }

            #[inline]
            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut **self).poll_write_vectored(cx, bufs)
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                (**self).is_write_vectored()
            }
        }
    )*};
}

write_through_deref!(Box<T>, &mut T);

impl<P> AsyncWrite for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncWrite,
{
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_deref_mut().poll_write(cx, buf)
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_flush(cx)
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_shutdown(cx)
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.as_deref_mut().poll_write_vectored(cx, bufs)
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        (**self).is_write_vectored()
    }
}

/// Memory takes bytes as the standard library does it, and is always ready.
macro_rules! write_to_memory {
    ($($memory:ty),*) => {$(
        impl AsyncWrite for $memory {
            fn poll_write(
                self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(self.get_mut().write(buf))
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(self.get_mut().write_vectored(bufs))
            }

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    )*};
}

write_to_memory!(
    Vec<u8>,
    io::Cursor<&mut [u8]>,
    io::Cursor<&mut Vec<u8>>,
    io::Cursor<Vec<u8>>,
    io::Cursor<Box<[u8]>>
);

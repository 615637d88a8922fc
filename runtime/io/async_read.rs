//! Floor 5. `AsyncRead`: something that bytes can be read from, now or later.
//!
//! One method. It never blocks: either it appends what is there to the caller's buffer, or it keeps
//! the waker and says `Pending`. Everything else that has to do with reading is built on it in
//! `read_ext.rs`, so a new kind of stream needs this one method only.
//!
//! Real world: tokio's trait has the same shape; futures-io's takes `&mut [u8]` and so wants zeroed
//! memory; asyncio turns it round and lets the loop push bytes into a `Protocol`.

use super::ReadBuf;
use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Reads bytes without blocking.
///
/// Programs rarely call it; they use the methods of [`AsyncReadExt`](super::AsyncReadExt).
///
/// Twin of `tokio::io::AsyncRead`.
///
/// ```
/// use rondel::io::{AsyncRead, AsyncReadExt, ReadBuf};
/// use std::io;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// /// A countdown: 3, 2, 1, and the end.
/// struct Countdown(u8);
///
/// impl AsyncRead for Countdown {
///     fn poll_read(
///         mut self: Pin<&mut Self>,
///         _cx: &mut Context<'_>,
///         buf: &mut ReadBuf<'_>,
///     ) -> Poll<io::Result<()>> {
///         while self.0 > 0 && buf.remaining() > 0 {
///             buf.put_slice(&[self.0]);
///             self.0 -= 1;
///         }
///         Poll::Ready(Ok(()))
///     }
/// }
/// # rondel::run(async {
/// let mut all = Vec::new();
/// Countdown(3).read_to_end(&mut all).await?;
/// assert_eq!(all, [3, 2, 1]);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub trait AsyncRead {
    /// Reads some bytes into the unfilled part of `buf`.
    ///
    /// - `Ready(Ok(()))`: what came was appended to `buf`. Nothing appended although there was room
    ///   means end of file.
    /// - `Pending`: nothing was read; the waker of `cx` is woken when it is worth trying again.
    ///   Only the waker of the last call is kept.
    /// - `Ready(Err(_))`: nothing was read.
    ///
    /// **Cancel-safe:** yes. A reader may not take bytes from its source and then answer `Pending`.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;
}

macro_rules! read_through_deref {
    ($($pointer:ty),*) => {$(
        impl<T: AsyncRead + Unpin + ?Sized> AsyncRead for $pointer {
            #[inline]
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut **self).poll_read(cx, buf)
            }
        }
    )*};
}

read_through_deref!(Box<T>, &mut T);

impl<P> AsyncRead for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncRead,
{
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_read(cx, buf)
    }
}

/// Reading moves the slice's start forward; an empty slice is at its end.
impl AsyncRead for &[u8] {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (now, later) = self.split_at(self.len().min(buf.remaining()));
        buf.put_slice(now);
        *self = later;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncRead for io::Cursor<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes: &[u8] = self.get_ref().as_ref();
        // A position behind the end is allowed, and reads as end of file.
        let start = bytes.len().min(usize::try_from(self.position()).unwrap_or(usize::MAX));
        let count = (bytes.len() - start).min(buf.remaining());
        buf.put_slice(&bytes[start..start + count]);
        let position = self.position() + count as u64;
        self.set_position(position);
        Poll::Ready(Ok(()))
    }
}

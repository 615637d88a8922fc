//! Floor 5. `AsyncBufRead`: a reader that lets the caller look before it takes.
//!
//! To find the end of a line one must see bytes without owning them. So reading is split in two:
//! show what is buffered (and fetch some if there is nothing), then say how much of it was used up.
//!
//! Real world: tokio's and futures-io's traits are the same; asyncio's `StreamReader` has the
//! buffer inside and offers `readline` and `readuntil` only.

use super::AsyncRead;
use std::io::{self, BufRead};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Reads through a buffer that can be looked into.
///
/// Programs rarely call it; they use the methods of [`AsyncBufReadExt`](super::AsyncBufReadExt).
///
/// Twin of `tokio::io::AsyncBufRead`.
///
/// ```
/// use rondel::io::AsyncBufRead;
/// use std::future::poll_fn;
/// use std::pin::Pin;
/// # rondel::run(async {
/// let mut bytes = &b"hello"[..];
/// let shown = poll_fn(|cx| Pin::new(&mut bytes).poll_fill_buf(cx).map_ok(<[u8]>::to_vec)).await?;
/// assert_eq!(shown, b"hello");
/// Pin::new(&mut bytes).consume(2);
/// assert_eq!(bytes, b"llo");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub trait AsyncBufRead: AsyncRead {
    /// Shows the bytes that are buffered, fetching some first if there are none. An empty slice
    /// means end of file. `Pending` and errors as in [`AsyncRead::poll_read`].
    ///
    /// **Cancel-safe:** yes. What was shown stays until [`consume`](Self::consume) takes it.
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>>;

    /// Takes the first `amt` of the bytes that were shown last. More than that is the caller's
    /// mistake, and a reader may panic.
    fn consume(self: Pin<&mut Self>, amt: usize);
}

macro_rules! buf_read_through_deref {
    ($($pointer:ty),*) => {$(
        impl<T: AsyncBufRead + Unpin + ?Sized> AsyncBufRead for $pointer {
            #[inline]
            fn poll_fill_buf(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<&[u8]>> {
                Pin::new(&mut **self.get_mut()).poll_fill_buf(cx)
            }

            #[inline]
            fn consume(mut self: Pin<&mut Self>, amt: usize) {
                Pin::new(&mut **self).consume(amt);
            }
        }
    )*};
}

buf_read_through_deref!(Box<T>, &mut T);

impl<P> AsyncBufRead for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncBufRead,
{
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.as_deref_mut().poll_fill_buf(cx)
    }

    #[inline]
    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.as_deref_mut().consume(amt);
    }
}

impl AsyncBufRead for &[u8] {
    fn poll_fill_buf(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(Ok(*self))
    }

    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        *self = &self[amt..];
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncBufRead for io::Cursor<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(self.get_mut().fill_buf())
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        BufRead::consume(self.get_mut(), amt);
    }
}

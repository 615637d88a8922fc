//! Floor 5. `AsyncSeek`: a stream with a position that can be moved.
//!
//! Two steps, as moving may mean waiting for a write that is still under way: order the move, then
//! ask until it is done. Programs call `seek(…).await`, which is both.
//!
//! Real world: tokio's trait has the same shape; futures-io's has one step, `poll_seek`.

use std::io::{self, SeekFrom};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Moves the position of a stream without blocking.
///
/// Programs rarely call it; they use the methods of [`AsyncSeekExt`].
///
/// Twin of `tokio::io::AsyncSeek`.
pub trait AsyncSeek {
    /// Orders the move. To be called when nothing else is under way, so after a
    /// [`poll_complete`](Self::poll_complete) that was ready; else it may fail.
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()>;

    /// Waits for the move, and says the new position from the start. Without an order before, the
    /// number means nothing.
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>>;
}

macro_rules! seek_through_deref {
    ($($pointer:ty),*) => {$(
        impl<T: AsyncSeek + Unpin + ?Sized> AsyncSeek for $pointer {
            fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
                Pin::new(&mut **self).start_seek(position)
            }

            fn poll_complete(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<u64>> {
                Pin::new(&mut **self).poll_complete(cx)
            }
        }
    )*};
}

seek_through_deref!(Box<T>, &mut T);

impl<P> AsyncSeek for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncSeek,
{
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.as_deref_mut().start_seek(position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.as_deref_mut().poll_complete(cx)
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncSeek for io::Cursor<T> {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        io::Seek::seek(self.as_mut().get_mut(), position).map(drop)
    }

    fn poll_complete(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position()))
    }
}

/// The future of [`AsyncSeekExt::seek`] and its kin.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Seek<'a, S: ?Sized> {
    stream: &'a mut S,
    /// `None`: it is ordered.
    position: Option<SeekFrom>,
}

impl<S: AsyncSeek + Unpin + ?Sized> Future for Seek<'_, S> {
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let me = self.get_mut();
        if let Some(position) = me.position {
            ready!(Pin::new(&mut *me.stream).poll_complete(cx))?;
            Pin::new(&mut *me.stream).start_seek(position)?;
            me.position = None;
        }
        Pin::new(&mut *me.stream).poll_complete(cx)
    }
}

/// The methods of every [`AsyncSeek`].
///
/// Twin of `tokio::io::AsyncSeekExt` and of Python's `seek` and `tell`.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
/// # rondel::run(async {
/// let mut bytes = std::io::Cursor::new(b"hello");
/// assert_eq!(bytes.seek(SeekFrom::End(-2)).await?, 3);
/// assert_eq!(bytes.read_u8().await?, b'l');
/// assert_eq!(bytes.stream_position().await?, 4);
/// bytes.rewind().await?;
/// assert_eq!(bytes.read_u8().await?, b'h');
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves the position, and says it from the start. Behind the end is allowed; before the start
    /// is an error.
    ///
    /// Twin of tokio's `seek`.
    ///
    /// **Cancel-safe:** no. **The position may have moved or not.** Seek again.
    fn seek(&mut self, pos: SeekFrom) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        Seek { stream: self, position: Some(pos) }
    }

    /// Moves to the start.
    ///
    /// Twin of tokio's `rewind`.
    ///
    /// **Cancel-safe:** no. **The position may have moved or not.**
    fn rewind(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Start(0))
    }

    /// Says the position.
    ///
    /// Twin of tokio's `stream_position`.
    ///
    /// **Cancel-safe:** yes. It moves nothing.
    fn stream_position(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}

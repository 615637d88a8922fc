//! Floor 5. What one does with a writer: `write`, `write_all`, `flush`, `shutdown`, numbers.
//!
//! As with reading, dropping one of these futures half way is safe exactly if somebody outside of
//! it can tell how much was taken: `write` takes once or not at all, `write_all_buf` moves your
//! buffer's own position; `write_all` and the numbers keep the position to themselves, and so it is
//! lost.
//!
//! Real world: tokio's methods and their fine print are the same.

use super::{AsyncWrite, io_future};
use bytes::Buf;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Pieces handed over in one vectored write. Linux takes up to 1024; more than a few dozen save
/// nothing.
const PIECES_MAX: usize = 64;

io_future! {
    /// The future of [`AsyncWriteExt::write`].
    Write<'a, W: AsyncWrite> { writer: &'a mut W, buf: &'a [u8] } -> usize,
    |me, cx| {
        Pin::new(&mut *me.writer).poll_write(cx, me.buf)
    }
}

/// The future of [`AsyncWriteExt::write_vectored`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteVectored<'a, 'b, W: ?Sized> {
    writer: &'a mut W,
    bufs: &'a [IoSlice<'b>],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteVectored<'_, '_, W> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        Pin::new(&mut *me.writer).poll_write_vectored(cx, me.bufs)
    }
}

io_future! {
    /// The future of [`AsyncWriteExt::write_buf`].
    WriteBuf<'a, W: AsyncWrite, B: Buf> { writer: &'a mut W, buf: &'a mut B } -> usize,
    |me, cx| {
        poll_write_from(Pin::new(&mut *me.writer), cx, me.buf)
    }
}

io_future! {
    /// The future of [`AsyncWriteExt::write_all_buf`].
    WriteAllBuf<'a, W: AsyncWrite, B: Buf> { writer: &'a mut W, buf: &'a mut B } -> (),
    |me, cx| {
        poll_write_all(Pin::new(&mut *me.writer), cx, me.buf)
    }
}

io_future! {
    /// The future of [`AsyncWriteExt::write_all`].
    WriteAll<'a, W: AsyncWrite> { writer: &'a mut W, rest: &'a [u8] } -> (),
    |me, cx| {
        poll_write_all(Pin::new(&mut *me.writer), cx, &mut me.rest)
    }
}

io_future! {
    /// The future of [`AsyncWriteExt::flush`].
    Flush<'a, W: AsyncWrite> { writer: &'a mut W } -> (),
    |me, cx| {
        Pin::new(&mut *me.writer).poll_flush(cx)
    }
}

io_future! {
    /// The future of [`AsyncWriteExt::shutdown`].
    Shutdown<'a, W: AsyncWrite> { writer: &'a mut W } -> (),
    |me, cx| {
        Pin::new(&mut *me.writer).poll_shutdown(cx)
    }
}

/// The future of `AsyncWriteExt::write_u16` and its kin: `N` bytes, all or an error.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteNumber<'a, W: ?Sized, const N: usize> {
    writer: &'a mut W,
    bytes: [u8; N],
    taken: usize,
}

impl<W: AsyncWrite + Unpin + ?Sized, const N: usize> Future for WriteNumber<'_, W, N> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let mut rest = &me.bytes[me.taken..];
        let result = poll_write_all(Pin::new(&mut *me.writer), cx, &mut rest);
        me.taken = N - rest.len();
        result
    }
}

/// Writes once from the front of `buf` and moves its position on by what was taken.
fn poll_write_from<W: AsyncWrite + ?Sized, B: Buf + ?Sized>(
    writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    buf: &mut B,
) -> Poll<io::Result<usize>> {
    if !buf.has_remaining() {
        return Poll::Ready(Ok(0));
    }
    let is_one_piece = buf.chunk().len() == buf.remaining();
    let count = if writer.is_write_vectored() && !is_one_piece {
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let used = buf.chunks_vectored(&mut pieces);
        ready!(writer.poll_write_vectored(cx, &pieces[..used]))?
    } else {
        ready!(writer.poll_write(cx, buf.chunk()))?
    };
    buf.advance(count);
    Poll::Ready(Ok(count))
}

/// Writes until `buf` is used up. A signal in between is no error.
fn poll_write_all<W: AsyncWrite + ?Sized, B: Buf + ?Sized>(
    mut writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    buf: &mut B,
) -> Poll<io::Result<()>> {
    while buf.has_remaining() {
        match ready!(poll_write_from(writer.as_mut(), cx, buf)) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

macro_rules! write_number_methods {
    ($($name:ident: $type:ident, $encode:ident, $order:literal;)*) => {$(
        #[doc = concat!("Writes one `", stringify!($type), "`, ", $order, ".")]
        ///
        /// Fails with [`WriteZero`](io::ErrorKind::WriteZero) if the writer takes no more.
        ///
        #[doc = concat!("Twin of tokio's `", stringify!($name), "`; Python: `struct.pack`.")]
        ///
        /// **Cancel-safe:** no. **A part of the number may have been written, and one cannot know
        /// how much.**
        fn $name(&mut self, number: $type) -> WriteNumber<'_, Self, { size_of::<$type>() }>
        where
            Self: Unpin,
        {
            WriteNumber { writer: self, bytes: number.$encode(), taken: 0 }
        }
    )*};
}

/// The methods of every [`AsyncWrite`].
///
/// Twin of `tokio::io::AsyncWriteExt` and of asyncio's `StreamWriter`, whose `write` never waits
/// and whose `drain` is our `write_all(…).await`.
///
/// ```
/// use rondel::io::AsyncWriteExt;
/// # rondel::run(async {
/// let mut out = Vec::new();
/// out.write_u16(5).await?;
/// out.write_all(b"hello").await?;
/// out.flush().await?;
/// assert_eq!(out, b"\x00\x05hello");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes what the writer takes now, as soon as it takes something, from the front of `buf`.
    ///
    /// - Returns the number of bytes taken. Zero from a non-empty `buf` means that the writer takes
    ///   no more.
    /// - Errors are the writer's own; nothing was taken then.
    ///
    /// Twin of tokio's `write`.
    ///
    /// **Cancel-safe:** yes. Dropped before it is ready, it has written nothing.
    /// **Cost:** one write call; no allocation.
    fn write<'a>(&'a mut self, buf: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write { writer: self, buf }
    }

    /// Like [`write`](Self::write), from several buffers in order, in one call if the writer can.
    ///
    /// Twin of tokio's `write_vectored` and Python's `writelines`.
    ///
    /// **Cancel-safe:** yes. Dropped before it is ready, it has written nothing.
    ///
    /// ```
    /// use rondel::io::AsyncWriteExt;
    /// use std::io::IoSlice;
    /// # rondel::run(async {
    /// let mut out = Vec::new();
    /// out.write_vectored(&[IoSlice::new(b"head "), IoSlice::new(b"body")]).await?;
    /// assert_eq!(out, b"head body");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored { writer: self, bufs }
    }

    /// Like [`write`](Self::write), from a [`Buf`], whose position moves on by what was taken.
    ///
    /// Twin of tokio's `write_buf`.
    ///
    /// **Cancel-safe:** yes. Dropped before it is ready, it has written nothing.
    fn write_buf<'a, B>(&'a mut self, buf: &'a mut B) -> WriteBuf<'a, Self, B>
    where
        Self: Unpin,
        B: Buf + ?Sized,
    {
        WriteBuf { writer: self, buf }
    }

    /// Writes all of a [`Buf`], whose position moves on by what was taken.
    ///
    /// Fails with [`WriteZero`](io::ErrorKind::WriteZero) if the writer takes no more.
    ///
    /// Twin of tokio's `write_all_buf`.
    ///
    /// **Cancel-safe:** yes, if you keep `buf`: its position says what is still to be written, and
    /// a second call goes on from there.
    ///
    /// ```
    /// use bytes::{Buf, Bytes};
    /// use rondel::io::AsyncWriteExt;
    /// # rondel::run(async {
    /// let (mut out, mut two) = (Vec::new(), Bytes::from("head ").chain(Bytes::from("body")));
    /// out.write_all_buf(&mut two).await?;
    /// assert_eq!(out, b"head body");
    /// assert!(!two.has_remaining());
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn write_all_buf<'a, B>(&'a mut self, buf: &'a mut B) -> WriteAllBuf<'a, Self, B>
    where
        Self: Unpin,
        B: Buf + ?Sized,
    {
        WriteAllBuf { writer: self, buf }
    }

    /// Writes all of `buf`.
    ///
    /// Fails with [`WriteZero`](io::ErrorKind::WriteZero) if the writer takes no more. After any
    /// error a part of `buf` may have been written.
    ///
    /// Twin of tokio's `write_all`; asyncio: `writer.write(buf)` and `await writer.drain()`.
    ///
    /// **Cancel-safe:** no. **A part of `buf` may have been written, and one cannot know how
    /// much.** Use [`write_all_buf`](Self::write_all_buf) instead.
    fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll { writer: self, rest: buf }
    }

    write_number_methods! {
        write_u8: u8, to_be_bytes, "a single byte";
        write_i8: i8, to_be_bytes, "a single byte";
        write_u16: u16, to_be_bytes, "most significant byte first";
        write_i16: i16, to_be_bytes, "most significant byte first";
        write_u32: u32, to_be_bytes, "most significant byte first";
        write_i32: i32, to_be_bytes, "most significant byte first";
        write_u64: u64, to_be_bytes, "most significant byte first";
        write_i64: i64, to_be_bytes, "most significant byte first";
        write_u128: u128, to_be_bytes, "most significant byte first";
        write_i128: i128, to_be_bytes, "most significant byte first";
        write_f32: f32, to_be_bytes, "most significant byte first";
        write_f64: f64, to_be_bytes, "most significant byte first";
        write_u16_le: u16, to_le_bytes, "least significant byte first";
        write_i16_le: i16, to_le_bytes, "least significant byte first";
        write_u32_le: u32, to_le_bytes, "least significant byte first";
        write_i32_le: i32, to_le_bytes, "least significant byte first";
        write_u64_le: u64, to_le_bytes, "least significant byte first";
        write_i64_le: i64, to_le_bytes, "least significant byte first";
        write_u128_le: u128, to_le_bytes, "least significant byte first";
        write_i128_le: i128, to_le_bytes, "least significant byte first";
        write_f32_le: f32, to_le_bytes, "least significant byte first";
        write_f64_le: f64, to_le_bytes, "least significant byte first";
    }

    /// Pushes out what the writer still holds. A socket holds nothing; a
    /// [`BufWriter`](super::BufWriter) does.
    ///
    /// Twin of tokio's `flush` and asyncio's `drain`.
    ///
    /// **Cancel-safe:** yes. What is not out yet stays with the writer; flush again.
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush { writer: self }
    }

    /// Flushes, then tells the other side that nothing more will come. Reading goes on.
    ///
    /// Twin of tokio's `shutdown` and asyncio's `write_eof`.
    ///
    /// **Cancel-safe:** yes. Call it again to finish.
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown { writer: self }
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}

//! Floor 5. What one does with a reader: `read`, `read_exact`, `read_to_end`, numbers, `take`,
//! `chain`.
//!
//! Each method makes a small future that borrows the reader and calls `poll_read` until it has what
//! it wants. Whether such a future may be dropped half way depends on one thing only: where the
//! bytes are that it has taken so far.
//!
//! ```text
//!   method          bytes so far are in     dropped half way
//!   read, read_buf  nowhere: one call       nothing is lost
//!   read_to_end     your Vec                nothing is lost, see its length
//!   read_exact      your slice              lost: you cannot know how many came
//!   read_u32 …      the future              lost
//!   read_to_string  the future              lost, and your String is empty
//! ```
//!
//! Real world: tokio's methods and their fine print are the same; asyncio's `readexactly` keeps the
//! bytes in the stream's own buffer, and so loses nothing, at the price of that buffer and one more
//! copy.

use super::adapters::{Chain, Take};
use super::buf_read_ext::into_string;
use super::read_buf::poll_read_into;
use super::{AsyncRead, ReadBuf, io_future};
use bytes::BufMut;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The least room `read_to_end` makes in a full `Vec`: a short answer fits, a long one soon doubles
/// it.
const ROOM_MIN: usize = 1024;

/// The most `read_to_end` asks for at first. It doubles when a read fills it, so that a reader
/// which zeroes the room it is given never zeroes much more than it reads.
const LIMIT_START: usize = 8 * 1024;

/// How much is read on the side to learn whether a full `Vec` needs to grow at all.
const PROBE_LEN: usize = 32;

io_future! {
    /// The future of [`AsyncReadExt::read`].
    Read<'a, R: AsyncRead> { reader: &'a mut R, buf: &'a mut [u8] } -> usize,
    |me, cx| {
        let mut buf = ReadBuf::new(me.buf);
        ready!(Pin::new(&mut *me.reader).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

io_future! {
    /// The future of [`AsyncReadExt::read_buf`].
    ReadInto<'a, R: AsyncRead, B: BufMut> { reader: &'a mut R, buf: &'a mut B } -> usize,
    |me, cx| {
        if !me.buf.has_remaining_mut() {
            return Poll::Ready(Ok(0));
        }
        poll_read_into(Pin::new(&mut *me.reader), cx, me.buf, usize::MAX)
    }
}

io_future! {
    /// The future of [`AsyncReadExt::read_exact`].
    ReadExact<'a, R: AsyncRead> { reader: &'a mut R, buf: ReadBuf<'a> } -> usize,
    |me, cx| {
        if ready!(poll_fill(Pin::new(&mut *me.reader), cx, &mut me.buf))? {
            return Poll::Ready(Ok(me.buf.capacity()));
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "early eof")))
    }
}

io_future! {
    /// The future of [`AsyncReadExt::read_to_end`].
    ReadToEnd<'a, R: AsyncRead> { reader: &'a mut R, buf: &'a mut Vec<u8>, came: ToEnd } -> usize,
    |me, cx| {
        me.came.poll(Pin::new(&mut *me.reader), cx, me.buf)
    }
}

io_future! {
    /// The future of [`AsyncReadExt::read_to_string`].
    ReadToString<'a, R: AsyncRead> {
        reader: &'a mut R, text: &'a mut String, bytes: Vec<u8>, start: usize, came: ToEnd
    } -> usize,
    |me, cx| {
        let result = ready!(me.came.poll(Pin::new(&mut *me.reader), cx, &mut me.bytes));
        if result.is_err() {
            me.bytes.truncate(me.start);
        }
        Poll::Ready(into_string(result, me.text, &mut me.bytes, me.start))
    }
}

/// The future of `AsyncReadExt::read_u16` and its kin: `N` bytes, then `decode`.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadNumber<'a, R: ?Sized, const N: usize, T> {
    reader: &'a mut R,
    bytes: [u8; N],
    filled: usize,
    decode: fn([u8; N]) -> T,
}

impl<R, const N: usize, T> Future for ReadNumber<'_, R, N, T>
where
    R: AsyncRead + Unpin + ?Sized,
{
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let me = self.get_mut();
        let mut buf = ReadBuf::new(&mut me.bytes);
        buf.set_filled(me.filled);
        let full = poll_fill(Pin::new(&mut *me.reader), cx, &mut buf);
        me.filled = buf.filled().len();
        if ready!(full)? {
            return Poll::Ready(Ok((me.decode)(me.bytes)));
        }
        Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
    }
}

/// Reads until `buf` is full; false if the reader ended before. A signal in between is no error.
fn poll_fill<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<bool>> {
    while buf.remaining() > 0 {
        let before = buf.remaining();
        match ready!(reader.as_mut().poll_read(cx, buf)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        }
        if buf.remaining() == before {
            return Poll::Ready(Ok(false));
        }
    }
    Poll::Ready(Ok(true))
}

/// How far `read_to_end` has come.
#[derive(Debug)]
struct ToEnd {
    count: usize,
    limit: usize,
}

impl ToEnd {
    fn new() -> Self {
        Self { count: 0, limit: LIMIT_START }
    }

    fn poll<R: AsyncRead + ?Sized>(
        &mut self,
        mut reader: Pin<&mut R>,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match ready!(self.poll_once(reader.as_mut(), cx, buf)) {
                Ok(0) => return Poll::Ready(Ok(self.count)),
                Ok(count) => self.count += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_once<R: AsyncRead + ?Sized>(
        &mut self,
        reader: Pin<&mut R>,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        // Who made the `Vec` as big as the answer should not pay for doubling it at the very end.
        if buf.len() == buf.capacity() && !buf.is_empty() {
            let mut probe = [0; PROBE_LEN];
            let mut probe = ReadBuf::new(&mut probe);
            ready!(reader.poll_read(cx, &mut probe))?;
            buf.extend_from_slice(probe.filled());
            return Poll::Ready(Ok(probe.filled().len()));
        }
        if buf.len() == buf.capacity() {
            buf.reserve(ROOM_MIN);
        }
        let count = ready!(poll_read_into(reader, cx, buf, self.limit))?;
        if count == self.limit {
            self.limit = self.limit.saturating_mul(2);
        }
        Poll::Ready(Ok(count))
    }
}

macro_rules! read_number_methods {
    ($($name:ident: $type:ident, $decode:ident, $order:literal;)*) => {$(
        #[doc = concat!("Reads one `", stringify!($type), "`, ", $order, ".")]
        ///
        /// Fails with [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the reader ends before it
        /// is whole.
        ///
        #[doc = concat!("Twin of tokio's `", stringify!($name), "`; Python: `struct.unpack`.")]
        ///
        /// **Cancel-safe:** no. **The bytes of the number that came already are lost.**
        fn $name(&mut self) -> ReadNumber<'_, Self, { size_of::<$type>() }, $type>
        where
            Self: Unpin,
        {
            ReadNumber { reader: self, bytes: [0; _], filled: 0, decode: $type::$decode }
        }
    )*};
}

/// The methods of every [`AsyncRead`].
///
/// Twin of `tokio::io::AsyncReadExt` and of asyncio's `StreamReader`.
///
/// ```
/// use rondel::io::AsyncReadExt;
/// # rondel::run(async {
/// let mut reader: &[u8] = b"\x00\x05helloand the rest";
/// let mut word = vec![0; reader.read_u16().await?.into()];
/// reader.read_exact(&mut word).await?;
/// assert_eq!(word, b"hello");
///
/// let mut rest = String::new();
/// assert_eq!(reader.read_to_string(&mut rest).await?, 12);
/// assert_eq!(rest, "and the rest");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub trait AsyncReadExt: AsyncRead {
    /// A reader of what `self` has, and then of what `next` has.
    ///
    /// Twin of tokio's `chain` and Python's `itertools.chain`.
    ///
    /// ```
    /// use rondel::io::AsyncReadExt;
    /// # rondel::run(async {
    /// let mut both = b"first, ".chain(&b"second"[..]);
    /// let mut text = String::new();
    /// both.read_to_string(&mut text).await?;
    /// assert_eq!(text, "first, second");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn chain<R: AsyncRead>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
    {
        Chain::new(self, next)
    }

    /// Reads what there is, as soon as there is something, but not more than `buf` holds.
    ///
    /// - Returns the number of bytes read. Zero means end of file, or that `buf` is empty.
    /// - Errors are the reader's own; nothing was read then.
    ///
    /// Twin of tokio's `read` and asyncio's `StreamReader.read(n)`.
    ///
    /// **Cancel-safe:** yes. Dropped before it is ready, it has read nothing.
    /// **Cost:** one read call; no allocation.
    ///
    /// ```
    /// use rondel::io::AsyncReadExt;
    /// # rondel::run(async {
    /// let mut buf = [0; 4];
    /// let count = (&b"hello"[..]).read(&mut buf).await?;
    /// assert_eq!(&buf[..count], b"hell");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read { reader: self, buf }
    }

    /// Like [`read`](Self::read), into the free room of a `Vec<u8>`, a `BytesMut` or another
    /// [`BufMut`], and counts the bytes as filled there.
    ///
    /// Returns zero also when `buf` can take no more. A `Vec` always can: it grows.
    ///
    /// Twin of tokio's `read_buf`.
    ///
    /// **Cancel-safe:** yes. Dropped before it is ready, it has read nothing.
    /// **Cost:** one read call straight into the room, which need not be zeroed.
    ///
    /// ```
    /// use rondel::io::AsyncReadExt;
    /// # rondel::run(async {
    /// let mut buf = Vec::with_capacity(16);
    /// (&b"hello"[..]).read_buf(&mut buf).await?;
    /// assert_eq!(buf, b"hello");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn read_buf<'a, B>(&'a mut self, buf: &'a mut B) -> ReadInto<'a, Self, B>
    where
        Self: Unpin,
        B: BufMut + ?Sized,
    {
        ReadInto { reader: self, buf }
    }

    /// Fills `buf` to its end.
    ///
    /// - Returns the length of `buf`.
    /// - Fails with [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) ("early eof") if the reader
    ///   ends before. What came is in `buf` then, but how much is not told.
    ///
    /// Twin of tokio's `read_exact` and asyncio's `readexactly`.
    ///
    /// **Cancel-safe:** no. **What was read already is in `buf`, but nobody knows how much it is:
    /// those bytes are as good as lost.** Use [`read_buf`](Self::read_buf) in a loop instead.
    ///
    /// ```
    /// use rondel::io::AsyncReadExt;
    /// # rondel::run(async {
    /// let mut buf = [0; 8];
    /// let error = (&b"hello"[..]).read_exact(&mut buf).await.unwrap_err();
    /// assert_eq!(error.to_string(), "early eof");
    /// # });
    /// ```
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact { reader: self, buf: ReadBuf::new(buf) }
    }

    read_number_methods! {
        read_u8: u8, from_be_bytes, "a single byte";
        read_i8: i8, from_be_bytes, "a single byte";
        read_u16: u16, from_be_bytes, "most significant byte first";
        read_i16: i16, from_be_bytes, "most significant byte first";
        read_u32: u32, from_be_bytes, "most significant byte first";
        read_i32: i32, from_be_bytes, "most significant byte first";
        read_u64: u64, from_be_bytes, "most significant byte first";
        read_i64: i64, from_be_bytes, "most significant byte first";
        read_u128: u128, from_be_bytes, "most significant byte first";
        read_i128: i128, from_be_bytes, "most significant byte first";
        read_f32: f32, from_be_bytes, "most significant byte first";
        read_f64: f64, from_be_bytes, "most significant byte first";
        read_u16_le: u16, from_le_bytes, "least significant byte first";
        read_i16_le: i16, from_le_bytes, "least significant byte first";
        read_u32_le: u32, from_le_bytes, "least significant byte first";
        read_i32_le: i32, from_le_bytes, "least significant byte first";
        read_u64_le: u64, from_le_bytes, "least significant byte first";
        read_i64_le: i64, from_le_bytes, "least significant byte first";
        read_u128_le: u128, from_le_bytes, "least significant byte first";
        read_i128_le: i128, from_le_bytes, "least significant byte first";
        read_f32_le: f32, from_le_bytes, "least significant byte first";
        read_f64_le: f64, from_le_bytes, "least significant byte first";
    }

    /// Appends all that is left to `buf`, until end of file.
    ///
    /// Returns the number of bytes appended. After an error, what came before it is in `buf`.
    ///
    /// Twin of tokio's `read_to_end` and asyncio's `StreamReader.read()`.
    ///
    /// **Cancel-safe:** yes, in that nothing is lost: what came is in `buf`, and its length says
    /// how much. A second call goes on from there.
    /// **Cost:** `buf` grows by doubling, without being zeroed. There is no limit: put
    /// [`take`](Self::take) in front of a stream that you do not trust.
    ///
    /// ```
    /// use rondel::io::AsyncReadExt;
    /// # rondel::run(async {
    /// let mut all = b"> ".to_vec();
    /// assert_eq!((&b"hello"[..]).read_to_end(&mut all).await?, 5);
    /// assert_eq!(all, b"> hello");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd { reader: self, buf, came: ToEnd::new() }
    }

    /// Appends all that is left to `buf`, until end of file, as text.
    ///
    /// - Returns the number of bytes appended.
    /// - Fails with [`InvalidData`](io::ErrorKind::InvalidData) if it is not UTF-8. After any error
    ///   `buf` is as it was, and **what was read is lost.**
    ///
    /// Twin of tokio's `read_to_string`.
    ///
    /// **Cancel-safe:** no. **All that was read is lost, and `buf` is left empty: its old text is
    /// lost too.** [`read_to_end`](Self::read_to_end) loses nothing.
    fn read_to_string<'a>(&'a mut self, buf: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        let bytes = std::mem::take(buf).into_bytes();
        let start = bytes.len();
        ReadToString { reader: self, text: buf, bytes, start, came: ToEnd::new() }
    }

    /// A reader that ends after `limit` bytes, if `self` does not end before.
    ///
    /// Twin of tokio's `take`.
    ///
    /// ```
    /// use rondel::io::AsyncReadExt;
    /// # rondel::run(async {
    /// let mut text = String::new();
    /// (&b"hello world"[..]).take(5).read_to_string(&mut text).await?;
    /// assert_eq!(text, "hello");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

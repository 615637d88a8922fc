//! Floor 5. Pieces that end with a mark: `read_until`, `read_line`, `lines`, `split`.
//!
//! All four are one loop: look at what is buffered, take it up to the mark, and if the mark is not
//! there, take all and look again. They differ in who owns the piece while it grows, and so in what
//! is lost when the caller gives up half way:
//!
//! ```text
//!   method      the growing piece is in   dropped half way
//!   read_until  your Vec                  nothing is lost, call again
//!   read_line   the future                lost: half a line need not be UTF-8, a String must
//!   lines       the Lines                 nothing is lost, call again
//!   split       the Split                 nothing is lost, call again
//! ```
//!
//! Real world: tokio's are the same; asyncio's `readline` and `readuntil` keep the piece in the
//! stream, and give up on pieces longer than its limit (64 KiB), which these do not: put a `take`
//! in front.

use super::{AsyncBufRead, io_future};
use pin_project_lite::pin_project;
use std::future::poll_fn;
use std::io::{self, BufRead};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

io_future! {
    /// The future of [`AsyncBufReadExt::read_until`].
    ReadUntil<'a, R: AsyncBufRead> {
        reader: &'a mut R, mark: u8, buf: &'a mut Vec<u8>, start: usize
    } -> usize,
    |me, cx| {
        ready!(poll_until(Pin::new(&mut *me.reader), cx, me.mark, me.buf))?;
        Poll::Ready(Ok(me.buf.len() - me.start))
    }
}

io_future! {
    /// The future of [`AsyncBufReadExt::read_line`].
    ReadLine<'a, R: AsyncBufRead> {
        reader: &'a mut R, line: &'a mut String, bytes: Vec<u8>, start: usize
    } -> usize,
    |me, cx| {
        let result = ready!(poll_until(Pin::new(&mut *me.reader), cx, b'\n', &mut me.bytes));
        let result = result.map(|()| me.bytes.len() - me.start);
        Poll::Ready(into_string(result, me.line, &mut me.bytes, me.start))
    }
}

/// The future of [`AsyncBufReadExt::fill_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct FillBuf<'a, R: ?Sized> {
    reader: Option<&'a mut R>,
}

impl<'a, R: AsyncBufRead + Unpin + ?Sized> Future for FillBuf<'a, R> {
    type Output = io::Result<&'a [u8]>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let reader = self.reader.take().expect("FillBuf was polled after it was done");
        match Pin::new(&mut *reader).poll_fill_buf(cx) {
            Poll::Pending => {
                self.reader = Some(reader);
                Poll::Pending
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok([])) => Poll::Ready(Ok(&[])),
            // The borrow checker cannot see that the slice may leave with the reader's borrow on
            // this path only. So ask again: what was shown stays until it is consumed.
            Poll::Ready(Ok(_)) => match Pin::new(reader).poll_fill_buf(cx) {
                Poll::Pending => panic!("poll_fill_buf took back the bytes it had shown"),
                ready => ready,
            },
        }
    }
}

/// Appends to `buf` up to and with `mark`, or to end of file.
fn poll_until<R: AsyncBufRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    mark: u8,
    buf: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    loop {
        let mut shown = match ready!(reader.as_mut().poll_fill_buf(cx)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        // The standard library's search is quick, and in memory it cannot fail.
        let count = BufRead::read_until(&mut shown, mark, buf)?;
        reader.as_mut().consume(count);
        if count == 0 || buf.last() == Some(&mark) {
            return Poll::Ready(Ok(()));
        }
    }
}

/// Ends a read into a `String` whose bytes were taken out as `bytes`, and of which the first
/// `start` were there before. If the rest is no text, it is thrown away; then an error of the
/// reader comes first.
pub(super) fn into_string(
    result: io::Result<usize>,
    text: &mut String,
    bytes: &mut Vec<u8>,
    start: usize,
) -> io::Result<usize> {
    match String::from_utf8(mem::take(bytes)) {
        Ok(whole) => {
            *text = whole;
            result
        }
        Err(error) => {
            let invalid = io::Error::new(io::ErrorKind::InvalidData, error.utf8_error());
            let mut bytes = error.into_bytes();
            bytes.truncate(start);
            *text = String::from_utf8(bytes).expect("it came out of a String");
            result.and(Err(invalid))
        }
    }
}

pin_project! {
    /// The lines of a reader, one at a time; made by [`AsyncBufReadExt::lines`].
    ///
    /// Twin of `tokio::io::Lines`, and of `async for line in reader` in asyncio.
    #[derive(Debug)]
    #[must_use = "lines are read when you ask for them"]
    pub struct Lines<R> {
        #[pin]
        reader: R,
        line: Vec<u8>,
    }
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The next line without its `\n` or `\r\n`, or `None` at end of file.
    ///
    /// Fails with [`InvalidData`](io::ErrorKind::InvalidData) if a line is not UTF-8. **That line
    /// is lost**; the next call gives the one after it.
    ///
    /// **Cancel-safe:** yes. A line that has come in part stays in `self`.
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_line(cx)).await
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The reader. What it has given for a line that is not whole yet stays in `self`.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The reader. **The part of a line that has come already is lost.**
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// [`next_line`](Lines::next_line) for code that polls.
    pub fn poll_next_line(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        let me = self.project();
        ready!(poll_until(me.reader, cx, b'\n', me.line))?;
        if me.line.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut line = mem::take(me.line);
        if line.pop_if(|last| *last == b'\n').is_some() {
            line.pop_if(|last| *last == b'\r');
        }
        let line = String::from_utf8(line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Poll::Ready(Ok(Some(line)))
    }
}

pin_project! {
    /// The pieces of a reader between marks, one at a time; made by [`AsyncBufReadExt::split`].
    ///
    /// Twin of `tokio::io::Split`.
    #[derive(Debug)]
    #[must_use = "pieces are read when you ask for them"]
    pub struct Split<R> {
        #[pin]
        reader: R,
        mark: u8,
        piece: Vec<u8>,
    }
}

impl<R: AsyncBufRead + Unpin> Split<R> {
    /// The next piece without its mark, or `None` at end of file.
    ///
    /// **Cancel-safe:** yes. A piece that has come in part stays in `self`.
    pub async fn next_segment(&mut self) -> io::Result<Option<Vec<u8>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_segment(cx)).await
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// [`next_segment`](Split::next_segment) for code that polls.
    pub fn poll_next_segment(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let me = self.project();
        ready!(poll_until(me.reader, cx, *me.mark, me.piece))?;
        if me.piece.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut piece = mem::take(me.piece);
        piece.pop_if(|last| last == me.mark);
        Poll::Ready(Ok(Some(piece)))
    }
}

/// The methods of every [`AsyncBufRead`].
///
/// Twin of `tokio::io::AsyncBufReadExt` and of asyncio's `StreamReader`.
///
/// ```
/// use rondel::io::{AsyncBufReadExt, BufReader};
/// # rondel::run(async {
/// let mut lines = BufReader::new(&b"one\r\ntwo\nthree"[..]).lines();
/// assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
/// assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
/// assert_eq!(lines.next_line().await?.as_deref(), Some("three"));
/// assert_eq!(lines.next_line().await?, None);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Appends to `buf` up to and with the next `byte`, or to end of file.
    ///
    /// Returns the number of bytes appended; zero means end of file. After an error, what came
    /// before it is in `buf`. There is no limit to the length: see
    /// [`take`](super::AsyncReadExt::take).
    ///
    /// Twin of tokio's `read_until` and asyncio's `readuntil`.
    ///
    /// **Cancel-safe:** yes, if you keep `buf`: what came is there, and a second call goes on from
    /// there, though it counts only what it appends itself.
    ///
    /// ```
    /// use rondel::io::AsyncBufReadExt;
    /// # rondel::run(async {
    /// let (mut reader, mut name) = (&b"key=value"[..], Vec::new());
    /// reader.read_until(b'=', &mut name).await?;
    /// assert_eq!((name.as_slice(), reader), (&b"key="[..], &b"value"[..]));
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn read_until<'a>(&'a mut self, byte: u8, buf: &'a mut Vec<u8>) -> ReadUntil<'a, Self>
    where
        Self: Unpin,
    {
        let start = buf.len();
        ReadUntil { reader: self, mark: byte, buf, start }
    }

    /// Appends the next line to `buf`, with its `\n`, or what is left before end of file.
    ///
    /// - Returns the number of bytes appended; zero means end of file.
    /// - Fails with [`InvalidData`](io::ErrorKind::InvalidData) if the line is not UTF-8; `buf` is
    ///   as it was then, and **the line is lost.** After an error of the reader, what came before
    ///   it is in `buf`, if that is text.
    ///
    /// Twin of tokio's `read_line` and asyncio's `readline`.
    ///
    /// **Cancel-safe:** no. **The part of the line that has come is lost, and `buf` is left empty:
    /// its old text is lost too.** [`lines`](Self::lines) and [`read_until`](Self::read_until) lose
    /// nothing.
    ///
    /// ```
    /// use rondel::io::AsyncBufReadExt;
    /// # rondel::run(async {
    /// let (mut reader, mut line) = (&b"one\ntwo"[..], String::new());
    /// assert_eq!(reader.read_line(&mut line).await?, 4);
    /// assert_eq!(line, "one\n");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        let bytes = mem::take(buf).into_bytes();
        let start = bytes.len();
        ReadLine { reader: self, line: buf, bytes, start }
    }

    /// The pieces between one `byte` and the next, without it.
    ///
    /// Twin of tokio's `split`.
    ///
    /// ```
    /// use rondel::io::{AsyncBufReadExt, BufReader};
    /// # rondel::run(async {
    /// let mut fields = BufReader::new(&b"a,,b"[..]).split(b',');
    /// assert_eq!(fields.next_segment().await?.as_deref(), Some(&b"a"[..]));
    /// assert_eq!(fields.next_segment().await?.as_deref(), Some(&b""[..]));
    /// assert_eq!(fields.next_segment().await?.as_deref(), Some(&b"b"[..]));
    /// assert_eq!(fields.next_segment().await?, None);
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn split(self, byte: u8) -> Split<Self>
    where
        Self: Sized + Unpin,
    {
        Split { reader: self, mark: byte, piece: Vec::new() }
    }

    /// Shows what is buffered, fetching some first if there is nothing. Empty means end of file.
    ///
    /// Follow it with [`consume`](Self::consume); otherwise the next call shows the same again.
    ///
    /// Twin of tokio's `fill_buf`.
    ///
    /// **Cancel-safe:** yes. It takes nothing.
    ///
    /// ```
    /// use rondel::io::AsyncBufReadExt;
    /// # rondel::run(async {
    /// let mut reader = &b"hello"[..];
    /// assert_eq!(reader.fill_buf().await?, b"hello");
    /// reader.consume(2);
    /// assert_eq!(reader.fill_buf().await?, b"llo");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf { reader: Some(self) }
    }

    /// Takes the first `amt` of the bytes that [`fill_buf`](Self::fill_buf) has shown.
    fn consume(&mut self, amt: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(amt);
    }

    /// The lines, one at a time, without their ends.
    ///
    /// Twin of tokio's `lines`.
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines { reader: self, line: Vec::new() }
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}

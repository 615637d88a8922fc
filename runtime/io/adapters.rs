//! Floor 5. Readers made of readers: `take` (a part of one) and `chain` (one after the other).
//!
//! Real world: tokio's are the same, and the standard library's `Read::take` and `Read::chain`.

use super::read_buf::poll_read_into;
use super::{AsyncBufRead, AsyncRead, ReadBuf};
use pin_project_lite::pin_project;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A reader that ends after a number of bytes; made by
    /// [`AsyncReadExt::take`](super::AsyncReadExt::take).
    ///
    /// Twin of `tokio::io::Take`.
    ///
    /// ```
    /// use rondel::io::AsyncReadExt;
    /// # rondel::run(async {
    /// let (mut text, both) = (String::new(), (&b"hello "[..]).chain(&b"world"[..]));
    /// let mut part = both.take(8);
    /// part.read_to_string(&mut text).await?;
    /// assert_eq!((&*text, part.limit()), ("hello wo", 0));
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    #[derive(Debug)]
    pub struct Take<R> {
        #[pin]
        inner: R,
        limit: u64,
    }
}

impl<R> Take<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Self { inner, limit }
    }

    /// Bytes that may still be read. The reader inside may end before.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Allows `limit` more bytes from now on, however many were read before.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// The reader inside.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader inside. What is read from it directly does not count.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader inside, pinned. What is read from it directly does not count.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The reader inside, standing behind what was read.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.project();
        if *me.limit == 0 {
            return Poll::Ready(Ok(()));
        }
        let limit = usize::try_from(*me.limit).unwrap_or(usize::MAX);
        *me.limit -= ready!(poll_read_into(me.inner, cx, buf, limit))? as u64;
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.limit == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let shown = ready!(me.inner.poll_fill_buf(cx))?;
        let allowed = usize::try_from(*me.limit).unwrap_or(usize::MAX);
        Poll::Ready(Ok(&shown[..allowed.min(shown.len())]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        let allowed = usize::try_from(*me.limit).unwrap_or(usize::MAX);
        let amt = amt.min(allowed);
        *me.limit -= amt as u64;
        me.inner.consume(amt);
    }
}

pin_project! {
    /// A reader of one reader and then another; made by
    /// [`AsyncReadExt::chain`](super::AsyncReadExt::chain).
    ///
    /// Twin of `tokio::io::Chain`.
    #[derive(Debug)]
    pub struct Chain<T, U> {
        #[pin]
        first: T,
        #[pin]
        second: U,
        first_is_done: bool,
    }
}

impl<T, U> Chain<T, U> {
    pub(super) fn new(first: T, second: U) -> Self {
        Self { first, second, first_is_done: false }
    }

    /// The two readers.
    pub fn get_ref(&self) -> (&T, &U) {
        (&self.first, &self.second)
    }

    /// The two readers. Reading from them directly may change the order of the bytes.
    pub fn get_mut(&mut self) -> (&mut T, &mut U) {
        (&mut self.first, &mut self.second)
    }

    /// The two readers, pinned. Reading from them directly may change the order of the bytes.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> (Pin<&mut T>, Pin<&mut U>) {
        let me = self.project();
        (me.first, me.second)
    }

    /// The two readers.
    pub fn into_inner(self) -> (T, U) {
        (self.first, self.second)
    }
}

impl<T: AsyncRead, U: AsyncRead> AsyncRead for Chain<T, U> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.project();
        if !*me.first_is_done {
            let room = buf.remaining();
            ready!(me.first.poll_read(cx, buf))?;
            if buf.remaining() < room || room == 0 {
                return Poll::Ready(Ok(()));
            }
            *me.first_is_done = true;
        }
        me.second.poll_read(cx, buf)
    }
}

impl<T: AsyncBufRead, U: AsyncBufRead> AsyncBufRead for Chain<T, U> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if !*me.first_is_done {
            let shown = ready!(me.first.poll_fill_buf(cx))?;
            if !shown.is_empty() {
                return Poll::Ready(Ok(shown));
            }
            *me.first_is_done = true;
        }
        me.second.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        if *me.first_is_done { me.second.consume(amt) } else { me.first.consume(amt) }
    }
}

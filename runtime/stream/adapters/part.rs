//! Floor 5. A part of a stream, or a look ahead: `take`, `skip`, `fuse`, `peekable` and kin.
//!
//! | what         | asks its stream again after the end | holds back  |
//! |--------------|--------------------------------------|-------------|
//! | `Take`       | no: its count is 0 then              | nothing     |
//! | `TakeWhile`  | no                                   | nothing     |
//! | `Skip`, `SkipWhile` | if asked itself               | nothing     |
//! | `Fuse`       | no; and has dropped it               | nothing     |
//! | `Peekable`   | no                                   | one item    |

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

pin_project! {
    /// The stream of [`StreamExt::take`](crate::stream::StreamExt::take).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Take<S> {
        #[pin]
        stream: S,
        left: usize,
    }
}

impl<S> Take<S> {
    pub(in crate::stream) fn new(stream: S, n: usize) -> Self {
        Self { stream, left: n }
    }
}

impl<S: Stream> Stream for Take<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let me = self.project();
        if *me.left == 0 {
            return Poll::Ready(None);
        }
        let item = ready!(me.stream.poll_next(cx));
        *me.left = if item.is_some() { *me.left - 1 } else { 0 };
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.left == 0 {
            return (0, Some(0));
        }
        let (least, most) = self.stream.size_hint();
        (least.min(self.left), Some(most.map_or(self.left, |most| most.min(self.left))))
    }
}

pin_project! {
    /// The stream of [`StreamExt::take_while`](crate::stream::StreamExt::take_while).
    #[must_use = "streams do nothing unless polled"]
    pub struct TakeWhile<S, F> {
        #[pin]
        stream: S,
        f: F,
        ended: bool,
    }
}

impl<S, F> TakeWhile<S, F> {
    pub(in crate::stream) fn new(stream: S, f: F) -> Self {
        Self { stream, f, ended: false }
    }
}

impl<S: Stream, F: FnMut(&S::Item) -> bool> Stream for TakeWhile<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let me = self.project();
        if *me.ended {
            return Poll::Ready(None);
        }
        let item = ready!(me.stream.poll_next(cx)).filter(me.f);
        *me.ended = item.is_none();
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended { (0, Some(0)) } else { (0, self.stream.size_hint().1) }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for TakeWhile<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeWhile").field("stream", &self.stream).finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream of [`StreamExt::skip`](crate::stream::StreamExt::skip).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Skip<S> {
        #[pin]
        stream: S,
        left: usize,
    }
}

impl<S> Skip<S> {
    pub(in crate::stream) fn new(stream: S, n: usize) -> Self {
        Self { stream, left: n }
    }
}

impl<S: Stream> Stream for Skip<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut me = self.project();
        loop {
            let item = ready!(me.stream.as_mut().poll_next(cx));
            if *me.left == 0 || item.is_none() {
                return Poll::Ready(item);
            }
            *me.left -= 1;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.stream.size_hint();
        (least.saturating_sub(self.left), most.map(|most| most.saturating_sub(self.left)))
    }
}

pin_project! {
    /// The stream of [`StreamExt::skip_while`](crate::stream::StreamExt::skip_while).
    #[must_use = "streams do nothing unless polled"]
    pub struct SkipWhile<S, F> {
        #[pin]
        stream: S,
        // `None`: something came that was not to be skipped.
        f: Option<F>,
    }
}

impl<S, F> SkipWhile<S, F> {
    pub(in crate::stream) fn new(stream: S, f: F) -> Self {
        Self { stream, f: Some(f) }
    }
}

impl<S: Stream, F: FnMut(&S::Item) -> bool> Stream for SkipWhile<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut me = self.project();
        loop {
            let item = ready!(me.stream.as_mut().poll_next(cx));
            let (Some(f), Some(some)) = (&mut me.f, &item) else { return Poll::Ready(item) };
            if !f(some) {
                *me.f = None;
                return Poll::Ready(item);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.stream.size_hint();
        (if self.f.is_some() { 0 } else { least }, most)
    }
}

impl<S: fmt::Debug, F> fmt::Debug for SkipWhile<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkipWhile").field("stream", &self.stream).finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream of [`StreamExt::fuse`](crate::stream::StreamExt::fuse).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Fuse<S> {
        // `None`: it has ended, and is dropped.
        #[pin]
        stream: Option<S>,
    }
}

impl<S> Fuse<S> {
    pub(in crate::stream) fn new(stream: S) -> Self {
        Self { stream: Some(stream) }
    }

    pub(in crate::stream) fn has_ended(&self) -> bool {
        self.stream.is_none()
    }
}

impl<S: Stream> Stream for Fuse<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut me = self.project();
        let Some(stream) = me.stream.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let item = ready!(stream.poll_next(cx));
        if item.is_none() {
            me.stream.set(None);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

pin_project! {
    /// The stream of [`StreamExt::peekable`](crate::stream::StreamExt::peekable).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Peekable<S: Stream> {
        #[pin]
        stream: Fuse<S>,
        peeked: Option<S::Item>,
    }
}

impl<S: Stream> Peekable<S> {
    pub(in crate::stream) fn new(stream: S) -> Self {
        Self { stream: Fuse::new(stream), peeked: None }
    }

    /// Waits for the next item, shows it, and leaves it there. `None`: the stream has ended.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    ///
    /// rondel::run(async {
    ///     let mut numbers = stream::iter([1, 2]).peekable();
    ///     assert_eq!(numbers.peek().await, Some(&1));
    ///     assert_eq!(numbers.next().await, Some(1));
    /// });
    /// ```
    pub async fn peek(&mut self) -> Option<&S::Item>
    where
        S: Unpin,
    {
        if self.peeked.is_none() {
            self.peeked = poll_fn(|cx| Pin::new(&mut self.stream).poll_next(cx)).await;
        }
        self.peeked.as_ref()
    }
}

impl<S: Stream> Stream for Peekable<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let me = self.project();
        match me.peeked.take() {
            Some(item) => Poll::Ready(Some(item)),
            None => me.stream.poll_next(cx),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let peeked = usize::from(self.peeked.is_some());
        let (least, most) = self.stream.size_hint();
        (least.saturating_add(peeked), most.and_then(|most| most.checked_add(peeked)))
    }
}

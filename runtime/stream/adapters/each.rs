//! Floor 5. Item by item: `map`, `filter`, `filter_map`, `map_while`, `then`, `enumerate`.
//!
//! Real world: tokio-stream's; futures-rs' `filter` and `filter_map` take closures that return
//! futures.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

macro_rules! with_closure {
    ($($Name:ident),*) => { $(
        impl<S, F> $Name<S, F> {
            pub(in crate::stream) fn new(stream: S, f: F) -> Self {
                Self { stream, f }
            }
        }

        impl<S: fmt::Debug, F> fmt::Debug for $Name<S, F> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut out = out.debug_struct(stringify!($Name));
                out.field("stream", &self.stream).finish_non_exhaustive()
            }
        }
    )* };
}

with_closure!(Map, Filter, FilterMap, MapWhile);

pin_project! {
    /// The stream of [`StreamExt::map`](crate::stream::StreamExt::map).
    ///
    /// ```
    /// use rondel::stream::{self, Iter, StreamExt, adapters::Map};
    ///
    /// struct Doubled {
    ///     numbers: Map<Iter<std::ops::Range<u32>>, fn(u32) -> u32>,
    /// }
    ///
    /// let mut doubled = Doubled { numbers: stream::iter(1..9).map(|n| n * 2) };
    /// rondel::run(async { assert_eq!(doubled.numbers.next().await, Some(2)) });
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct Map<S, F> {
        #[pin]
        stream: S,
        f: F,
    }
}

pin_project! {
    /// The stream of [`StreamExt::filter`](crate::stream::StreamExt::filter).
    #[must_use = "streams do nothing unless polled"]
    pub struct Filter<S, F> {
        #[pin]
        stream: S,
        f: F,
    }
}

pin_project! {
    /// The stream of [`StreamExt::filter_map`](crate::stream::StreamExt::filter_map).
    #[must_use = "streams do nothing unless polled"]
    pub struct FilterMap<S, F> {
        #[pin]
        stream: S,
        f: F,
    }
}

pin_project! {
    /// The stream of [`StreamExt::map_while`](crate::stream::StreamExt::map_while).
    #[must_use = "streams do nothing unless polled"]
    pub struct MapWhile<S, F> {
        #[pin]
        stream: S,
        f: F,
    }
}

impl<S: Stream, T, F: FnMut(S::Item) -> T> Stream for Map<S, F> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let me = self.project();
        me.stream.poll_next(cx).map(|item| item.map(me.f))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S: Stream, F: FnMut(&S::Item) -> bool> Stream for Filter<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut me = self.project();
        loop {
            match ready!(me.stream.as_mut().poll_next(cx)) {
                Some(item) if !(me.f)(&item) => {}
                item => return Poll::Ready(item),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

impl<S: Stream, T, F: FnMut(S::Item) -> Option<T>> Stream for FilterMap<S, F> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut me = self.project();
        loop {
            let Some(item) = ready!(me.stream.as_mut().poll_next(cx)) else {
                return Poll::Ready(None);
            };
            if let Some(item) = (me.f)(item) {
                return Poll::Ready(Some(item));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

impl<S: Stream, T, F: FnMut(S::Item) -> Option<T>> Stream for MapWhile<S, F> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let me = self.project();
        me.stream.poll_next(cx).map(|item| item.and_then(me.f))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}

pin_project! {
    /// The stream of [`StreamExt::then`](crate::stream::StreamExt::then).
    #[must_use = "streams do nothing unless polled"]
    pub struct Then<S, Fut, F> {
        #[pin]
        stream: S,
        #[pin]
        future: Option<Fut>,
        f: F,
    }
}

impl<S, Fut, F> Then<S, Fut, F> {
    pub(in crate::stream) fn new(stream: S, f: F) -> Self {
        Self { stream, future: None, f }
    }
}

impl<S: Stream, Fut: Future, F: FnMut(S::Item) -> Fut> Stream for Then<S, Fut, F> {
    type Item = Fut::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        let mut me = self.project();
        if me.future.is_none() {
            let Some(item) = ready!(me.stream.poll_next(cx)) else { return Poll::Ready(None) };
            me.future.set(Some((me.f)(item)));
        }
        let Some(future) = me.future.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let output = ready!(future.poll(cx));
        me.future.set(None);
        Poll::Ready(Some(output))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let running = usize::from(self.future.is_some());
        let (least, most) = self.stream.size_hint();
        (least.saturating_add(running), most.and_then(|most| most.checked_add(running)))
    }
}

impl<S: fmt::Debug, Fut, F> fmt::Debug for Then<S, Fut, F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Then").field("stream", &self.stream).finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream of [`StreamExt::enumerate`](crate::stream::StreamExt::enumerate).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Enumerate<S> {
        #[pin]
        stream: S,
        next: usize,
    }
}

impl<S> Enumerate<S> {
    pub(in crate::stream) fn new(stream: S) -> Self {
        Self { stream, next: 0 }
    }
}

impl<S: Stream> Stream for Enumerate<S> {
    type Item = (usize, S::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let me = self.project();
        let Some(item) = ready!(me.stream.poll_next(cx)) else { return Poll::Ready(None) };
        let number = *me.next;
        *me.next += 1;
        Poll::Ready(Some((number, item)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

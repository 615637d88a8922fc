//! Floor 5. Two streams as one: `merge`, `chain`, `zip`.
//!
//! ```text
//!   a: 1 . . 2 .     merge  1 x . 2 y     as they come; both ready: in turn
//!   b: . x . . y     chain  1 2 x y       b after a
//!                    zip    (1,x) (2,y)   ends with the shorter one
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::part::Fuse;

fn sum_of_hints(a: (usize, Option<usize>), b: (usize, Option<usize>)) -> (usize, Option<usize>) {
    let most = a.1.zip(b.1).and_then(|(a, b)| a.checked_add(b));
    (a.0.saturating_add(b.0), most)
}

pin_project! {
    /// The stream of [`StreamExt::merge`](crate::stream::StreamExt::merge).
    ///
    /// ```
    /// use rondel::stream::{self, Iter, StreamExt, adapters::Merge};
    ///
    /// type Ints = Iter<std::ops::Range<u32>>;
    /// let both: Merge<Ints, Ints> = stream::iter(0..2).merge(stream::iter(5..6));
    /// rondel::run(async { assert_eq!(both.collect::<Vec<_>>().await, [0, 5, 1]) });
    /// ```
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Merge<A, B> {
        #[pin]
        a: Fuse<A>,
        #[pin]
        b: Fuse<B>,
        // Who is asked first changes each time, so that neither starves.
        b_first: bool,
    }
}

impl<A, B> Merge<A, B> {
    pub(in crate::stream) fn new(a: A, b: B) -> Self {
        Self { a: Fuse::new(a), b: Fuse::new(b), b_first: false }
    }
}

impl<A: Stream, B: Stream<Item = A::Item>> Stream for Merge<A, B> {
    type Item = A::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        let me = self.project();
        let b_first = *me.b_first;
        *me.b_first = !b_first;
        if b_first { poll_both(me.b, me.a, cx) } else { poll_both(me.a, me.b, cx) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        sum_of_hints(self.a.size_hint(), self.b.size_hint())
    }
}

fn poll_both<T>(
    first: Pin<&mut impl Stream<Item = T>>,
    second: Pin<&mut impl Stream<Item = T>>,
    cx: &mut Context<'_>,
) -> Poll<Option<T>> {
    let first = first.poll_next(cx);
    if let Poll::Ready(Some(item)) = first {
        return Poll::Ready(Some(item));
    }
    match second.poll_next(cx) {
        Poll::Ready(None) => first,
        some_or_pending => some_or_pending,
    }
}

pin_project! {
    /// The stream of [`StreamExt::chain`](crate::stream::StreamExt::chain).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Chain<A, B> {
        #[pin]
        a: Fuse<A>,
        #[pin]
        b: B,
    }
}

impl<A, B> Chain<A, B> {
    pub(in crate::stream) fn new(a: A, b: B) -> Self {
        Self { a: Fuse::new(a), b }
    }
}

impl<A: Stream, B: Stream<Item = A::Item>> Stream for Chain<A, B> {
    type Item = A::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        let me = self.project();
        match ready!(me.a.poll_next(cx)) {
            None => me.b.poll_next(cx),
            item => Poll::Ready(item),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        sum_of_hints(self.a.size_hint(), self.b.size_hint())
    }
}

pin_project! {
    /// The stream of [`StreamExt::zip`](crate::stream::StreamExt::zip).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Zip<A: Stream, B: Stream> {
        #[pin]
        a: Fuse<A>,
        #[pin]
        b: Fuse<B>,
        // Who came first waits here for the other.
        from_a: Option<A::Item>,
        from_b: Option<B::Item>,
    }
}

impl<A: Stream, B: Stream> Zip<A, B> {
    pub(in crate::stream) fn new(a: A, b: B) -> Self {
        Self { a: Fuse::new(a), b: Fuse::new(b), from_a: None, from_b: None }
    }
}

impl<A: Stream, B: Stream> Stream for Zip<A, B> {
    type Item = (A::Item, B::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut me = self.project();
        if me.from_a.is_none()
            && let Poll::Ready(item) = me.a.as_mut().poll_next(cx)
        {
            *me.from_a = item;
        }
        if me.from_b.is_none()
            && let Poll::Ready(item) = me.b.as_mut().poll_next(cx)
        {
            *me.from_b = item;
        }
        if let Some(item) = me.from_a.take() {
            match me.from_b.take() {
                Some(other) => return Poll::Ready(Some((item, other))),
                None => *me.from_a = Some(item),
            }
        }
        let a_is_over = me.from_a.is_none() && me.a.has_ended();
        let b_is_over = me.from_b.is_none() && me.b.has_ended();
        if a_is_over || b_is_over { Poll::Ready(None) } else { Poll::Pending }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let waiting = |item: bool, hint: (usize, Option<usize>)| {
            let n = usize::from(item);
            (hint.0.saturating_add(n), hint.1.and_then(|most| most.checked_add(n)))
        };
        let a = waiting(self.from_a.is_some(), self.a.size_hint());
        let b = waiting(self.from_b.is_some(), self.b.size_hint());
        let most = match (a.1, b.1) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        (a.0.min(b.0), most)
    }
}

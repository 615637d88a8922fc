//! Floor 5. Streams that have all they need: `iter`, `once`, `empty`, `pending`, `repeat`.
//!
//! They are always ready (`pending` never), so each item takes one step of the task's budget: a
//! loop over an endless one does not own the loop.
//!
//! Real world: tokio-stream's `iter`, `once`, `empty`, `pending`; futures-rs' `repeat`.

use std::fmt;
use std::future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::budget;

/// A stream of what an iterator gives.
///
/// The twin of `tokio_stream::iter`. In Python: `async for` over a plain iterable, by hand.
///
/// **Cost:** that of the iterator, and a step of the budget an item.
///
/// ```
/// use rondel::stream::{self, StreamExt};
///
/// rondel::run(async {
///     assert_eq!(stream::iter([1, 2, 3]).collect::<Vec<_>>().await, [1, 2, 3]);
/// });
/// ```
pub fn iter<I: IntoIterator>(iterable: I) -> Iter<I::IntoIter> {
    Iter { iter: iterable.into_iter() }
}

/// The stream of [`iter`].
#[derive(Debug, Clone)]
#[must_use = "streams do nothing unless polled"]
pub struct Iter<I> {
    iter: I,
}

// Nothing in it is pinned: the iterator is only called.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        ready!(budget::poll_step(cx)).made_progress();
        Poll::Ready(self.iter.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

/// A stream of one item.
///
/// The twin of `tokio_stream::once`.
///
/// ```
/// use rondel::stream::{self, StreamExt};
///
/// rondel::run(async {
///     let mut one = stream::once("hello");
///     assert_eq!(one.next().await, Some("hello"));
///     assert_eq!(one.next().await, None);
/// });
/// ```
pub fn once<T>(value: T) -> Once<T> {
    Once { value: Some(value) }
}

/// The stream of [`once`].
#[derive(Debug, Clone)]
#[must_use = "streams do nothing unless polled"]
pub struct Once<T> {
    value: Option<T>,
}

impl<T> Unpin for Once<T> {}

impl<T> Stream for Once<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(self.value.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = usize::from(self.value.is_some());
        (len, Some(len))
    }
}

/// A stream that has ended.
///
/// The twin of `tokio_stream::empty`.
///
/// ```
/// use rondel::stream::{self, StreamExt};
///
/// rondel::run(async { assert_eq!(stream::empty::<u8>().next().await, None) });
/// ```
pub const fn empty<T>() -> Empty<T> {
    Empty { items: PhantomData }
}

/// The stream of [`empty`].
#[must_use = "streams do nothing unless polled"]
pub struct Empty<T> {
    items: PhantomData<fn() -> T>,
}

impl<T> Stream for Empty<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(0))
    }
}

impl<T> fmt::Debug for Empty<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Empty")
    }
}

/// A stream that never has an item, and never ends.
///
/// The twin of `tokio_stream::pending`.
///
/// ```
/// use rondel::stream::{self, StreamExt};
/// use rondel::time::{Duration, timeout};
///
/// rondel::run(async {
///     let mut never = stream::pending::<u8>();
///     assert!(timeout(Duration::from_millis(1), never.next()).await.is_err());
/// });
/// ```
pub fn pending<T>() -> Pending<T> {
    Pending { never: future::pending() }
}

/// The stream of [`pending`].
#[must_use = "streams do nothing unless polled"]
pub struct Pending<T> {
    never: future::Pending<T>,
}

impl<T> Unpin for Pending<T> {}

impl<T> Stream for Pending<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Future::poll(Pin::new(&mut self.never), cx).map(Some)
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// A stream of the same item for ever.
///
/// The twin of `futures::stream::repeat`; in Python `itertools.repeat`.
///
/// ```
/// use rondel::stream::{self, StreamExt};
///
/// rondel::run(async {
///     assert_eq!(stream::repeat('a').take(3).collect::<String>().await, "aaa");
/// });
/// ```
pub fn repeat<T: Clone>(value: T) -> Repeat<T> {
    Repeat { value }
}

/// The stream of [`repeat`].
#[derive(Debug, Clone)]
#[must_use = "streams do nothing unless polled"]
pub struct Repeat<T> {
    value: T,
}

impl<T> Unpin for Repeat<T> {}

impl<T: Clone> Stream for Repeat<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(budget::poll_step(cx)).made_progress();
        Poll::Ready(Some(self.value.clone()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// A stream of what `f` returns, called for each item, for ever.
///
/// The twin of `futures::stream::repeat_with`.
///
/// ```
/// use rondel::stream::{self, StreamExt};
///
/// rondel::run(async {
///     let mut last = 0;
///     let numbers = stream::repeat_with(|| { last += 1; last });
///     assert_eq!(numbers.take(3).collect::<Vec<_>>().await, [1, 2, 3]);
/// });
/// ```
pub fn repeat_with<T, F: FnMut() -> T>(f: F) -> RepeatWith<F> {
    RepeatWith { f }
}

/// The stream of [`repeat_with`].
#[derive(Clone)]
#[must_use = "streams do nothing unless polled"]
pub struct RepeatWith<F> {
    f: F,
}

impl<F> Unpin for RepeatWith<F> {}

impl<T, F: FnMut() -> T> Stream for RepeatWith<F> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(budget::poll_step(cx)).made_progress();
        Poll::Ready(Some((self.f)()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl<F> fmt::Debug for RepeatWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RepeatWith")
    }
}

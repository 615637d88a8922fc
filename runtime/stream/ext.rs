//! Floor 5. `StreamExt`: what one does with a stream.
//!
//! The names, the signatures and the semantics are those of tokio-stream's trait; `enumerate`,
//! `zip`, `buffered` and `buffer_unordered`, which that one lacks, are as in futures-rs.
//!
//! Why a trait of our own: in futures-rs' the closures of `filter`, `fold`, `any` and others return
//! futures. That is another signature, so code written for tokio-stream would not move over.
//!
//! Who has both traits in scope must say which `next` is meant. With futures-rs' trait in scope
//! take [`TimedExt`](super::TimedExt) of ours: it has the four methods that the other lacks.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};

use futures_core::Stream;

use super::adapters::{
    BufferUnordered, Buffered, Chain, ChunksTimeout, Enumerate, Filter, FilterMap, Fuse, Map,
    MapWhile, Merge, Peekable, Skip, SkipWhile, Take, TakeWhile, Then, Throttle, Timeout,
    TimeoutRepeating, Zip,
};
use super::collect::FromStream;
use crate::time::{Duration, Interval};

/// What one does with a stream. Every stream has it.
///
/// The twin of `tokio_stream::StreamExt`.
///
/// **Cancel-safe:** yes, where a method is not said to be otherwise: what comes is in the stream,
/// and a `next` that is dropped has taken nothing.
///
/// ```
/// use rondel::stream::{self, StreamExt};
///
/// rondel::run(async {
///     let squares = stream::iter(1..).map(|n| n * n).take_while(|&n| n < 30);
///     assert_eq!(squares.fold(0, |sum, n| sum + n).await, 1 + 4 + 9 + 16 + 25);
/// });
/// ```
pub trait StreamExt: Stream {
    /// Waits for the next item. `None`: the stream has ended.
    ///
    /// The twin of Python's `anext` and of `tokio_stream::StreamExt::next`. A stream that is not
    /// `Unpin` has to be pinned first: [`pin!`](std::pin::pin).
    ///
    /// **Cancel-safe:** yes. No item is lost when it is dropped.
    /// **Cost:** nothing of its own.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    ///
    /// rondel::run(async {
    ///     let mut words = stream::iter(["a", "b"]);
    ///     while let Some(word) = words.next().await {
    ///         assert!(word == "a" || word == "b");
    ///     }
    /// });
    /// ```
    fn next(&mut self) -> impl Future<Output = Option<Self::Item>>
    where
        Self: Unpin,
    {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx))
    }

    /// Waits for the next item of a stream of results, for `?`.
    ///
    /// `Ok(None)`: the stream has ended.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    ///
    /// rondel::run(async {
    ///     let mut numbers = stream::iter(["1", "x"]).map(|word| word.parse::<u8>());
    ///     assert_eq!(numbers.try_next().await, Ok(Some(1)));
    ///     assert!(numbers.try_next().await.is_err());
    ///     assert_eq!(numbers.try_next().await, Ok(None));
    /// });
    /// ```
    fn try_next<T, E>(&mut self) -> impl Future<Output = Result<Option<T>, E>>
    where
        Self: Stream<Item = Result<T, E>> + Unpin,
    {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx).map(Option::transpose))
    }

    /// Calls `f` with each item; its results are the items.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert_eq!(iter(1..=3).map(|n| n * 2).collect::<Vec<_>>().await, [2, 4, 6]);
    /// # });
    /// ```
    fn map<T, F>(self, f: F) -> Map<Self, F>
    where
        F: FnMut(Self::Item) -> T,
        Self: Sized,
    {
        Map::new(self, f)
    }

    /// As [`map`](Self::map), until `f` returns `None`.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// let digits = iter(['1', '2', 'x', '3']).map_while(|c| c.to_digit(10));
    /// assert_eq!(digits.collect::<Vec<_>>().await, [1, 2]);
    /// # });
    /// ```
    fn map_while<T, F>(self, f: F) -> MapWhile<Self, F>
    where
        F: FnMut(Self::Item) -> Option<T>,
        Self: Sized,
    {
        MapWhile::new(self, f)
    }

    /// Calls `f` with each item and waits for the future that it makes; the outputs are the items.
    ///
    /// One at a time; [`buffered`](Self::buffered) has several in flight.
    ///
    /// **Cancel-safe:** yes. The future in flight is in the stream.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    ///
    /// rondel::run(async {
    ///     let doubled = stream::iter(1..=3).then(|n| async move { n * 2 });
    ///     assert_eq!(doubled.collect::<Vec<_>>().await, [2, 4, 6]);
    /// });
    /// ```
    fn then<F, Fut>(self, f: F) -> Then<Self, Fut, F>
    where
        F: FnMut(Self::Item) -> Fut,
        Fut: Future,
        Self: Sized,
    {
        Then::new(self, f)
    }

    /// The items for which `f` returns `true`.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert_eq!(iter(1..=4).filter(|n| n % 2 == 0).collect::<Vec<_>>().await, [2, 4]);
    /// # });
    /// ```
    fn filter<F>(self, f: F) -> Filter<Self, F>
    where
        F: FnMut(&Self::Item) -> bool,
        Self: Sized,
    {
        Filter::new(self, f)
    }

    /// [`map`](Self::map) and [`filter`](Self::filter) in one: the `Some` that `f` returns.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// let digits = iter(['1', 'x', '2']).filter_map(|c| c.to_digit(10));
    /// assert_eq!(digits.collect::<Vec<_>>().await, [1, 2]);
    /// # });
    /// ```
    fn filter_map<T, F>(self, f: F) -> FilterMap<Self, F>
    where
        F: FnMut(Self::Item) -> Option<T>,
        Self: Sized,
    {
        FilterMap::new(self, f)
    }

    /// The first `n` items.
    fn take(self, n: usize) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, n)
    }

    /// The items before the first for which `f` returns `false`; that one is lost.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert_eq!(iter([1, 9, 2]).take_while(|&n| n < 5).collect::<Vec<_>>().await, [1]);
    /// # });
    /// ```
    fn take_while<F>(self, f: F) -> TakeWhile<Self, F>
    where
        F: FnMut(&Self::Item) -> bool,
        Self: Sized,
    {
        TakeWhile::new(self, f)
    }

    /// The items after the first `n`.
    fn skip(self, n: usize) -> Skip<Self>
    where
        Self: Sized,
    {
        Skip::new(self, n)
    }

    /// The items from the first on for which `f` returns `false`.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert_eq!(iter([1, 9, 2]).skip_while(|&n| n < 5).collect::<Vec<_>>().await, [9, 2]);
    /// # });
    /// ```
    fn skip_while<F>(self, f: F) -> SkipWhile<Self, F>
    where
        F: FnMut(&Self::Item) -> bool,
        Self: Sized,
    {
        SkipWhile::new(self, f)
    }

    /// The items of both streams as they come; if both have one, in turn.
    ///
    /// For more than two, or some that come and go: [`StreamMap`](super::StreamMap).
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    ///
    /// rondel::run(async {
    ///     let both = stream::iter([1, 3]).merge(stream::iter([2]));
    ///     assert_eq!(both.collect::<Vec<_>>().await, [1, 2, 3]);
    /// });
    /// ```
    fn merge<S>(self, other: S) -> Merge<Self, S>
    where
        S: Stream<Item = Self::Item>,
        Self: Sized,
    {
        Merge::new(self, other)
    }

    /// The items of this stream, then those of `other`.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert_eq!(iter([1, 2]).chain(iter([3])).collect::<Vec<_>>().await, [1, 2, 3]);
    /// # });
    /// ```
    fn chain<S>(self, other: S) -> Chain<Self, S>
    where
        S: Stream<Item = Self::Item>,
        Self: Sized,
    {
        Chain::new(self, other)
    }

    /// Pairs of the items of both; it ends with the shorter one.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// let pairs = iter(1..).zip(iter(['a', 'b']));
    /// assert_eq!(pairs.collect::<Vec<_>>().await, [(1, 'a'), (2, 'b')]);
    /// # });
    /// ```
    fn zip<S>(self, other: S) -> Zip<Self, S>
    where
        S: Stream,
        Self: Sized,
    {
        Zip::new(self, other)
    }

    /// The items with their numbers, from 0.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert_eq!(iter(['a', 'b']).enumerate().collect::<Vec<_>>().await, [(0, 'a'), (1, 'b')]);
    /// # });
    /// ```
    fn enumerate(self) -> Enumerate<Self>
    where
        Self: Sized,
    {
        Enumerate::new(self)
    }

    /// After the end, ends again and again, and its stream is dropped at the first.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// let mut one = iter([1]).fuse();
    /// assert_eq!((one.next().await, one.next().await), (Some(1), None));
    /// # });
    /// ```
    fn fuse(self) -> Fuse<Self>
    where
        Self: Sized,
    {
        Fuse::new(self)
    }

    /// Lets one look at the next item without taking it: [`Peekable::peek`].
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// let mut numbers = iter([1, 2]).peekable();
    /// assert_eq!(numbers.peek().await, Some(&1));
    /// assert_eq!(numbers.next().await, Some(1));
    /// # });
    /// ```
    fn peekable(self) -> Peekable<Self>
    where
        Self: Sized,
    {
        Peekable::new(self)
    }

    /// Runs the futures that the stream gives, at most `n` at a time; their outputs come in their
    /// order.
    ///
    /// The twin of `futures::StreamExt::buffered`. While one is slow its n - 1 successors may end,
    /// and no more start. [`combine::buffered`](crate::combine::buffered()) takes an iterator.
    ///
    /// # Panics
    ///
    /// If `n` is 0: nothing could ever run.
    ///
    /// **Cancel-safe:** yes. What is in flight is in the stream; dropping that drops it.
    /// **Cost:** three heap blocks for all, of `n` rooms; a wake polls those that were woken.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    ///
    /// rondel::run(async {
    ///     let pages = stream::iter(1..=4).map(|n| async move { n * 10 }).buffered(2);
    ///     assert_eq!(pages.collect::<Vec<_>>().await, [10, 20, 30, 40]);
    /// });
    /// ```
    #[track_caller]
    fn buffered(self, n: usize) -> Buffered<Self>
    where
        Self::Item: Future,
        Self: Sized,
    {
        assert!(n > 0, "`buffered` with n = 0 could never run anything");
        Buffered::new(self, n)
    }

    /// As [`buffered`](Self::buffered), but whoever ends first is handed out first.
    ///
    /// The twin of `futures::StreamExt::buffer_unordered`, and of a stream over
    /// `asyncio.as_completed`, a few at a time.
    ///
    /// # Panics
    ///
    /// If `n` is 0: nothing could ever run.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// let pages = iter(1..=4).map(|n| async move { n * 10 }).buffer_unordered(2);
    /// assert_eq!(pages.fold(0, |sum, n| sum + n).await, 100);
    /// # });
    /// ```
    #[track_caller]
    fn buffer_unordered(self, n: usize) -> BufferUnordered<Self>
    where
        Self::Item: Future,
        Self: Sized,
    {
        assert!(n > 0, "`buffer_unordered` with n = 0 could never run anything");
        BufferUnordered::new(self, n)
    }

    /// Makes one value of all items.
    ///
    /// **Cancel-safe:** no. **The value so far is lost.**
    fn fold<B, F>(self, init: B, mut f: F) -> impl Future<Output = B>
    where
        F: FnMut(B, Self::Item) -> B,
        Self: Sized,
    {
        async move {
            let (mut stream, mut value) = (pin!(self), init);
            while let Some(item) = stream.next().await {
                value = f(value, item);
            }
            value
        }
    }

    /// Collects all items; see [`FromStream`] for what there is. Of results, up to the first error.
    ///
    /// In Python `[x async for x in …]`. There is no limit to the number: [`take`](Self::take) sets
    /// one.
    ///
    /// **Cancel-safe:** no. **What was collected is lost.**
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert_eq!(iter(['a', 'b']).collect::<String>().await, "ab");
    /// # });
    /// ```
    fn collect<C>(self) -> impl Future<Output = C>
    where
        C: FromStream<Self::Item>,
        Self: Sized,
    {
        async move {
            let (mut stream, mut partial) = (pin!(self), C::begin());
            while let Some(item) = stream.next().await {
                if C::push(&mut partial, item).is_break() {
                    break;
                }
            }
            C::end(partial)
        }
    }

    /// Whether `f` returns `true` for all items; stops at the first for which it does not.
    ///
    /// **Cancel-safe:** yes; a second call goes on with the items that are left.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert!(iter(1..=4).all(|n| n < 5).await);
    /// # });
    /// ```
    fn all<F>(&mut self, mut f: F) -> impl Future<Output = bool>
    where
        F: FnMut(Self::Item) -> bool,
        Self: Unpin,
    {
        async move {
            while let Some(item) = self.next().await {
                if !f(item) {
                    return false;
                }
            }
            true
        }
    }

    /// Whether `f` returns `true` for some item; stops at the first for which it does.
    ///
    /// **Cancel-safe:** yes; a second call goes on with the items that are left.
    ///
    /// ```
    /// # use rondel::stream::{StreamExt, iter};
    /// # rondel::run(async {
    /// assert!(iter(1..).any(|n| n > 5).await);
    /// # });
    /// ```
    fn any<F>(&mut self, mut f: F) -> impl Future<Output = bool>
    where
        F: FnMut(Self::Item) -> bool,
        Self: Unpin,
    {
        async move {
            while let Some(item) = self.next().await {
                if f(item) {
                    return true;
                }
            }
            false
        }
    }

    /// At least `duration` from one item to the next.
    ///
    /// The first comes at once. While it rests the stream is not asked: what comes meanwhile waits
    /// in it. Nothing is left out.
    ///
    /// # Panics
    ///
    /// `next` panics outside a runtime.
    ///
    /// **Cost:** a clock read and a wheel entry an item; nothing if `duration` is zero.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    /// use rondel::time::{Duration, Instant};
    ///
    /// rondel::run(async {
    ///     let (start, pause) = (Instant::now(), Duration::from_millis(2));
    ///     let mut ticks = stream::repeat("tick").throttle(pause);
    ///     ticks.next().await;
    ///     ticks.next().await;
    ///     assert!(start.elapsed() >= pause);
    /// });
    /// ```
    fn throttle(self, duration: Duration) -> Throttle<Self>
    where
        Self: Sized,
    {
        Throttle::new(self, duration)
    }

    /// Items as `Ok`; and an `Err` when none has come for `duration`, one for each silence.
    ///
    /// The limit counts from the call of `timeout`, then from each item. After an error the stream
    /// goes on. An item that is there beats a limit that has passed. In Python: `asyncio.timeout`
    /// around each `anext`, which would cancel the generator.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// **Cost:** a clock read an item, and a wheel entry for each time it has to wait.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    /// use rondel::time::Duration;
    ///
    /// rondel::run(async {
    ///     let one = stream::once(1).chain(stream::pending());
    ///     let mut one = one.timeout(Duration::from_millis(1));
    ///     assert_eq!(one.next().await, Some(Ok(1)));
    ///     assert!(one.next().await.unwrap().is_err());
    /// });
    /// ```
    #[track_caller]
    fn timeout(self, duration: Duration) -> Timeout<Self>
    where
        Self: Sized,
    {
        Timeout::new(self, duration)
    }

    /// As [`timeout`](Self::timeout), with an error at each tick of `interval` during a silence.
    ///
    /// Each item resets the interval: the next tick is a period away. The first tick of
    /// [`interval`](crate::time::interval) is now; take
    /// [`interval_at`](crate::time::interval_at) for a first silence of a whole period.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    /// use rondel::time::{Duration, interval};
    ///
    /// rondel::run(async {
    ///     let silence = stream::pending::<u8>();
    ///     let mut silence = silence.timeout_repeating(interval(Duration::from_millis(1)));
    ///     assert!(silence.next().await.unwrap().is_err());
    ///     assert!(silence.next().await.unwrap().is_err());
    /// });
    /// ```
    fn timeout_repeating(self, interval: Interval) -> TimeoutRepeating<Self>
    where
        Self: Sized,
    {
        TimeoutRepeating::new(self, interval)
    }

    /// Items by the handful: at most `max_size`, and none older than `duration`.
    ///
    /// A chunk is handed out when it is full, when its first item has waited for `duration`, and at
    /// the end of the stream. There is no empty chunk.
    ///
    /// # Panics
    ///
    /// If `max_size` is 0. `next` panics outside a runtime.
    ///
    /// **Cancel-safe:** yes. What was collected stays in the stream, and
    /// [`take_remainder`](ChunksTimeout::take_remainder) gives it out.
    /// **Cost:** a `Vec` and a wheel entry a chunk.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    /// use rondel::time::Duration;
    ///
    /// rondel::run(async {
    ///     let chunks = stream::iter(1..=5).chunks_timeout(2, Duration::from_millis(1));
    ///     assert_eq!(chunks.collect::<Vec<_>>().await, [vec![1, 2], vec![3, 4], vec![5]]);
    /// });
    /// ```
    #[track_caller]
    fn chunks_timeout(self, max_size: usize, duration: Duration) -> ChunksTimeout<Self>
    where
        Self: Sized,
    {
        ChunksTimeout::new(self, max_size, duration)
    }
}

impl<S: Stream + ?Sized> StreamExt for S {}

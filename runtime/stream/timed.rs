//! Floor 5. Streams and the clock: `throttle`, `timeout`, `timeout_repeating`, `chunks_timeout`.
//!
//! ```text
//!   limit 10:           0         10        20        30
//!   the stream          a    b                        c
//!   timeout             a    b         E              c      one Elapsed for each silence
//!   timeout_repeating   a    b         E         E    c      one a period, as long as it lasts
//!   throttle            a         b                   c      at least 10 between two
//!   chunks_timeout(9)             [a,b]               …      10 after the first of a chunk
//! ```
//!
//! Rules
//! 1. The stream is asked first, and the clock only if it has to wait. So an item that is there in
//!    time beats the limit, however late its consumer comes.
//! 2. A stream that spends the whole budget of a poll does not outlive its limit: that is then
//!    looked at for free, as in time/timeout.rs.
//! 3. When the stream has ended the timers are not asked any more.
//!
//! Real world: tokio-stream has these four; in Python `asyncio.timeout` around each `anext`.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::adapters::Fuse;
use crate::budget;
use crate::time::error::Elapsed;
use crate::time::{Duration, Instant, Interval, Sleep, sleep, sleep_until};

/// The four methods of [`StreamExt`](super::StreamExt) that futures-rs' trait of that name lacks,
/// for those who use that one: two traits in scope whose methods have the same names are no use.
///
/// ```
/// use rondel::stream::{self, TimedExt}; // and futures::StreamExt beside it
/// use rondel::time::Duration;
///
/// let slow = stream::iter([1, 2, 3]);
/// # rondel::run(async {
/// let slow = slow.throttle(Duration::from_millis(1));
/// # drop(slow);
/// # });
/// ```
pub trait TimedExt: Stream {
    /// As [`StreamExt::throttle`](super::StreamExt::throttle).
    fn throttle(self, duration: Duration) -> Throttle<Self>
    where
        Self: Sized,
    {
        Throttle::new(self, duration)
    }

    /// As [`StreamExt::timeout`](super::StreamExt::timeout).
    #[track_caller]
    fn timeout(self, duration: Duration) -> Timeout<Self>
    where
        Self: Sized,
    {
        Timeout::new(self, duration)
    }

    /// As [`StreamExt::timeout_repeating`](super::StreamExt::timeout_repeating).
    fn timeout_repeating(self, interval: Interval) -> TimeoutRepeating<Self>
    where
        Self: Sized,
    {
        TimeoutRepeating::new(self, interval)
    }

    /// As [`StreamExt::chunks_timeout`](super::StreamExt::chunks_timeout).
    #[track_caller]
    fn chunks_timeout(self, max_size: usize, duration: Duration) -> ChunksTimeout<Self>
    where
        Self: Sized,
    {
        ChunksTimeout::new(self, max_size, duration)
    }
}

impl<S: Stream + ?Sized> TimedExt for S {}

/// Polls a limit after a stream that was polled with `had_budget` (rule 2).
fn poll_limit(had_budget: bool, poll: impl FnOnce() -> Poll<()>) -> Poll<()> {
    let _free = (had_budget && !budget::remains()).then(budget::unlimited);
    poll()
}

fn after(duration: Duration) -> Instant {
    Instant::now().add_or_far(duration)
}

pin_project! {
    /// The stream of [`StreamExt::throttle`](crate::stream::StreamExt::throttle).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Throttle<S> {
        #[pin]
        stream: S,
        duration: Duration,
        // Until when the next item has to wait.
        rest: Option<Sleep>,
    }
}

impl<S> Throttle<S> {
    pub(super) fn new(stream: S, duration: Duration) -> Self {
        Self { stream, duration, rest: None }
    }

    /// The stream that is throttled.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream that is throttled.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Gives up the throttle.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Stream> Stream for Throttle<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let me = self.project();
        if let Some(rest) = me.rest {
            ready!(Pin::new(rest).poll(cx));
            *me.rest = None;
        }
        let item = ready!(me.stream.poll_next(cx));
        if item.is_some() && !me.duration.is_zero() {
            *me.rest = Some(sleep(*me.duration));
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

pin_project! {
    /// The stream of [`StreamExt::timeout`](crate::stream::StreamExt::timeout).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Timeout<S> {
        #[pin]
        stream: Fuse<S>,
        limit: Sleep,
        duration: Duration,
        // Whether this silence has had its error.
        told: bool,
    }
}

impl<S> Timeout<S> {
    #[track_caller]
    pub(super) fn new(stream: S, duration: Duration) -> Self {
        let limit = sleep_until(after(duration));
        Self { stream: Fuse::new(stream), limit, duration, told: false }
    }
}

impl<S: Stream> Stream for Timeout<S> {
    type Item = Result<S::Item, Elapsed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let me = self.project();
        let had_budget = budget::remains();
        let mut limit = Pin::new(me.limit);
        if let Poll::Ready(item) = me.stream.poll_next(cx) {
            if item.is_some() {
                limit.reset(after(*me.duration));
                *me.told = false;
            }
            return Poll::Ready(item.map(Ok));
        }
        if *me.told {
            return Poll::Pending;
        }
        ready!(poll_limit(had_budget, || limit.as_mut().poll(cx)));
        *me.told = true;
        Poll::Ready(Some(Err(Elapsed(()))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error before each item, and one before the end.
        let (least, most) = self.stream.size_hint();
        (least, most.and_then(|most| most.checked_mul(2)?.checked_add(1)))
    }
}

pin_project! {
    /// The stream of [`StreamExt::timeout_repeating`](crate::stream::StreamExt::timeout_repeating).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct TimeoutRepeating<S> {
        #[pin]
        stream: Fuse<S>,
        interval: Interval,
    }
}

impl<S> TimeoutRepeating<S> {
    pub(super) fn new(stream: S, interval: Interval) -> Self {
        Self { stream: Fuse::new(stream), interval }
    }
}

impl<S: Stream> Stream for TimeoutRepeating<S> {
    type Item = Result<S::Item, Elapsed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let me = self.project();
        let had_budget = budget::remains();
        if let Poll::Ready(item) = me.stream.poll_next(cx) {
            if item.is_some() {
                me.interval.reset();
            }
            return Poll::Ready(item.map(Ok));
        }
        ready!(poll_limit(had_budget, || me.interval.poll_tick(cx).map(drop)));
        Poll::Ready(Some(Err(Elapsed(()))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.stream.size_hint().0, None)
    }
}

pin_project! {
    /// The stream of [`StreamExt::chunks_timeout`](crate::stream::StreamExt::chunks_timeout).
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct ChunksTimeout<S: Stream> {
        #[pin]
        stream: Fuse<S>,
        max_size: usize,
        duration: Duration,
        chunk: Vec<S::Item>,
        // Of the chunk that has begun.
        limit: Option<Sleep>,
    }
}

impl<S: Stream> ChunksTimeout<S> {
    #[track_caller]
    pub(super) fn new(stream: S, max_size: usize, duration: Duration) -> Self {
        assert!(max_size > 0, "`chunks_timeout` with max_size = 0 could never fill a chunk");
        let stream = Fuse::new(stream);
        Self { stream, max_size, duration, chunk: Vec::new(), limit: None }
    }

    /// Takes out what has been collected for the next chunk.
    ///
    /// ```
    /// use rondel::stream::{self, StreamExt};
    /// use rondel::time::{Duration, timeout};
    ///
    /// rondel::run(async {
    ///     let slow = stream::iter([1, 2]).chain(stream::pending());
    ///     let mut chunks = Box::pin(slow.chunks_timeout(9, Duration::from_secs(60)));
    ///     assert!(timeout(Duration::from_millis(1), chunks.next()).await.is_err());
    ///     assert_eq!(chunks.as_mut().take_remainder(), [1, 2]);
    /// });
    /// ```
    pub fn take_remainder(self: Pin<&mut Self>) -> Vec<S::Item> {
        let me = self.project();
        *me.limit = None;
        mem::take(me.chunk)
    }
}

impl<S: Stream> Stream for ChunksTimeout<S> {
    type Item = Vec<S::Item>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut me = self.as_mut().project();
        let had_budget = budget::remains();
        loop {
            match me.stream.as_mut().poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) if me.chunk.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(Some(self.take_remainder())),
                Poll::Ready(Some(item)) => {
                    if me.chunk.is_empty() {
                        *me.limit = Some(sleep(*me.duration));
                    }
                    me.chunk.push(item);
                    if me.chunk.len() >= *me.max_size {
                        return Poll::Ready(Some(self.take_remainder()));
                    }
                }
            }
        }
        let Some(limit) = me.limit else { return Poll::Pending };
        ready!(poll_limit(had_budget, || Pin::new(limit).poll(cx)));
        Poll::Ready(Some(self.take_remainder()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let waiting = self.chunk.len();
        let (least, most) = self.stream.size_hint();
        let least = least.saturating_add(waiting).div_ceil(self.max_size);
        (least, most.and_then(|most| most.checked_add(waiting)))
    }
}

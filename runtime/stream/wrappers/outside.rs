//! Floor 5. Time, the network and readers as streams.
//!
//! Each is a `poll_…` function of what it wraps, under the name `poll_next`.
//!
//! Real world: tokio-stream's wrappers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::io::{AsyncBufRead, Lines, Split};
use crate::net::{TcpListener, TcpStream};
use crate::time::{Instant, Interval};

/// The ticks of an interval as a stream. It never ends.
///
/// The twin of `tokio_stream::wrappers::IntervalStream`.
///
/// **Cancel-safe:** yes.
///
/// ```
/// use rondel::stream::{StreamExt, wrappers::IntervalStream};
/// use rondel::time::{Duration, interval};
///
/// rondel::run(async {
///     let period = Duration::from_millis(1);
///     let mut ticks = IntervalStream::new(interval(period));
///     let (first, second) = (ticks.next().await.unwrap(), ticks.next().await.unwrap());
///     assert_eq!(second - first, period);
/// });
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct IntervalStream {
    interval: Interval,
}

impl IntervalStream {
    /// The stream of the ticks of `interval`.
    pub fn new(interval: Interval) -> Self {
        Self { interval }
    }

    /// The interval.
    pub fn into_inner(self) -> Interval {
        self.interval
    }
}

impl Stream for IntervalStream {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.interval.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl AsRef<Interval> for IntervalStream {
    fn as_ref(&self) -> &Interval {
        &self.interval
    }
}

impl AsMut<Interval> for IntervalStream {
    fn as_mut(&mut self) -> &mut Interval {
        &mut self.interval
    }
}

/// The connections that a listener accepts, as a stream. It never ends.
///
/// The twin of `tokio_stream::wrappers::TcpListenerStream`. An error is an item, and the stream
/// goes on: that of one connection says nothing of the next.
///
/// **Cancel-safe:** yes. A connection that was not handed out is still in the kernel's queue.
///
/// ```
/// use rondel::net::{TcpListener, TcpStream};
/// use rondel::stream::{StreamExt, wrappers::TcpListenerStream};
///
/// rondel::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let mut clients = TcpListenerStream::new(listener);
///     let accepted = clients.next().await.unwrap()?;
///     assert_eq!(accepted.peer_addr()?, client.local_addr()?);
///     Ok::<(), std::io::Error>(())
/// })
/// .unwrap();
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct TcpListenerStream {
    listener: TcpListener,
}

impl TcpListenerStream {
    /// The stream of what `listener` accepts.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener }
    }

    /// The listener.
    pub fn into_inner(self) -> TcpListener {
        self.listener
    }
}

impl Stream for TcpListenerStream {
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl AsRef<TcpListener> for TcpListenerStream {
    fn as_ref(&self) -> &TcpListener {
        &self.listener
    }
}

impl AsMut<TcpListener> for TcpListenerStream {
    fn as_mut(&mut self) -> &mut TcpListener {
        &mut self.listener
    }
}

pin_project! {
    /// The lines of a reader as a stream. It ends with the reader.
    ///
    /// The twin of `tokio_stream::wrappers::LinesStream`, and of `async for line in reader` in
    /// asyncio.
    ///
    /// **Cancel-safe:** yes. A line that has come in part stays in the stream.
    ///
    /// ```
    /// use rondel::io::{AsyncBufReadExt, BufReader};
    /// use rondel::stream::{StreamExt, wrappers::LinesStream};
    ///
    /// rondel::run(async {
    ///     let lines = LinesStream::new(BufReader::new(&b"one\ntwo"[..]).lines());
    ///     let lines: Result<Vec<_>, _> = lines.collect().await;
    ///     assert_eq!(lines.unwrap(), ["one", "two"]);
    /// });
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct LinesStream<R> {
        #[pin]
        lines: Lines<R>,
    }
}

impl<R> LinesStream<R> {
    /// The stream of `lines`.
    pub fn new(lines: Lines<R>) -> Self {
        Self { lines }
    }

    /// The lines that have not been handed out.
    pub fn into_inner(self) -> Lines<R> {
        self.lines
    }
}

impl<R: AsyncBufRead> Stream for LinesStream<R> {
    type Item = io::Result<String>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().lines.poll_next_line(cx).map(Result::transpose)
    }
}

pin_project! {
    /// The pieces of a reader between marks as a stream. It ends with the reader.
    ///
    /// The twin of `tokio_stream::wrappers::SplitStream`.
    ///
    /// **Cancel-safe:** yes. A piece that has come in part stays in the stream.
    ///
    /// ```
    /// use rondel::io::{AsyncBufReadExt, BufReader};
    /// use rondel::stream::{StreamExt, wrappers::SplitStream};
    ///
    /// rondel::run(async {
    ///     let mut fields = SplitStream::new(BufReader::new(&b"a,b"[..]).split(b','));
    ///     assert_eq!(fields.next().await.unwrap().unwrap(), b"a");
    /// });
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct SplitStream<R> {
        #[pin]
        split: Split<R>,
    }
}

impl<R> SplitStream<R> {
    /// The stream of `split`.
    pub fn new(split: Split<R>) -> Self {
        Self { split }
    }

    /// The pieces that have not been handed out.
    pub fn into_inner(self) -> Split<R> {
        self.split
    }
}

impl<R: AsyncBufRead> Stream for SplitStream<R> {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().split.poll_next_segment(cx).map(Result::transpose)
    }
}

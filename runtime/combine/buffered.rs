//! Floor 5. `buffered` and `buffer_unordered`: a long list of futures, a few of them at a time.
//!
//! The iterator is pulled only when a room is free, so the list may be endless, and a future that
//! is not in a room does not exist yet. A room that is vacated is given to the next future; so the
//! two heap blocks of the first n serve all that come after them.
//!
//! ```text
//!   iterator ──▶ [ room 0 | room 1 | room 2 ] ──▶ next()
//!                    ▲ vacated last: it gets the next future of the iterator
//!
//!   unordered: whoever ends first is handed out first
//!   ordered:   the rooms are a ring; the oldest is handed out first, and keeps its room until then
//! ```
//!
//! Rules
//! 1. At most n futures are in rooms: they run, or have ended and were not fetched. So memory is
//!    bounded, whatever the consumer does.
//! 2. Each `next` first fills the room that the last one vacated, and polls.
//! 3. In order, one slow future holds up the hand-out: its n - 1 successors may end, and wait.
//!
//! Real world: futures-rs' `buffered` and `buffer_unordered`, over a stream; in Python a semaphore
//! around each of N tasks, which makes all N tasks at once.

use std::collections::VecDeque;
use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::iter::Fuse;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::children::{Children, Order};
use super::maybe_done::MaybeDone;

/// Runs a list of futures, at most `n` at a time, and hands out the outputs in the order of the
/// list.
///
/// The twin of `futures::stream::StreamExt::buffered`. Python has none; there it is a `Semaphore`
/// and a `gather`, with all tasks made at once.
///
/// - `futures`: an iterator, endless if you like. It is pulled when there is a free room, first by
///   the first `next`.
/// - `n`: how many may run, or have ended and wait for their turn. While one is slow, its n - 1
///   successors may end but no others start: that is what bounds the memory.
///   [`buffer_unordered`] does not wait for the slow one.
/// - Returns a stream ([`futures_core::Stream`]) with a `next` of its own. Nothing runs but while
///   somebody waits in it.
///
/// Dropping it drops the children in flight where they are, and the outputs that were not fetched.
///
/// # Panics
///
/// If `n` is 0: nothing could ever run. `next` panics if a child panics, and cannot be called again
/// then.
///
/// **Cancel-safe:** yes; no output is lost when a `next` is dropped.
/// **Cost:** two heap blocks for all, of `n` rooms; a wake polls the children that were woken and
/// no other.
///
/// ```
/// use rondel::time::{Duration, sleep};
///
/// rondel::run(async {
///     let pages = (0..4).map(|number| async move {
///         sleep(Duration::from_millis(4 - number)).await;
///         number
///     });
///     let mut pages = rondel::combine::buffered(pages, 2);
///     let mut read = Vec::new();
///     while let Some(number) = pages.next().await {
///         read.push(number);
///     }
///     assert_eq!(read, [0, 1, 2, 3]);
/// });
/// ```
#[track_caller]
pub fn buffered<I>(futures: I, n: usize) -> Buffered<I::IntoIter>
where
    I: IntoIterator<Item: IntoFuture>,
{
    assert!(n > 0, "`buffered` with n = 0 could never run anything");
    Buffered { window: Window::new(futures, n, Order::OfRooms), oldest: 0 }
}

/// Runs a list of futures, at most `n` at a time, and hands out the outputs as they come.
///
/// The twin of `futures::stream::StreamExt::buffer_unordered`. As [`buffered`], but whoever ends
/// first is handed out first, and its room is given to the next future: there are `n` in flight as
/// long as the iterator has more.
///
/// Outputs come in the order of their ends.
///
/// # Panics
///
/// If `n` is 0: nothing could ever run. `next` panics if a child panics, and cannot be called again
/// then.
///
/// **Cancel-safe:** yes; no output is lost when a `next` is dropped.
/// **Cost:** five heap blocks for all, of `n` rooms; a wake polls the children that were woken and
/// no other.
///
/// ```
/// rondel::run(async {
///     let squares = (0..).map(|n| async move { n * n }); // endless
///     let mut squares = rondel::combine::buffer_unordered(squares, 3);
///     let mut sum = 0;
///     for _ in 0..4 {
///         sum += squares.next().await.unwrap();
///     }
///     assert_eq!(sum, 0 + 1 + 4 + 9);
/// });
/// ```
#[track_caller]
pub fn buffer_unordered<I>(futures: I, n: usize) -> BufferUnordered<I::IntoIter>
where
    I: IntoIterator<Item: IntoFuture>,
{
    assert!(n > 0, "`buffer_unordered` with n = 0 could never run anything");
    let window = Window::new(futures, n, Order::OfWakes);
    BufferUnordered { window, ended: VecDeque::new() }
}

type FutureOf<I> = <<I as Iterator>::Item as IntoFuture>::IntoFuture;
type OutputOf<I> = <<I as Iterator>::Item as IntoFuture>::Output;

/// The part of the list that is in rooms.
struct Window<I: Iterator<Item: IntoFuture>> {
    futures: Fuse<I>,
    n: usize,
    order: Order,
    /// None: not polled yet. As many rooms as there were futures then, and at most `n`.
    children: Option<Children<FutureOf<I>>>,
    /// The room that was vacated last.
    vacated: Option<usize>,
    /// How many rooms are not vacant.
    taken: usize,
}

impl<I: Iterator<Item: IntoFuture>> Window<I> {
    fn new(futures: impl IntoIterator<IntoIter = I>, n: usize, order: Order) -> Self {
        let futures = futures.into_iter().fuse();
        Self { futures, n, order, children: None, vacated: None, taken: 0 }
    }

    /// Fills what is vacant (rule 2), polls who was woken, and tells who ended.
    fn poll(&mut self, cx: &mut Context<'_>, mut ended: impl FnMut(usize)) {
        if self.children.is_none() {
            let children = Children::new(self.futures.by_ref().take(self.n), self.order);
            self.taken = children.running();
            self.children = Some(children);
        }
        let Some(children) = &mut self.children else { return };
        if let Some(room) = self.vacated {
            if let Some(next) = self.futures.next() {
                children.settle(room, next.into_future());
                self.taken += 1;
            }
            self.vacated = None; // not before: the iterator may panic
        }
        let _ = children.poll_woken(cx, |room, _| {
            ended(room);
            ControlFlow::<()>::Continue(())
        });
    }

    /// Fetches an output and vacates the room.
    fn take(&mut self, room: usize) -> Option<OutputOf<I>> {
        let children = self.children.as_mut()?;
        self.vacated = Some(room);
        self.taken -= 1;
        Some(children.room(room).take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.futures.size_hint();
        let most = most.and_then(|most| most.checked_add(self.taken));
        (least.saturating_add(self.taken), most)
    }
}

impl<I: Iterator<Item: IntoFuture>> fmt::Debug for Window<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("n", &self.n).field("taken", &self.taken).finish()
    }
}

/// The stream of [`buffered`].
#[must_use = "nothing runs unless `next` is awaited"]
pub struct Buffered<I: Iterator<Item: IntoFuture>> {
    window: Window<I>,
    /// The room of whoever is handed out next.
    oldest: usize,
}

// Nothing in it is pinned: the children are pinned elsewhere, and the iterator is only called.
impl<I: Iterator<Item: IntoFuture>> Unpin for Buffered<I> {}

impl<I: Iterator<Item: IntoFuture>> Buffered<I> {
    /// Waits for the next output. `None`: all have been fetched.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// # Panics
    ///
    /// If a child panics, or the iterator.
    pub async fn next(&mut self) -> Option<OutputOf<I>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<I: Iterator<Item: IntoFuture>> Stream for Buffered<I> {
    type Item = OutputOf<I>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { window, oldest } = &mut *self;
        window.poll(cx, |_| ());
        if window.taken == 0 {
            return Poll::Ready(None);
        }
        let Some(children) = &mut window.children else { return Poll::Ready(None) };
        if matches!(*children.room(*oldest), MaybeDone::Running { .. }) {
            return Poll::Pending;
        }
        let room = *oldest;
        *oldest = (room + 1) % children.rooms_len();
        Poll::Ready(window.take(room))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.window.size_hint()
    }
}

impl<I: Iterator<Item: IntoFuture>> fmt::Debug for Buffered<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffered").field("window", &self.window).finish_non_exhaustive()
    }
}

/// The stream of [`buffer_unordered`].
#[must_use = "nothing runs unless `next` is awaited"]
pub struct BufferUnordered<I: Iterator<Item: IntoFuture>> {
    window: Window<I>,
    /// The rooms whose outputs were not fetched yet.
    ended: VecDeque<usize>,
}

// As for `Buffered`.
impl<I: Iterator<Item: IntoFuture>> Unpin for BufferUnordered<I> {}

impl<I: Iterator<Item: IntoFuture>> BufferUnordered<I> {
    /// Waits for the next output. `None`: all have been fetched.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// # Panics
    ///
    /// If a child panics, or the iterator.
    pub async fn next(&mut self) -> Option<OutputOf<I>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<I: Iterator<Item: IntoFuture>> Stream for BufferUnordered<I> {
    type Item = OutputOf<I>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { window, ended } = &mut *self;
        window.poll(cx, |room| ended.push_back(room));
        match ended.pop_front() {
            Some(room) => Poll::Ready(window.take(room)),
            None if window.taken > 0 => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.window.size_hint()
    }
}

impl<I: Iterator<Item: IntoFuture>> fmt::Debug for BufferUnordered<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferUnordered").field("window", &self.window).finish_non_exhaustive()
    }
}
